"""``infer.py batch --engine ray``: the shards on the workers of a Ray cluster, each of which loads the service once."""
import contextlib
import os
import sys
from typing import Dict, List

from textjob.commands import packages
from textjob.commands.batch_shards import Job
from textjob.errors import JobError, UsageError, WorkerLostError
from textjob.job import storage
from textjob.packaging import package
from textjob.rehearsal.shards import Counts, Shard

RESTARTS = 3
"""How often a worker that ended is started again, and its shard repeated."""

_MEMORY = 100 << 20  # bytes of Ray's object store: shards and texts are not passed through it


class Worker:
    """An actor of Ray: the service of a package, and the shards that it classifies one after the other."""

    def __init__(self, job: Job, model: str, urls: Dict[str, str]) -> None:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # each worker has one core
        from textjob.rehearsal import batch

        self._job, self._urls = job, urls
        self._stack = contextlib.ExitStack()
        self._rehearsal = packages.loaded(package.locate(self._stack.enter_context(storage.fetched(model))))
        batch.prepare_process()

    def run(self, shard: Shard) -> Counts:
        """Classify a shard; its file is downloaded if it is in an object store."""
        with contextlib.ExitStack() as stack:
            url, labels_url = (stack.enter_context(storage.fetched(self._urls[path])) if path else ""
                               for path in (shard.source.url, shard.source.labels_url))
            source = shard.source._replace(url=url, labels_url=labels_url)
            return self._job.run(shard._replace(source=source), self._rehearsal, lambda *_: None)


def run(job: Job, pending: List[Shard], model: str, urls: Dict[str, str], address: str, workers: int) -> List[Counts]:
    """Classify shards on a cluster; without an address, on one that is started on this machine for this call.

    Raises:
        UsageError: Ray is not installed, or the cluster has no free core.
        WorkerLostError: a worker has ended too often.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        from ray.util import ActorPool
    except ImportError as error:
        raise UsageError(f"--engine ray needs the module {error.name}, which is not installed; run: "
                         "pip install -r requirements-ray.txt")
    try:
        if address:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        else:
            ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level="ERROR",
                     object_store_memory=_MEMORY, _node_ip_address="127.0.0.1")
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UsageError(f"the Ray cluster {address or 'on this machine'} cannot be used: {error}; check --ray_address")
    try:
        cores = int(ray.cluster_resources().get("CPU", 0))
        count = min(workers or cores, len(pending))
        if count > cores or count < 1:
            raise UsageError(f"--ray_workers {workers}: the cluster has {cores} cores, and each worker needs one")
        actor = ray.remote(num_cpus=1, max_restarts=RESTARTS, max_task_retries=RESTARTS)(Worker)
        made = [actor.remote(job, model, urls) for _ in range(count)]
        pool = ActorPool(made)
        done: List[Counts] = []
        for counts in pool.map_unordered(lambda each, shard: each.run.remote(shard), pending):
            done.append(counts)
            print(f"{len(done):,} of {len(pending):,} shards", file=sys.stderr, flush=True)
        return done
    except ray.exceptions.RayTaskError as error:
        cause = getattr(error, "cause", None)
        raise cause if isinstance(cause, JobError) else error
    except ray.exceptions.RayActorError as error:
        raise WorkerLostError(f"a worker of Ray has ended {RESTARTS + 1} times: {str(error).splitlines()[0]}; the same "
                              "command continues with the shards that are missing")
    finally:
        ray.shutdown()
