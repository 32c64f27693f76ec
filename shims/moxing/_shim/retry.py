"""Tries again what may pass, a bounded number of times, ever more slowly; says at once what will not.

The only place that knows which failures pass, and the only one that turns a client's errors into this package's.
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

# 408 and 429 ask for patience, and so does 409 where two writers met. 5xx is the server's own trouble, but for 501.
_PASSING_STATUSES = (408, 409, 425, 429)
# Names that come with a status of 400 although the next try may succeed: the body was hurt on its way.
_PASSING_CODES = ("SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "IncompleteBody", "BadDigest",
                  "XAmzContentSHA256Mismatch", "InvalidPart")
_DENIED_CODES = ("ExpiredToken", "InvalidToken", "TokenRefreshRequired", "InvalidAccessKeyId", "AccessDenied",
                 "SignatureDoesNotMatch", "RequestTimeTooSkewed", "AuthorizationHeaderMalformed")
# By name, along the classes: botocore's, aiohttp's, urllib3's and asyncio's, of which any may be absent or moved.
_BROKEN_CONNECTIONS = {"ConnectionError", "HTTPClientError", "TimeoutError", "FSTimeoutError", "ClientError",
                       "IncompleteRead", "IncompleteReadError", "ResponseStreamingError", "ResponseParserError",
                       "ServerTimeoutError", "timeout"}
_TLS_ERRORS = {"SSLError", "ClientSSLError", "ClientConnectorCertificateError"}
_NO_KEYS = {"NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"}

_worker = threading.local()


class _Verdict(NamedTuple):
    error: Exception
    passing: bool
    ask_again: float = 0.0  # seconds, where the server says


def attempts(action: Callable[[], T], what: str) -> T:
    """``action``'s result; its failure where it will not pass, or has not after all attempts."""
    patience, number = settings.patience(), 0
    while True:
        number += 1
        try:
            return action()
        except Exception as error:
            verdict = _judged(error, what)
            if not verdict.passing or number >= patience.attempts or not _sleep(
                    max(verdict.ask_again, wait_after(number, patience)), verdict.error, number):
                raise _final(verdict, number) from error


def wait_after(number: int, patience: settings.Patience) -> float:
    """Seconds after the n-th failure: doubling, capped, and spread, so that many workers do not return together."""
    whole = min(patience.longest_wait, patience.first_wait * 2.0 ** (number - 1))
    return whole * random.uniform(0.5, 1.0)


@contextmanager
def stoppable(stop: threading.Event, quiet: bool = False) -> Iterator[None]:
    """In this thread, waits end where ``stop`` is set: one file that failed for good ends the whole copy quickly.

    ``quiet``: and are not logged, for whoever waits for this thread may hold the lock of a handler that logs to a File.
    """
    _worker.stop, _worker.quiet = stop, quiet
    try:
        yield
    finally:
        _worker.stop, _worker.quiet = None, False


def status_of(error: Optional[BaseException]) -> Resp:
    """The store's answer behind an error of the client, along its causes."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict) and "Error" in response:
            said: Dict[str, Any] = response["Error"]
            status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode") or 0)
            return Resp(status, str(said.get("Code", "")), str(said.get("Message", "")))
        error = error.__cause__
    return Resp()


def _sleep(seconds: float, error: Exception, number: int) -> bool:
    """False where the wait was cut short, for there is no more use in trying."""
    if not getattr(_worker, "quiet", False):
        log.info("%s; attempt %d in %.1f s", error, number + 1, seconds)
    stop: Optional[threading.Event] = getattr(_worker, "stop", None)
    if stop is None:
        time.sleep(seconds)
        return True
    return not stop.wait(seconds)


def _final(verdict: _Verdict, number: int) -> Exception:
    if verdict.passing and isinstance(verdict.error, _MoxFileBaseRespException):
        # An outer loop of attempts must not start all over.
        verdict.error.passing = False
        verdict.error.args = (f"{verdict.error.args[0]} ({number} attempts)",)
    return verdict.error


def _judged(error: Exception, what: str) -> _Verdict:
    if isinstance(error, _MoxFileBaseRespException):
        return _Verdict(error, error.passing)
    resp = status_of(error)
    if resp.status or resp.errorCode:
        return _answered(resp, what, error)
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if kinds & _NO_KEYS:
        return _Verdict(StorageDenied(Resp(), f"{what}: no keys: set ACCESS_KEY_ID and SECRET_ACCESS_KEY or call"
                                      " mox.file.set_auth(ak=..., sk=...)"), False)
    if kinds & _TLS_ERRORS and "certificate" in str(error).lower():
        return _Verdict(MoxFileReadException(
            Resp(), f"{what}: the endpoint's certificate is not trusted ({error}); S3_VERIFY_SSL=0 or set_auth(ssl_verify=False)"
            " does without"), False)
    if kinds & _BROKEN_CONNECTIONS:
        broken = MoxFileReadException(Resp(), f"{what}: the connection failed: {str(error).strip() or type(error).__name__}")
        broken.passing = True
        return _Verdict(broken, True)
    return _Verdict(error, False)


def _answered(resp: Resp, what: str, error: Exception) -> _Verdict:
    said = "{} {}".format(resp.status or "", resp.errorCode).strip()
    if resp.errorMessage and resp.errorMessage != resp.errorCode:
        said = f"{said}: {resp.errorMessage}"
    passing = resp.status in _PASSING_STATUSES or (resp.status >= 500 and resp.status != 501)
    if passing or resp.errorCode in _PASSING_CODES:
        refused = MoxFileRespException(resp, f"{what}: the store is in trouble ({said})")
        refused.passing = True
        return _Verdict(refused, True, _retry_after(error))
    if resp.status in (401, 403) or resp.errorCode in _DENIED_CODES:
        return _Verdict(StorageDenied(resp, f"{what}: the store denies access ({said}); check the keys, whether they have"
                                      " expired, and the bucket's policy"), False)
    if resp.status == 404 or resp.errorCode.startswith("NoSuch"):
        return _Verdict(StorageMissing(resp, "{}: no such {} ({})".format(
            what, "bucket" if resp.errorCode == "NoSuchBucket" else "file or object", said)), False)
    return _Verdict(MoxFileRespException(resp, f"{what}: the store refuses ({said})"), False)


def _retry_after(error: Optional[BaseException]) -> float:
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            asked = str(response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("retry-after", ""))
            return min(float(asked), 30.0) if asked.isdigit() else 0.0
        error = error.__cause__
    return 0.0
