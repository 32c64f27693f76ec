"""``infer.py data``."""
import argparse

from textjob.flags import add_data_flags, data_settings
from textjob.job import storage


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("--data_url", required=True, metavar="D", help="the folder or file that train.py is to read")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_data_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Print what a job would read."""
    from textjob.data import inspection

    with storage.fetched(args.data_url) as data:
        return inspection.main(data, data_settings(args), args.json)
