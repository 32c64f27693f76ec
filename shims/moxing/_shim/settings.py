"""Where the store is, who asks, and how patiently: environment variables, set_auth, and what scripts assign.

Read at every call, not on import: people set ``os.environ`` and ``set_auth`` before or after importing.
docs/storage.md lists every variable; a test compares.
"""
import ipaddress
import os
import re
import sys
from typing import Any, Dict, NamedTuple, Optional, Tuple, Union
from urllib.parse import urlsplit

MIB = 1 << 20

# Keys are taken in pairs, the first complete one: an old pair's secret must not meet a new pair's name.
_KEY_VARIABLES = (("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SECURITY_TOKEN"),
                  ("S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "S3_SECURITY_TOKEN"),
                  ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))
_ENDPOINT_VARIABLES = ("S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_REGION_VARIABLES = ("S3_REGION", "AWS_REGION", "AWS_DEFAULT_REGION")

_NO_ENDPOINT = ("no endpoint: set S3_ENDPOINT (such as https://obs.cn-north-4.myhuaweicloud.com)"
                " or call mox.file.set_auth(server=...)")

_auth: Dict[str, Any] = {}


class Connection(NamedTuple):
    """Everything that makes one client differ from another."""

    endpoint: str
    key: Optional[str]
    secret: Optional[str]
    token: Optional[str]
    region: str
    verify: bool
    path_style: bool
    timeout: float


class Patience(NamedTuple):
    """How often a request is tried, and how long the waits between are."""

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
    """Override the environment; None keeps what is set. long_conn_mode, obs_client_log, timeout_config and negotiation
    are the platform's client's own and change nothing here; ``token`` (temporary keys) is this stand-in's."""
    given = {"ak": ak, "sk": sk, "server": server, "port": port, "is_secure": is_secure, "ssl_verify": ssl_verify,
             "path_style": path_style, "retry": retry, "retry_wait": retry_wait, "client_timeout": client_timeout,
             "list_max_keys": list_max_keys, "token": token}
    _auth.update({name: value for name, value in given.items() if value is not None})


def connection() -> Connection:
    """The store as the environment and set_auth describe it now."""
    key, secret, token = _keys()
    endpoint = _endpoint()
    host = urlsplit(endpoint).hostname or ""
    path_style = _auth.get("path_style", _flag("S3_PATH_STYLE", _has_no_subdomains(host)))
    return Connection(endpoint, key, secret, token, _region(host),
                      bool(_auth.get("ssl_verify", _flag("S3_VERIFY_SSL", True))), bool(path_style),
                      float(_auth.get("client_timeout", os.environ.get("MOX_FILE_TIMEOUT") or 60)))


def patience() -> Patience:
    """Eight attempts over about twenty seconds, unless told otherwise."""
    return Patience(max(1, int(_auth.get("retry", os.environ.get("MOX_FILE_RETRY") or 8))),
                    float(_auth.get("retry_wait", os.environ.get("MOX_FILE_RETRY_WAIT") or 0.2)))


def list_max_keys() -> int:
    """Names to a page of a listing."""
    return int(_auth.get("list_max_keys", 1000))


def part_size() -> int:
    """Bytes to a part of a large upload; OBS and S3 allow 10,000 parts."""
    return int(_assigned("_LARGE_FILE_PART_SIZE", "MOX_FILE_LARGE_FILE_PART_SIZE", 10 * MIB))


def parts_at_once() -> int:
    """Parts under way together: as many times part_size lie in memory."""
    return max(1, int(_assigned("_LARGE_FILE_TASK_NUM", "MOX_FILE_LARGE_FILE_TASK_NUM", 32)))


def largest_single_put() -> int:
    """Above it, an upload goes in parts. The platform's threshold is 5 GB, but one request's body lies in memory."""
    return min(32 * MIB, int(os.environ.get("MOX_FILE_PARTIAL_MAXIMUM_SIZE") or 32 * MIB))


def silent() -> bool:
    """Whether the import says nothing."""
    return _flag("MOX_SILENT_MODE", True)


def _assigned(attribute: str, variable: str, default: int) -> Any:
    """What a script assigned to file_io, else the variable, else the default."""
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
    return None, None, None  # the client looks where AWS' own tools do


def _endpoint() -> str:
    address = _auth.get("server") or _first(_ENDPOINT_VARIABLES)
    if not address:
        raise ValueError(_NO_ENDPOINT)
    address = str(address).rstrip("/")
    scheme, found, rest = address.rpartition("://")
    secure = _auth.get("is_secure")
    if secure is None:
        secure = scheme != "http" if found else _flag("S3_USE_HTTPS", True)
    if _auth.get("port"):
        rest = "{}:{}".format(rest.rsplit(":", 1)[0] if re.search(r":\d+$", rest) else rest, _auth["port"])
    return "{}://{}".format("https" if secure else "http", rest)


def _region(host: str) -> str:
    # Signatures name the region; OBS' hosts do too (obs.cn-north-4.myhuaweicloud.com).
    named = re.match(r"(?:obs|s3)\.([a-z]+-[a-z]+-\d+)\.", host)
    return _first(_REGION_VARIABLES) or (named.group(1) if named else "us-east-1")


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
