"""What can go wrong, as one tree. Each also is an OSError, so that code written for local files catches it.

OSError
+-- MoxFileNameDuplicateException       a file and a folder of one name, or a name that no local path can bear
+-- MoxFileNotExistsException           (FileNotFoundError) nothing there to look at: stat, listings, sizes
+-- _MoxFileBaseRespException           .resp is what the store answered
    +-- MoxFileReadException            the connection broke, or the bytes were wrong, however often it was tried
    +-- MoxFileRespException            the store refused (HTTP >= 300), however often it was tried
        +-- StorageRefused              trying again cannot help, and was not tried
            +-- StorageMissing          (FileNotFoundError) 404
            +-- StorageDenied           (PermissionError) 401, 403, keys that are wrong, expired or not there
"""
import errno
from typing import Any, NamedTuple, Tuple


class Resp(NamedTuple):
    """A store's answer, under the names that the platform's SDK gives its parts; status 0: there was none."""

    status: int = 0
    errorCode: str = ""
    errorMessage: str = ""


class MoxFileNameDuplicateException(OSError):
    """A name that an object store allows beside another, and a local disk does not."""


class MoxFileNotExistsException(FileNotFoundError):
    """Nothing of that name."""


class _MoxFileBaseRespException(OSError):
    """``resp`` is what the store answered."""

    # Whether the same request may succeed a little later: read by moxing._shim.retry, which clears it in the end.
    passing = False

    def __init__(self, resp: Any = None, *args: Any) -> None:
        # One argument: OSError would take two for a number and its text.
        super().__init__(" ".join(str(arg) for arg in args) or str(resp))
        self.resp = resp

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self), (self.resp, *self.args)


class MoxFileReadException(_MoxFileBaseRespException):
    """The connection broke, or what arrived is not what was sent."""


class MoxFileRespException(_MoxFileBaseRespException):
    """The store answered with a status of 300 or above."""


class StorageRefused(MoxFileRespException):
    """Trying again cannot help."""


class StorageMissing(StorageRefused, FileNotFoundError):
    """There is no such object or bucket."""

    def __init__(self, resp: Any = None, *args: Any) -> None:
        super().__init__(resp, *args)
        self.errno = errno.ENOENT


class StorageDenied(StorageRefused, PermissionError):
    """The keys do not open this door, or no longer, or there are none."""

    def __init__(self, resp: Any = None, *args: Any) -> None:
        super().__init__(resp, *args)
        self.errno = errno.EACCES


def missing(url: str) -> StorageMissing:
    """The same error for a missing local file as for a missing object."""
    return StorageMissing(Resp(404, "NoSuchKey", "no such file"), f"{url}: no such file or object")


def directory(url: str) -> MoxFileRespException:
    """The platform's ``copy`` and ``read`` answer a directory with this: there is no object of that name."""
    return MoxFileRespException(Resp(404, "NoSuchKey", "a directory"), f"{url}: a directory; one file is expected here, and"
                                " copy_parallel takes directories")


def damaged(message: str) -> MoxFileReadException:
    """What arrived differs from what was sent; another try may do better."""
    error = MoxFileReadException(Resp(200), message)
    error.passing = True
    return error
