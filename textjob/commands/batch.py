"""``infer.py batch``."""
import argparse
from pathlib import Path

from textjob import process
from textjob.commands import packages
from textjob.errors import DataError
from textjob.flags import PLATFORM_FLAGS, add_data_flags, data_settings, divided
from textjob.job import storage
from textjob.rehearsal import output as outputs


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    packages.add_model_flag(parser)
    parser.add_argument("--data_url", required=True, metavar="IN", help="a file of texts (docs/data.md), a folder of "
                        "such files, or a .manifest that lists them")
    parser.add_argument("--output_url", required=True, metavar="OUT", help="the file to write, or a folder, which ends "
                        "in /; an unfinished output of the same run is continued")
    parser.add_argument("--overwrite", action="store_true", help="replace an output of another run; a file also if the "
                        "same run wrote it")
    group = parser.add_argument_group("shards (docs/batch.md)")
    group.add_argument("--shard_size", type=float, metavar="MIB", help="divide each file into shards of about so many "
                       "MiB (default: 64, if --data_url is a folder or a list and --output_url a folder; otherwise the "
                       "output is one file)")
    group.add_argument("--engine", choices=("local", "ray"), default="local", help="what classifies the shards: this "
                       "process and the other nodes of the job, or the workers of a Ray cluster (requirements-ray.txt)")
    group.add_argument("--ray_address", default="", metavar="HOST:PORT", help="the Ray cluster (default: one on this "
                       "machine for the time of the command)")
    group.add_argument("--ray_workers", type=int, default=0, metavar="N", help="workers, each with one core (default: "
                       "one per core of the cluster)")
    for name in PLATFORM_FLAGS:  # a training job adds them
        group.add_argument(f"--{name}", help=argparse.SUPPRESS)
    group = parser.add_argument_group("what is written")
    group.add_argument("--format", choices=outputs.FORMATS, help="a JSON line per row, or a table with the columns of "
                       "the input (default: by the end of --output_url, else jsonl)")
    group.add_argument("--columns", action="append", default=[], metavar="A,B", help="what is written of a prediction: "
                       f"{', '.join(outputs.COLUMNS)} (default: {','.join(outputs.TABLE_COLUMNS)} in a table, the "
                       "whole answer in a JSON line)")
    group.add_argument("--keep", action="store_true", help="write the columns of each row into its JSON line, too")
    parser.add_argument("--platform", action="store_true", help="as the platform's batch service: --data_url is a CSV "
                        "file without a header, a folder of such files or a .manifest that lists them, each row "
                        "becomes a request by the index fields of config.json, and --output_url is a folder for the "
                        "results")
    add_data_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Classify the rows of a file, and print their number."""
    if args.platform:
        from textjob.commands import batch_service

        return batch_service.run(args)
    from textjob.commands import batch_files, batch_shards
    from textjob.data.sources import find_sources
    from textjob.rehearsal import batch, rows

    url, node = args.output_url, batch_shards.node_of(args)
    folder = url.endswith("/") or Path(url).is_dir()
    options = outputs.options(args.format, divided(args.columns), args.keep, "" if folder else url)
    if batch_shards.is_sharded(args, node):
        return batch_shards.run(args, node, options)
    if folder:
        url = f"{url.rstrip('/')}/{Path(args.data_url).name}.{options.format}"
    settings = data_settings(args)
    storage.check_writable(url, "--output_url")
    with storage.fetched(args.data_url) as data, storage.written(url) as output, \
            storage.written(url + batch.RECORD) as record:
        try:
            find_sources(data)
        except DataError as error:
            if not batch_files.divides(args.data_url):
                raise
            raise DataError(f"{error}. For the answers to each file in a file of its own, give --output_url as a "
                            f"folder, which ends in /: {url}/")
        source = rows.read(data, settings)
        process.limit_threads()
        with packages.rehearsed(args.model) as rehearsal:
            try:
                done = batch.run(rehearsal, source, settings, options, Path(output), Path(record), args.overwrite)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(f"interrupted; the same command continues {url}")
    before = f", {done.before:,} rows were in it before" if done.before else ""
    print(f"{source.details}\n{url}: {done.answered:,} rows answered, {done.bad:,} bad rows{before}")
    return 0
