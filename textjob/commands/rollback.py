"""``infer.py rollback``."""
import argparse

from textjob.commands import packages


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    parser.add_argument("--model_base", required=True, metavar="B", help="the folder of the versions, local or obs://")


def run(args: argparse.Namespace) -> int:
    """Make the newest version of a model base unavailable."""
    with packages.model_base(args.model_base) as base:
        newest, previous, marker = base.rollback()
    print(f"version {newest} is unavailable from now on, and version {previous} is the newest; a running server goes "
          f"back to it at its next poll\nto undo: delete {marker}")
    return 0
