"""Endpoint, keys, retries and sizes: from set_auth, the environment, and the variables that scripts assign in file_io.

Read at every call, because scripts set ``os.environ`` and call ``set_auth`` before or after the import. Every variable
is listed in docs/storage.md; a test compares.
"""
import ipaddress
import os
import re
import sys
from typing import Any, Dict, NamedTuple, Optional, Tuple, Union
from urllib.parse import urlsplit

MIB = 1 << 20

# The first complete pair counts, so that a name of one pair is never used with the secret of another.
_KEY_VARIABLES = (("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SECURITY_TOKEN"),
                  ("S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "S3_SECURITY_TOKEN"),
                  ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))
_ENDPOINT_VARIABLES = ("S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGION_VARIABLES = ("S3_REGION", "AWS_REGION", "AWS_DEFAULT_REGION")

_NO_ENDPOINT = ("no endpoint: set S3_ENDPOINT (such as https://obs.cn-north-4.myhuaweicloud.com)"
                " or call mox.file.set_auth(server=...)")

_auth: Dict[str, Any] = {}


class Connection(NamedTuple):
    """All settings of a client."""

    endpoint: str
    key: Optional[str]
    secret: Optional[str]
    token: Optional[str]
    region: str
    verify: bool
    path_style: bool
    timeout: float


class Patience(NamedTuple):
    """The number of attempts per request and the waits between them, in seconds."""

    attempts: int
    first_wait: float
    longest_wait: float = 10.0


def set_auth(ak: Optional[str] = None, sk: Optional[str] = None, server: Optional[str] = None,
             port: Optional[Union[int, str]] = None, is_secure: Optional[bool] = None,
             ssl_verify: Optional[bool] = None, long_conn_mode: Optional[bool] = None,
             path_style: Optional[bool] = None, retry: Optional[int] = None, retry_wait: Optional[float] = None,
             client_timeout: Optional[float] = None, list_max_keys: Optional[int] = None,
             obs_client_log: Optional[bool] = None, timeout_config: Optional[Dict[str, Any]] = None,
             negotiation: Optional[bool] = None, token: Optional[str] = None) -> None:
    """Override the environment; None keeps the current value. long_conn_mode, obs_client_log, timeout_config and
    negotiation configure the platform's client and have no effect here; ``token`` (temporary keys) exists only here."""
    given = {"ak": ak, "sk": sk, "server": server, "port": port, "is_secure": is_secure, "ssl_verify": ssl_verify,
             "path_style": path_style, "retry": retry, "retry_wait": retry_wait, "client_timeout": client_timeout,
             "list_max_keys": list_max_keys, "token": token}
    _auth.update({name: value for name, value in given.items() if value is not None})


def connection() -> Connection:
    """The connection settings at this moment."""
    key, secret, token = _keys()
    endpoint = _endpoint()
    host = urlsplit(endpoint).hostname or ""
    path_style = _auth.get("path_style", _flag("S3_PATH_STYLE", _has_no_subdomains(host)))
    return Connection(endpoint, key, secret, token, _region(host),
                      bool(_auth.get("ssl_verify", _flag("S3_VERIFY_SSL", True))), bool(path_style),
                      float(_auth.get("client_timeout", os.environ.get("MOX_FILE_TIMEOUT") or 60)))


def patience() -> Patience:
    """By default eight attempts within about twenty seconds."""
    return Patience(max(1, int(_auth.get("retry", os.environ.get("MOX_FILE_RETRY") or 8))),
                    float(_auth.get("retry_wait", os.environ.get("MOX_FILE_RETRY_WAIT") or 0.2)))


def list_max_keys() -> int:
    """Names per page of a listing."""
    return int(_auth.get("list_max_keys", 1000))


def part_size() -> int:
    """Bytes per part of a large upload; OBS and S3 allow 10,000 parts."""
    return int(_assigned("_LARGE_FILE_PART_SIZE", "MOX_FILE_LARGE_FILE_PART_SIZE", 10 * MIB))


def parts_at_once() -> int:
    """Parts sent at the same time; memory use is this number times the part size."""
    return max(1, int(_assigned("_LARGE_FILE_TASK_NUM", "MOX_FILE_LARGE_FILE_TASK_NUM", 32)))


def largest_single_put() -> int:
    """Larger files are uploaded in parts. The platform's threshold is 5 GB; here the body of a request is in memory."""
    return min(32 * MIB, int(os.environ.get("MOX_FILE_PARTIAL_MAXIMUM_SIZE") or 32 * MIB))


def silent() -> bool:
    """Whether the import leaves logging alone and prints nothing."""
    return _flag("MOX_SILENT_MODE", True)


def _assigned(attribute: str, variable: str, default: int) -> Any:
    """The value that a script assigned to file_io, else the environment variable, else the default."""
    file_io = sys.modules.get("moxing.framework.file.file_io")
    value = getattr(file_io, attribute, None)
    return value if value is not None else os.environ.get(variable) or default


def _keys() -> Tuple[Optional[str], Optional[str], Optional[str]]:
    if _auth.get("ak") and _auth.get("sk"):
        return _auth["ak"], _auth["sk"], _auth.get("token")
    for names in _KEY_VARIABLES:
        key, secret, token = (os.environ.get(name) or None for name in names)
        if key and secret:
            return key, secret, token
    return None, None, None  # botocore then uses AWS' configuration files


def _endpoint() -> str:
    address = _auth.get("server") or _first(_ENDPOINT_VARIABLES)
    if not address:
        raise ValueError(_NO_ENDPOINT)
    address = str(address).rstrip("/")
    scheme, separator, rest = address.rpartition("://")
    secure = _auth.get("is_secure")
    if secure is None:
        secure = scheme != "http" if separator else _flag("S3_USE_HTTPS", True)
    if _auth.get("port"):
        host = rest.rsplit(":", 1)[0] if re.search(r":\d+$", rest) else rest
        rest = f"{host}:{_auth['port']}"
    return f"{'https' if secure else 'http'}://{rest}"


def _region(host: str) -> str:
    # Signatures contain the region; OBS' host names contain it too (obs.cn-north-4.myhuaweicloud.com).
    match = re.match(r"(?:obs|s3)\.([a-z]+-[a-z]+-\d+)\.", host)
    return _first(_REGION_VARIABLES) or (match.group(1) if match else "us-east-1")


def _has_no_subdomains(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def _first(names: Tuple[str, ...]) -> str:
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def _flag(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").strip().lower()
    return value not in ("0", "false", "no", "off") if value else default
