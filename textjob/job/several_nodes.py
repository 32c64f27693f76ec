"""A job on several nodes, or on several GPUs: which part each process has, from the flags to the end of the training.

The chief is an ordinary job whose steps are shared. Every other node reads the same data, takes part in each step, and
writes nothing.
"""
import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Sequence

from textjob import process
from textjob.job import interruption, meeting, storage
from textjob.job.cluster import Cluster, cluster
from textjob.settings import Settings

if TYPE_CHECKING:
    from textjob.data.dataset import Dataset
    from textjob.training.workers import Workers

Connect = Callable[["Dataset", List[str]], "Workers"]
"""Connects the nodes that train these models on these data."""


def cluster_of(argv: Sequence[str], job: Settings) -> Optional[Cluster]:
    """The cluster of this job; None if one node trains, because it is alone or because TensorFlow is too old."""
    found = cluster(argv, job.worker_port)
    if found is None:
        return None
    process.limit_threads()
    process.import_tensorflow(starts_runtime=False)  # before the nodes meet, so that no node waits in TensorFlow
    import tensorflow as tf

    if hasattr(tf.distribute, "MultiWorkerMirroredStrategy"):
        return found
    print(f"TensorFlow {tf.__version__} cannot train on several nodes, which needs TensorFlow 2.4 or later; therefore "
          f"only the first of the {len(found.addresses)} nodes trains")
    return None


@contextlib.contextmanager
def opened(cluster_: Optional[Cluster], job: Settings, gpus: int = 0) -> Iterator[Connect]:
    """What the chief, or the only node, connects the nodes with; ``gpus`` limits those of each node, if it is not 0."""
    if cluster_ is None:
        yield lambda data, models: _connected(None, gpus if models else 1)
        return
    with meeting.opened(cluster_, job.worker_start_seconds) as opened_meeting:
        print(f"{cluster_.name(0)}: writes the output; waits for the other nodes before the training", flush=True)

        def connect(data: "Dataset", models: List[str]) -> "Workers":
            opened_meeting.start(_facts(job, data), models)
            return _connected(cluster_ if models else None, gpus if models else 1)

        yield connect


def follow(cluster_: Cluster, job: Settings, gpus: int = 0) -> int:
    """Take part in the training of a chief; returns the exit code."""
    print(f"{cluster_.name(cluster_.number)}: takes part in the training; node 1 writes the output", flush=True)
    from textjob.data.dataset import read_dataset  # imports NumPy, which --help does not need

    with storage.fetched(job.data_url) as data_url:
        data = read_dataset(data_url, job)
    models = meeting.join(cluster_, _facts(job, data), job.worker_start_seconds)
    if not models:
        print("every model is finished already")
        return 0
    workers = _connected(cluster_, gpus)
    from textjob.training import trainer
    from textjob.training.inputs import prepare

    with tempfile.TemporaryDirectory() as scratch:
        inputs = prepare(data, job, Path(scratch) / "vocabulary.txt", workers=workers)[0]
    for name in models:
        with interruption.deferred():
            trainer.train(name, inputs, job, None, None, workers)
        interruption.stop_if_requested()
    workers.wait()
    print(f"{cluster_.name(cluster_.number)}: the training has ended")
    return 0


def _connected(cluster_: Optional[Cluster], gpus: int) -> "Workers":
    if cluster_ is None:
        from textjob.training.workers import Workers

        return Workers(interruption.requested, _devices(gpus))
    from textjob.training.connected import Connected

    with process.without_banner():
        workers = Connected(cluster_.number, cluster_.addresses, interruption.requested, _devices(gpus))
        process.start_runtime()
    interruption.restore_handler()  # TensorFlow's servers ignore SIGTERM
    return workers


def _devices(limit: int) -> Sequence[Optional[str]]:
    """The GPUs of this node that compute, if it has more than one; ``limit`` is their largest number, 0 for all."""
    if limit == 1:  # also where no model is trained, and TensorFlow is not imported
        return (None,)
    import tensorflow as tf

    names = [f"GPU:{i}" for i in range(len(tf.config.list_physical_devices("GPU")))][:limit or None]
    if len(names) < 2:
        return (None,)
    print(f"each batch is divided among {len(names)} GPUs", flush=True)
    return names


def _facts(job: Settings, data: "Dataset") -> Dict[str, Any]:
    """What must be equal on all nodes. Of the vectors and the wide part, the others receive the effect from the chief.
    """
    import tensorflow as tf

    settings = {key: value for model in job.models for key, value in job.recorded(model).items()
                if not key.startswith(("vectors", "wide"))}
    in_files = {"whether the data are kept in files (set --memory_mb on all nodes)": data.in_files}
    return dict(settings, models=job.models, data=data.digest, TensorFlow=tf.__version__, wide=job.wide,
                **in_files)
