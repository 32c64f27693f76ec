"""Requests to an object store, through botocore's own client: its sessions, signatures and connections.

botocore ends a request whose body the store stops reading, because its time-outs apply to sending too; aiohttp, and
so s3fs and aiobotocore, wait for ever (measured: 40 MB, aiohttp 3.14). Its retries are off, because a whole object must
restart, and only :mod:`moxing._shim.transfer` can do that.
"""
import io
import logging
from typing import Any, Dict

from moxing._shim.retry import with_retries
from moxing._shim.settings import Connection

_NO_CLIENT = ("obs:// and s3:// need the package botocore, which is not installed: pip install botocore"
              " (the platform's own moxing does not need it)")


class Client:
    """The operations of the S3 API, by botocore's names for them."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def send(self, operation: str, bucket: str, **arguments: Any) -> Dict[str, Any]:
        """One request, one attempt."""
        if arguments.get("Body"):
            # Sent in blocks with a time-out each; one time-out would cover all of a bytes object.
            arguments["Body"] = io.BytesIO(arguments["Body"])
        response: Dict[str, Any] = getattr(self.client, operation)(Bucket=bucket, **arguments)
        return response

    def send_with_retries(self, operation: str, bucket: str, **arguments: Any) -> Dict[str, Any]:
        """One request that may be repeated without harm, until it succeeds or fails for good."""
        name = "/".join(part for part in (f"obs://{bucket}", arguments.get("Key") or arguments.get("Prefix")) if part)
        return with_retries(lambda: self.send(operation, bucket, **arguments), name)


def connect(to: Connection) -> Client:
    """A client for this store and these keys."""
    try:
        import botocore.config
        import botocore.session
    except ImportError as error:
        raise ImportError(_NO_CLIENT) from error
    options = {"signature_version": "s3v4", "s3": {"addressing_style": "path" if to.path_style else "virtual"},
               "retries": {"total_max_attempts": 1, "mode": "standard"}, "max_pool_connections": 64,
               "connect_timeout": min(20.0, to.timeout), "read_timeout": to.timeout}
    # Since 2025 botocore adds checksum trailers to bodies by default; OBS refuses them, or stores them with the object.
    plain = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}
    try:
        config = botocore.config.Config(**options, **plain)
    except TypeError:  # botocore before 1.36 does not have these options and adds no checksums
        config = botocore.config.Config(**options)
    if not to.verify:  # the user has chosen this; urllib3 would warn at every request
        import urllib3

        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    client = botocore.session.Session().create_client(
        "s3", endpoint_url=to.endpoint, region_name=to.region, verify=to.verify, config=config,
        aws_access_key_id=to.key, aws_secret_access_key=to.secret, aws_session_token=to.token)
    for name in ("botocore", "urllib3"):
        # Parts are sent from other threads. If the log itself is written to an object, its handler is locked while
        # they are sent, so that their log lines would wait for ever. A level that the user has set is kept.
        if logging.getLogger(name).level == logging.NOTSET:
            logging.getLogger(name).setLevel(logging.ERROR)
    return Client(client)
