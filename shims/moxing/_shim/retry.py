"""Repeats requests that failed for a transient reason, a bounded number of times; raises any other failure at once.

The only module that decides which failures are transient, and that converts a client's exceptions into ours.
"""
import logging
import random
import threading
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, NamedTuple, Optional, TypeVar

from moxing._shim import settings
from moxing._shim.errors import (
    MoxFileReadException,
    MoxFileRespException,
    Resp,
    StorageDenied,
    StorageMissing,
    _MoxFileBaseRespException,
)

T = TypeVar("T")
log = logging.getLogger("moxing")

# Too many requests (429), too early (425), time-out (408), two writers at once (409). All of 5xx are added, except 501.
_TRANSIENT_STATUSES = (408, 409, 425, 429)
# Codes that come with status 400 although the next attempt may succeed: the body was damaged on its way.
_TRANSIENT_CODES = ("SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "IncompleteBody", "BadDigest",
                    "XAmzContentSHA256Mismatch", "InvalidPart")
_DENIED_CODES = ("ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId", "AccessDenied",
                 "SignatureDoesNotMatch", "RequestTimeTooSkewed", "AuthorizationHeaderMalformed")
# Names of exception classes and their bases, of botocore, urllib3, asyncio and aiohttp. By name, because none of these
# packages needs to be installed.
_CONNECTION_ERRORS = {"ConnectionError", "HTTPClientError", "TimeoutError", "FSTimeoutError", "ClientError",
                      "IncompleteRead", "IncompleteReadError", "ResponseStreamingError", "ResponseParserError",
                      "ServerTimeoutError", "timeout"}
_TLS_ERRORS = {"SSLError", "ClientSSLError", "ClientConnectorCertificateError"}
_KEY_ERRORS = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}

_thread = threading.local()


class _Failure(NamedTuple):
    error: Exception
    transient: bool
    retry_after: float = 0.0  # seconds, if the store sent the header


def with_retries(action: Callable[[], T], name: str) -> T:
    """The result of ``action``; its failure if it is permanent, or after the last attempt."""
    patience, attempt = settings.patience(), 0
    while True:
        attempt += 1
        try:
            return action()
        except Exception as error:
            failure = _classify(error, name)
            if not failure.transient or attempt >= patience.attempts or not _sleep(
                    max(failure.retry_after, wait_after(attempt, patience)), failure.error, attempt):
                raise _final(failure, attempt) from error


def wait_after(attempt: int, patience: settings.Patience) -> float:
    """Seconds to wait: doubling up to a limit, and random, so that many workers do not retry at the same moment."""
    limit = min(patience.longest_wait, patience.first_wait * 2.0 ** (attempt - 1))
    return limit * random.uniform(0.5, 1.0)


@contextmanager
def interruptible(stop: threading.Event, quiet: bool = False) -> Iterator[None]:
    """In this thread, waits end when ``stop`` is set, so that one permanent failure ends a whole copy quickly.

    ``quiet`` also disables their log lines: the thread that waits for this one may hold the lock of a log handler.
    """
    _thread.stop, _thread.quiet = stop, quiet
    try:
        yield
    finally:
        _thread.stop, _thread.quiet = None, False


def response_of(error: Optional[BaseException]) -> Resp:
    """The store's response that led to an exception of the client, looked up along its causes."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict) and "Error" in response:
            details: Dict[str, Any] = response["Error"]
            status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
            return Resp(status, str(details.get("Code", "")), str(details.get("Message", "")))
        error = error.__cause__
    return Resp()


def _sleep(seconds: float, error: Exception, attempt: int) -> bool:
    """False if the wait was interrupted, so that no further attempt should follow."""
    if not getattr(_thread, "quiet", False):
        log.info("%s; attempt %d in %.1f s", error, attempt + 1, seconds)
    stop: Optional[threading.Event] = getattr(_thread, "stop", None)
    if stop is None:
        time.sleep(seconds)
        return True
    return not stop.wait(seconds)


def _final(failure: _Failure, attempt: int) -> Exception:
    if failure.transient and isinstance(failure.error, _MoxFileBaseRespException):
        failure.error.transient = False  # a surrounding with_retries must not start all attempts again
        failure.error.args = (f"{failure.error.args[0]} ({attempt} attempts)",)
    return failure.error


def _classify(error: Exception, name: str) -> _Failure:
    if isinstance(error, _MoxFileBaseRespException):
        return _Failure(error, error.transient)
    resp = response_of(error)
    if resp.status or resp.errorCode:
        return _classify_response(resp, name, error)
    classes = {base.__name__ for base in type(error).__mro__}
    if classes & _KEY_ERRORS:
        return _Failure(StorageDenied(Resp(), f"{name}: no access keys; set ACCESS_KEY_ID and SECRET_ACCESS_KEY or call"
                                      " mox.file.set_auth(ak=..., sk=...)"), False)
    if classes & _TLS_ERRORS and "certificate" in str(error).lower():
        return _Failure(MoxFileReadException(Resp(), f"{name}: the endpoint's certificate is not trusted ({error});"
                                             " S3_VERIFY_SSL=0 or set_auth(ssl_verify=False) skips the check"), False)
    if classes & _CONNECTION_ERRORS:
        failed = MoxFileReadException(
            Resp(), f"{name}: the connection failed: {str(error).strip() or type(error).__name__}")
        failed.transient = True
        return _Failure(failed, True)
    return _Failure(error, False)


def _classify_response(resp: Resp, name: str, error: Exception) -> _Failure:
    answer = f"{resp.status or ''} {resp.errorCode}".strip()
    if resp.errorMessage and resp.errorMessage != resp.errorCode:
        answer = f"{answer}: {resp.errorMessage}"
    transient = resp.status in _TRANSIENT_STATUSES or (resp.status >= 500 and resp.status != 501)
    if transient or resp.errorCode in _TRANSIENT_CODES:
        unavailable = MoxFileRespException(resp, f"{name}: the store is unavailable or overloaded ({answer})")
        unavailable.transient = True
        return _Failure(unavailable, True, _retry_after(error))
    if resp.status in (401, 403) or resp.errorCode in _DENIED_CODES:
        return _Failure(StorageDenied(resp, f"{name}: the store denies access ({answer}); check that the keys are"
                                      " right and have not expired, and the bucket's policy"), False)
    if resp.status == 404 or resp.errorCode.startswith("NoSuch"):
        kind = "bucket" if resp.errorCode == "NoSuchBucket" else "file or object"
        return _Failure(StorageMissing(resp, f"{name}: no such {kind} ({answer})"), False)
    return _Failure(MoxFileRespException(resp, f"{name}: the store refuses the request ({answer})"), False)


def _retry_after(error: Optional[BaseException]) -> float:
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            value = str(response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("retry-after", ""))
            return min(float(value), 30.0) if value.isdigit() else 0.0
        error = error.__cause__
    return 0.0
