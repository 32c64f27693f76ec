"""``infer.py batch`` with a folder as output: a file for each shard, by one process, several nodes or Ray."""
import argparse
import json
import time
from pathlib import Path
from typing import Any, Dict, List, Tuple

from textjob import process
from textjob.commands import batch_files, batch_output, packages
from textjob.commands.batch_output import OutputFolder
from textjob.data.folders import some
from textjob.errors import DataError, UsageError
from textjob.flags import PLATFORM_FLAGS, data_settings
from textjob.job import nodes, storage
from textjob.job.nodes import Node
from textjob.packaging import package
from textjob.rehearsal import batch, shards
from textjob.rehearsal import output as outputs
from textjob.rehearsal.client import Rehearsal
from textjob.rehearsal.output import Options
from textjob.rehearsal.progress import Progress, Report
from textjob.rehearsal.shards import Counts, Shard, Work

MEBIBYTE = 1 << 20
DEFAULT = 64
"""MiB of a file per shard: about 700,000 short texts."""


def node_of(args: argparse.Namespace) -> Node:
    """The node of this process in a job of the platform."""
    flags = [f"--{name}={value}" for name, value in vars(args).items() if name in PLATFORM_FLAGS and value]
    return nodes.node(flags)


def is_sharded(args: argparse.Namespace, node: Node) -> bool:
    """Whether the output is a folder of shards.

    Raises:
        UsageError: the flags or the nodes need a folder, and ``--output_url`` is the name of a file.
    """
    url = args.output_url
    folder = url.endswith("/") or Path(url).is_dir()
    reasons = [reason for reason, given in [
        ("--shard_size", args.shard_size is not None), ("--engine ray", args.engine == "ray"),
        (f"a job with {node.of} nodes", node.of > 1)] if given]
    if not reasons:
        return folder and batch_files.divides(args.data_url)
    if not folder and (Path(url).is_file() or url.rsplit(".", 1)[-1].lower() in outputs.FORMATS):
        raise UsageError(f"--output_url {url} is the name of a file, but {reasons[0]} writes a folder of shards; give "
                         "the URL of a folder, which ends in /")
    return True


def run(args: argparse.Namespace, node: Node, options: Options) -> int:
    """Classify the shards of this node that are not complete; write the totals when no shard is missing."""
    if node.role != "worker":
        print(node.reason)
        return 0
    if args.engine == "ray" and node.of > 1:
        raise UsageError(f"--engine ray distributes the shards itself, but this job has {node.of} nodes, each of which "
                         "would start it; leave out --engine, or run the command on one node")
    size = DEFAULT if args.shard_size is None else args.shard_size
    if size <= 0:
        raise UsageError(f"--shard_size {size:g}: expected a number of MiB above 0")
    settings = data_settings(args)
    storage.check_writable(args.output_url, "--output_url")
    folder = OutputFolder(args.output_url)
    with batch_files.opened(args.data_url) as files, storage.fetched(args.model) as model:
        located = package.locate(model)
        plan = shards.plan(files.sources, settings, max(1, int(size * MEBIBYTE)))
        if not plan.shards:
            raise DataError(f"{args.data_url} lists no file")
        for line in plan.details[:5]:
            print(line)
        if len(plan.details) > 5:
            print(f"and {len(plan.details) - 5:,} more files")
        if files.unread:
            print(f"not read, because they are not files of data: {some(files.unread)}")
        record = dict(batch.identity(located, plan.digest, settings, options), shard_size=size)
        folder.claim(record, args.overwrite)
        job = Job(folder, record, Work(plan, settings, options))
        own = shards.share(plan.shards, node.number, node.of)
        complete = folder.shards()
        pending = [shard for shard in own if job.name(shard) not in complete]
        whose = f"node {node.number + 1} of {node.of}: " if node.of > 1 else ""
        print(f"{whose}{len(pending):,} of {len(plan.shards):,} shards to classify", flush=True)
        start = time.monotonic()
        try:
            if not pending:
                done = []
            elif args.engine == "ray":
                from textjob.commands import batch_ray

                done = batch_ray.run(job, pending, args.model, files.urls, args.ray_address, args.ray_workers)
            else:
                done = _in_this_process(job, pending, located)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"interrupted; the same command continues {args.output_url}")
        answered, bad = _sum(done)
        rate = f", {(answered + bad) / (time.monotonic() - start):,.0f} rows/s" if done else ""
        before = f", {len(own) - len(pending):,} shards were complete before" if len(own) > len(pending) else ""
        print(f"{whose}{folder.url}: {answered:,} rows answered, {bad:,} bad rows{rate}{before}")
        print(job.finish())
    return 0


class Job:
    """The shards of a run and their output folder; a worker of Ray receives a copy."""

    def __init__(self, folder: OutputFolder, record: Dict[str, Any], work: Work) -> None:
        self.folder, self.record, self.work = folder, record, work

    def name(self, shard: Shard) -> str:
        """The name of a shard's output."""
        return self.work.plan.name(shard, self.work.options.format)

    def run(self, shard: Shard, rehearsal: Rehearsal, report: Report) -> Counts:
        """Classify a shard and publish its output."""
        name = self.name(shard)
        with self.folder.staged(name) as path:
            counts = self.work.run(shard, rehearsal, path, report)
            self.folder.check(self.record)
            self.folder.write(batch_output.counts_of(name), json.dumps(counts._asdict()) + "\n")
        return counts

    def finish(self) -> str:
        """Write the totals if every shard is complete; returns a sentence on the state of the output."""
        names = [self.name(shard) for shard in self.work.plan.shards]
        complete = self.folder.shards()
        missing = [name for name in names if name not in complete]
        if missing:
            return (f"{self.folder.url} is incomplete: {len(missing):,} of {len(names):,} shards are missing, such as "
                    f"{missing[0]}; other nodes classify them, or the same command on any number of nodes does")
        if not self.folder.read(batch_output.SUCCESS):
            counts = [json.loads(self.folder.read(batch_output.counts_of(name))) for name in names]
            answered, bad = _sum([Counts(**each) for each in counts])
            written = {"shards": len(names), "rows": answered + bad, "answered": answered, "bad_rows": bad,
                       "run": self.record}
            self.folder.write(batch_output.SUCCESS, json.dumps(written, ensure_ascii=False) + "\n")
        totals = json.loads(self.folder.read(batch_output.SUCCESS))
        return (f"{self.folder.url} is complete: {totals['shards']:,} shards, {totals['rows']:,} rows, "
                f"{totals['bad_rows']:,} bad rows")


def _sum(counts: List[Counts]) -> Tuple[int, int]:
    return sum(each.answered for each in counts), sum(each.bad for each in counts)


def _in_this_process(job: Job, pending: List[Shard], located: Path) -> List[Counts]:
    process.limit_threads()
    rehearsal = packages.loaded(located)
    batch.prepare_process()
    lines = sum(shard.lines for shard in pending) if all(shard.lines for shard in pending) else 0
    done = []
    with Progress(lines) as progress:
        for shard in pending:
            done.append(job.run(shard, rehearsal, progress.of_part(shard.first_line, shard.lines)))
    return done
