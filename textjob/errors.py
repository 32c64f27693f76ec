"""What can go wrong in a way that a user can mend, and the exit code of each.

::

    JobError                 1   something failed that nobody foresaw a remedy for
    ├── UsageError           2   a flag, a setting or a config file is wrong
    ├── DataError            3   the data cannot be read, or cannot be learnt from
    ├── RefusedError         4   the output folder holds other work; nothing was touched
    ├── PackageError         5   a package is damaged or not deployable, or a model cannot be adopted
    ├── TerminatedError      6   stopped by SIGTERM; the same command goes on where it stopped
    ├── DiskFullError        7   no room on the disk; the same command again will not help until there is
    └── StorageError         8   an object store refused, or lost, what it was asked for

Every message says what was found, what was expected and what to do next.
``run`` is the one place where an error becomes a sentence and an exit code.
"""
import re
import sys
from difflib import get_close_matches
from typing import Callable, Iterable


class JobError(Exception):
    """The root: a sentence for the user, and the process's exit code."""

    exit_code = 1


class UsageError(JobError):
    """A flag, a setting or a config file is wrong."""

    exit_code = 2


class DataError(JobError):
    """The data cannot be read, or cannot be learnt from."""

    exit_code = 3


class RefusedError(JobError):
    """The output folder holds other work; nothing was touched."""

    exit_code = 4


class PackageError(JobError):
    """A package is damaged or not deployable, or a model cannot be adopted."""

    exit_code = 5


class TerminatedError(JobError):
    """Stopped by SIGTERM; the same command goes on where it stopped."""

    exit_code = 6


class DiskFullError(JobError):
    """No room on the disk; the same command again will not help until there is."""

    exit_code = 7


class StorageError(JobError):
    """An object store refused, or lost, what it was asked for."""

    exit_code = 8


def nearest(name: str, valid: Iterable[str]) -> str:
    """``"; did you mean 'epochs'?"`` where a valid name is near, else ``""``."""
    close = get_close_matches(name, list(valid), n=1, cutoff=0.7)
    return f"; did you mean {close[0]!r}?" if close else ""


def one_line(text: str) -> str:
    """The text with escapes for line breaks, controls, and what a file's name may hold that is no Unicode."""
    return re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", lambda found: ascii(found.group())[1:-1], text)


def run(main: Callable[[], int]) -> int:
    """Call ``main`` and turn a :class:`JobError` into one line on stderr and its exit code."""
    try:
        return main()
    except JobError as error:
        print(f"error: {one_line(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        return 130
