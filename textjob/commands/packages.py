"""What the commands open: a package or a model base, on this machine or in an object store."""
import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

from textjob import process
from textjob.job import storage
from textjob.packaging import package

if TYPE_CHECKING:
    from textjob.rehearsal.client import Rehearsal
    from textjob.serving.model_base import ModelBase


def add_model_flag(parser: argparse.ArgumentParser) -> None:
    """Add ``--model``."""
    parser.add_argument("--model", required=True, metavar="P",
                        help="a package, or the folder that holds it in a folder 'model'")


@contextlib.contextmanager
def rehearsed(model: str) -> Iterator["Rehearsal"]:
    """The service of a package, which is a folder or an ``obs://`` URL."""
    with storage.fetched(model) as folder:
        yield loaded(package.locate(folder))


def loaded(located: Path) -> "Rehearsal":
    """The service of a package in a folder."""
    import_tensorflow_for(located)
    from textjob.rehearsal.client import Rehearsal

    return Rehearsal(located)


def import_tensorflow_for(located: Path) -> None:
    """Import TensorFlow, without Keras if the package has the template's own service file."""
    if package.has_own_service(located):
        process.without_keras()  # this service does not need it; another service file may
    else:
        process.with_keras()  # an earlier version of a model base may have been loaded without it
    process.import_tensorflow()


@contextlib.contextmanager
def model_base(url: str) -> Iterator["ModelBase"]:
    """A model base, with a temporary folder for copies if it is in an object store."""
    from textjob.serving.model_base import ModelBase

    with contextlib.ExitStack() as stack:
        cache = stack.enter_context(storage.scratch_folder()) if storage.is_remote(url) else None
        yield ModelBase(url, storage.moxing(), cache)
