"""``infer.py check``."""
import argparse
from pathlib import Path

from textjob.commands import packages
from textjob.errors import PackageError
from textjob.flags import divided
from textjob.job import storage
from textjob.packaging import package


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    packages.add_model_flag(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as one JSON object")
    parser.add_argument("--allow", action="append", default=[], metavar="OP", help="accept an op that can do harm")
    parser.add_argument("--name", default="", metavar="N", help="the model's name on the platform, to be checked")
    parser.add_argument("--version", default="", metavar="X.Y.Z", help="the model's version there, to be checked")


def run(args: argparse.Namespace) -> int:
    """Print the findings about a package; 5 if it is not deployable."""
    from textjob import check

    with storage.fetched(args.model) as folder:
        located = _folder(folder)
        packages.import_tensorflow_for(located)
        return check.main(located, divided(args.allow), args.name, args.version, args.json)


def _folder(model: str) -> Path:
    """The package, or the folder that should be one, because a check reports which files it lacks."""
    try:
        return package.locate(model)
    except PackageError:
        if not Path(model).is_dir():
            raise
        return Path(model) / "model" if (Path(model) / "model").is_dir() else Path(model)
