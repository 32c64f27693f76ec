"""The errors that a user can resolve, and the exit code of each.

::

    JobError                 1   unexpected failure; please report it with the log
    ├── UsageError           2   a flag, a setting or a config file is wrong
    ├── DataError            3   the data cannot be read, or a classifier cannot be trained on them
    ├── RefusedError         4   the output folder holds the results of another run; nothing was changed
    ├── PackageError         5   a package is damaged or not deployable, or a model cannot be adopted
    ├── TerminatedError      6   stopped by SIGTERM; the same command continues from the last checkpoint
    │   └── WorkerLostError  6   another node of the job has ended; the same command on all nodes continues
    ├── DiskFullError        7   the disk is full; free some space, then run the same command again
    └── StorageError         8   the object store refused a request or returned an error

Every message says what is wrong, what was expected and what to do. :func:`run` is the one place where an error becomes
a line on standard error and an exit code.
"""
import errno
import os
import re
import sys
from difflib import get_close_matches
from typing import Callable, Iterable

INTERRUPTED, BROKEN_PIPE = 130, 141
"""Exit codes of a shell for SIGINT and SIGPIPE."""

ON_INTERRUPT = "interrupted by Ctrl-C"

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""Codes of the operating system for a full disk, an exceeded quota and a file that is too large for its disk."""


class JobError(Exception):
    """Unexpected failure; please report it with the log."""

    exit_code = 1


class UsageError(JobError):
    """A flag, a setting or a config file is wrong."""

    exit_code = 2


class DataError(JobError):
    """The data cannot be read, or a classifier cannot be trained on them."""

    exit_code = 3


class RefusedError(JobError):
    """The output folder holds the results of another run; nothing was changed."""

    exit_code = 4


class PackageError(JobError):
    """A package is damaged or not deployable, or a model cannot be adopted."""

    exit_code = 5


class TerminatedError(JobError):
    """Stopped by SIGTERM; the same command continues from the last checkpoint."""

    exit_code = 6


class WorkerLostError(TerminatedError):
    """Another node of the job has ended or does not respond; the same command on all nodes continues."""


class DiskFullError(JobError):
    """The disk is full; free some space, then run the same command again."""

    exit_code = 7


class StorageError(JobError):
    """The object store refused a request or returned an error."""

    exit_code = 8


def nearest_name(name: str, valid: Iterable[str]) -> str:
    """The valid name that a misspelt one resembles, or ``""``."""
    return next(iter(get_close_matches(name, list(valid), n=1, cutoff=0.7)), "")


def nearest(name: str, valid: Iterable[str]) -> str:
    """``"; did you mean 'epochs'?"`` where :func:`nearest_name` knows one, else ``""``."""
    close = nearest_name(name, valid)
    return f"; did you mean {close!r}?" if close else ""


def not_installed(command: str, error: ImportError) -> UsageError:
    """The error for a command of ``infer.py`` whose packages are not installed."""
    return UsageError(f"infer.py {command} needs the module {error.name}, which is not installed; run: "
                      "pip install -r requirements-serve.txt")


def one_line(text: str) -> str:
    """The text with escapes for line breaks, control characters and lone surrogates, as names of files can hold them.
    """
    return re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", lambda match: ascii(match.group())[1:-1], text)


def shown(message: str) -> str:
    """A message as it is printed: one line, and below it the lines of a list, which are indented by two spaces."""
    return "\n  ".join(one_line(line) for line in message.split("\n  "))


def run(main: Callable[[], int], interrupted: str = ON_INTERRUPT) -> int:
    """Call ``main``, and turn what a user can resolve into a sentence on standard error and an exit code.

    ``interrupted`` is the sentence after Ctrl-C.
    """
    try:
        code = main()
        sys.stdout.flush()
        return code
    except JobError as error:
        return _failed(str(error), error.exit_code)
    except KeyboardInterrupt as interrupt:
        return _failed(str(interrupt) or interrupted, INTERRUPTED)
    except BrokenPipeError:
        # The reader of standard output has ended (| head). Python flushes it once more at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        if error.errno in DISK_FULL:
            return _failed(f"{_place(error)}; free some space, then run the same command again",
                           DiskFullError.exit_code)
        if error.filename is None:
            raise
        return _failed(_place(error), JobError.exit_code)
    except Exception as error:  # TensorFlow raises its own exceptions, with the text of the operating system
        reasons = [line for line in str(error).splitlines() if any(os.strerror(code) in line for code in DISK_FULL)]
        if not reasons:
            raise
        reason = re.sub(r"{{.*?}} | \[Op:\w+\]", "", reasons[0])  # without the names of ops
        return _failed(f"{reason}; free some space, then run the same command again", DiskFullError.exit_code)


def _place(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename is not None else str(error.strerror)


def _failed(message: str, code: int) -> int:
    print(f"error: {shown(message)}", file=sys.stderr)
    return code
