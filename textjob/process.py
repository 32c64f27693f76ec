"""The process of a command: what is set before TensorFlow is imported, and its import without start-up messages.

Nothing here imports TensorFlow by itself: ``--help``, a wrong flag and missing data must be answered at once.
"""
import contextlib
import logging
import os
import re
import signal
import sys
import tempfile
import threading
from types import FrameType
from typing import Iterator, Optional, Set

from textjob.errors import INTERRUPTED, ON_INTERRUPT

_BANNER = re.compile(rb"oneDNN custom operations|oneDNN supports DT_INT32|before absl::InitializeLog|"
                     rb"cpu_feature_guard|rebuild TensorFlow with|^To enable the following instructions")


class _StandardError:
    descriptor = 2  # another one while standard error is held back


def exit_on_interrupt() -> None:
    """Let Ctrl-C end the process with 130, a sentence and no traceback while modules are imported."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _exit)


def _exit(_number: int, _frame: Optional[FrameType]) -> None:
    os.write(_StandardError.descriptor, f"error: {ON_INTERRUPT}\n".encode("ascii"))
    os._exit(INTERRUPTED)


def interrupts_raise() -> None:
    """Let Ctrl-C raise :class:`KeyboardInterrupt` again; SIGINT stays ignored where the parent process ignores it."""
    if threading.current_thread() is not threading.main_thread():
        return  # only the main thread, which runs the server, may decide what a signal does
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


WITHOUT_KERAS = {"TF_USE_LEGACY_KERAS": "1"}  # environment
_added: Set[str] = set()  # the variables that without_keras() has set


def without_keras() -> None:
    """Let ``import tensorflow`` leave Keras out, where it has not been imported and the environment does not decide.

    The import takes almost half of the time then, and 100 MB less memory (TensorFlow 2.21; 2.1 ignores the variable).
    A model or a service file that needs ``tf.keras`` runs with ``TF_USE_LEGACY_KERAS=0`` in the environment.
    """
    if "tensorflow" in sys.modules:
        return  # too late for this process, and its child processes may need Keras
    if not WITHOUT_KERAS.keys() & os.environ.keys():
        os.environ.update(WITHOUT_KERAS)
        _added.update(WITHOUT_KERAS)


def with_keras() -> None:
    """Undo :func:`without_keras`; ``tf.keras`` is then imported when a service file uses it."""
    while _added:
        os.environ.pop(_added.pop(), None)


def limit_threads() -> None:
    """Let each op use half of the cores, unless ``TF_NUM_INTRAOP_THREADS`` is set; call it before the first op.

    A step consists of two or three chains of ops that run in parallel: the directions of an LSTM, the widths of a CNN.
    If each op uses all cores, the chains slow each other down: on two cores an LSTM loses a quarter of its speed. The
    server needs a third less CPU time per request to an LSTM with this limit, because waiting threads use CPU time.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(max(1, cores // 2)))


def without_onednn() -> None:
    """Let TensorFlow leave oneDNN out, unless ``TF_ENABLE_ONEDNN_OPTS`` is set; call it before the import.

    oneDNN keeps code and buffers for each shape of a batch. The batches of a server have hundreds of shapes: with
    oneDNN its memory grows by 40 MB within 400,000 requests, and the models of this project are not faster. Products of
    large matrices are: layers of the size of BERT take 20 to 30 % more CPU time without it.
    """
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")


def import_tensorflow(starts_runtime: bool = True) -> None:
    """Import TensorFlow and start its runtime, without its start-up messages and its warnings on the classic API.

    The runtime is not started where other nodes have to be named to it first.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    for name in ("tensorflow", "absl"):
        logging.getLogger(name).setLevel(logging.ERROR)  # the classic loader and exporter are deprecated, and needed
    exit_on_interrupt()  # an interrupted import can leave TensorFlow half initialised
    with without_banner():
        import tensorflow  # noqa: F401

        if starts_runtime:
            start_runtime()
    interrupts_raise()


def start_runtime() -> None:
    """Run an op, because the runtime prints its messages with the first op, and oneDNN with this one."""
    import tensorflow as tf

    tf.transpose(tf.constant([[0]]))


@contextlib.contextmanager
def without_banner() -> Iterator[None]:
    """Hold back standard error, of C++ too, and print it at the end without TensorFlow's start-up messages."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held_back:
        original = _StandardError.descriptor = os.dup(2)
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(original, 2)
            _StandardError.descriptor = 2
            os.close(original)
            held_back.seek(0)
            lines = b"".join(line for line in held_back if not _BANNER.search(line))
            if lines:  # an empty write fails, too, where the disk of the log is full
                os.write(2, lines)
