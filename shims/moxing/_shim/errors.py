"""The exceptions, as one tree. Each is also an OSError, so that code written for local files catches it.

OSError
+-- MoxFileNameDuplicateException       a file and a folder with the same name, or a name that is invalid locally
+-- MoxFileNotExistsException           (FileNotFoundError) stat, a listing or a size of a path that does not exist
+-- _MoxFileBaseRespException           .resp is the response of the store
    +-- MoxFileReadException            a broken connection or damaged bytes, after all attempts
    +-- MoxFileRespException            an error response (HTTP >= 300), after all attempts
        +-- StorageRefused              not retried, because the same request would fail again
            +-- StorageMissing          (FileNotFoundError) 404
            +-- StorageDenied           (PermissionError) 401, 403, or keys that are wrong, expired or missing
"""
import errno
from typing import Any, NamedTuple, Tuple


class Resp(NamedTuple):
    """A store's response, with the field names of the platform's SDK; status 0: no response was received."""

    status: int = 0
    errorCode: str = ""
    errorMessage: str = ""


class MoxFileNameDuplicateException(OSError):
    """An object store allows this name beside the others, a local disk does not."""


class MoxFileNotExistsException(FileNotFoundError):
    """The path does not exist."""


class _MoxFileBaseRespException(OSError):
    """``resp`` is the response of the store."""

    # Whether the same request may succeed later. Read by moxing._shim.retry, which resets it after the last attempt.
    transient = False

    def __init__(self, resp: Any = None, *args: Any) -> None:
        # One argument, because OSError reads two as an error number and its text.
        super().__init__(" ".join(str(arg) for arg in args) or str(resp))
        self.resp = resp

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self), (self.resp, *self.args)


class MoxFileReadException(_MoxFileBaseRespException):
    """The connection failed, or the received bytes differ from the stored ones."""


class MoxFileRespException(_MoxFileBaseRespException):
    """The store responded with a status of 300 or above."""


class StorageRefused(MoxFileRespException):
    """The same request would fail again."""


class StorageMissing(StorageRefused, FileNotFoundError):
    """The object or the bucket does not exist."""

    def __init__(self, resp: Any = None, *args: Any) -> None:
        super().__init__(resp, *args)
        self.errno = errno.ENOENT


class StorageDenied(StorageRefused, PermissionError):
    """The access key is missing, wrong or expired, or the bucket's policy denies the request."""

    def __init__(self, resp: Any = None, *args: Any) -> None:
        super().__init__(resp, *args)
        self.errno = errno.EACCES


def missing(url: str) -> StorageMissing:
    """The same error for a missing local file and for a missing object."""
    return StorageMissing(Resp(404, "NoSuchKey", "no such file"), f"{url}: no such file or object")


def directory(url: str) -> MoxFileRespException:
    """The platform's ``copy`` and ``read`` raise this for a directory, because no object has its name."""
    return MoxFileRespException(Resp(404, "NoSuchKey", "a directory"),
                                f"{url}: is a directory, but a file is expected; use copy_parallel to copy a directory")


def damaged(message: str) -> MoxFileReadException:
    """The transferred bytes differ from the source; another attempt may succeed."""
    error = MoxFileReadException(Resp(200), message)
    error.transient = True
    return error
