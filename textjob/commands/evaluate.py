"""``infer.py evaluate``."""
import argparse
import json

from textjob.commands import packages
from textjob.flags import add_data_flags, data_settings
from textjob.job import storage


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    packages.add_model_flag(parser)
    parser.add_argument("--data_url", required=True, metavar="FILE", help="labelled texts; of a folder, its test part")
    parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")
    add_data_flags(parser)


def run(args: argparse.Namespace) -> int:
    """Print how well a package predicts the labels of the data."""
    from textjob.rehearsal import evaluate
    from textjob.results import as_json

    settings = data_settings(args)
    with storage.fetched(args.data_url) as data, packages.rehearsed(args.model) as rehearsal:
        figures, notes = evaluate.evaluate(rehearsal, data, settings)
    if args.json:
        print(json.dumps(as_json(figures), ensure_ascii=False))
    else:
        print("\n".join([*notes, evaluate.as_text(figures)]))
    return 0
