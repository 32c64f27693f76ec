"""``infer.py batch``."""
import argparse
from pathlib import Path

from textjob.commands import packages
from textjob.flags import add_data_flags, data_settings
from textjob.job import storage


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    packages.add_model_flag(parser)
    parser.add_argument("--data_url", required=True, metavar="FILE", help="a file of texts (docs/data.md)")
    parser.add_argument("--output_url", required=True, metavar="FILE", help="the file of JSON lines to write")
    parser.add_argument("--keep", action="store_true", help="write the columns of each row beside its answer")
    parser.add_argument("--overwrite", action="store_true", help="replace an output, whichever run wrote it")
    add_data_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Classify the rows of a file, and print their number."""
    from textjob.rehearsal import batch

    url = args.output_url
    if url.endswith("/") or Path(url).is_dir():
        url = url.rstrip("/") + "/" + Path(args.data_url).name + ".jsonl"
    settings = data_settings(args)
    storage.check_writable(url, "--output_url")
    with storage.fetched(args.data_url) as data, storage.written(url) as output, \
            storage.written(url + batch.RECORD) as record:
        rows = batch.read(data, settings)
        with packages.rehearsed(args.model) as rehearsal:
            done = batch.run(rehearsal, rows, settings, Path(output), Path(record), args.keep, args.overwrite)
    before = f", {done.before:,} rows were in it before" if done.before else ""
    print(f"{rows.details}\n{url}: {done.answered:,} rows answered, {done.bad:,} bad rows{before}")
    return 0
