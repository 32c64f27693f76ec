"""``infer.py image``."""
import argparse
from pathlib import Path

from textjob.commands import packages
from textjob.errors import UsageError
from textjob.job import storage
from textjob.packaging import package


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of the command."""
    packages.add_model_flag(parser)
    parser.add_argument("--output", required=True, metavar="CONTEXT", help="the folder to write, for docker build")
    parser.add_argument("--swr_location", default="", metavar="IMAGE", help="the address of the image in SWR, for a "
                        "model that is imported from OBS with the config.json of the context")
    parser.add_argument("--overwrite", action="store_true", help="replace a folder that exists")


def run(args: argparse.Namespace) -> int:
    """Write the build context of a custom image."""
    from textjob.packaging import image

    if storage.is_remote(args.output):
        raise UsageError(f"--output {args.output}: expected a folder on this machine, which docker build can read")
    with storage.fetched(args.model) as folder:
        image.write(package.locate(folder), Path(args.output), args.swr_location, args.overwrite)
    print(f"build context: {args.output}\nnext: docker build --tag IMAGE {args.output}, then docker push IMAGE")
    return 0
