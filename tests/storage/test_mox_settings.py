"""Endpoint, keys, region and addressing style: the platform's variables and set_auth."""
import datetime
import ipaddress
import socket
import ssl
from pathlib import Path
from typing import Any, Dict

import pytest
from fault_server import FaultServer

OBS = "https://obs.cn-north-4.myhuaweicloud.com"


def now(monkeypatch: pytest.MonkeyPatch, variables: Dict[str, str]) -> Any:
    from moxing._shim import settings

    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return settings.connection()


@pytest.mark.parametrize(("variables", "endpoint"), [
    ({"S3_ENDPOINT": OBS}, OBS),
    ({"S3_ENDPOINT": OBS + "/"}, OBS),
    ({"S3_ENDPOINT": "obs.example.com"}, "https://obs.example.com"),
    ({"S3_ENDPOINT": "obs.example.com", "S3_USE_HTTPS": "0"}, "http://obs.example.com"),
    ({"S3_ENDPOINT": "obs.example.com:9000", "S3_USE_HTTPS": "1"}, "https://obs.example.com:9000"),
    ({"S3_ENDPOINT": "http://127.0.0.1:9000", "S3_USE_HTTPS": "1"}, "http://127.0.0.1:9000"),
    ({"AWS_ENDPOINT_URL": "http://a"}, "http://a"),
    ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "http://b"}, "http://b"),
    ({"AWS_ENDPOINT_URL": "http://a", "S3_ENDPOINT": "http://c"}, "http://c"),
])
def test_the_endpoint_comes_from_the_platforms_variables(
        monkeypatch: pytest.MonkeyPatch, variables: Dict[str, str], endpoint: str) -> None:
    assert now(monkeypatch, variables).endpoint == endpoint


def test_set_auth_has_precedence_over_the_environment(mox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mox.file.set_auth(ak="a", sk="b", server="store.example.com", port=8080, is_secure=False, ssl_verify=False,
                      path_style=True, client_timeout=5, token="t")
    found = now(monkeypatch, {"S3_ENDPOINT": OBS, "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "y"})
    assert found == ("http://store.example.com:8080", "a", "b", "t", "us-east-1", False, True, 5.0)


@pytest.mark.parametrize("prefix", ["", "S3_", "AWS_"])
def test_each_pair_of_key_variables_is_read(monkeypatch: pytest.MonkeyPatch, prefix: str) -> None:
    token = "AWS_SESSION_TOKEN" if prefix == "AWS_" else prefix + "SECURITY_TOKEN"
    found = now(monkeypatch, {"S3_ENDPOINT": OBS, prefix + "ACCESS_KEY_ID": "k", prefix + "SECRET_ACCESS_KEY": "s",
                              token: "t"})
    assert (found.key, found.secret, found.token) == ("k", "s", "t")


def test_an_incomplete_pair_of_keys_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    found = now(monkeypatch, {"S3_ENDPOINT": OBS, "ACCESS_KEY_ID": "old", "S3_ACCESS_KEY_ID": "k",
                              "S3_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "of-another-pair"})
    assert (found.key, found.secret, found.token) == ("k", "s", None)


@pytest.mark.parametrize(("variables", "path_style"), [
    ({"S3_ENDPOINT": OBS}, False),
    ({"S3_ENDPOINT": OBS, "S3_PATH_STYLE": "1"}, True),
    ({"S3_ENDPOINT": "http://127.0.0.1:9000"}, True),
    ({"S3_ENDPOINT": "http://[::1]:9000"}, True),
    ({"S3_ENDPOINT": "localhost:9000"}, True),
    ({"S3_ENDPOINT": "http://localhost:9000", "S3_PATH_STYLE": "0"}, False),
])
def test_the_bucket_is_in_the_host_or_in_the_path(
        mox: Any, monkeypatch: pytest.MonkeyPatch, variables: Dict[str, str], path_style: bool) -> None:
    from moxing._shim import s3_client

    found = now(monkeypatch, {**variables, "ACCESS_KEY_ID": "k", "SECRET_ACCESS_KEY": "s"})
    assert found.path_style is path_style
    signed = s3_client.connect(found).client.generate_presigned_url("get_object", {"Bucket": "bucket", "Key": "key"})
    assert ("/bucket/key?" in signed) is path_style and ("//bucket." in signed) is not path_style


def test_the_region_comes_from_the_variable_or_from_obs_host_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert now(monkeypatch, {"S3_ENDPOINT": OBS}).region == "cn-north-4"
    assert now(monkeypatch, {"S3_ENDPOINT": OBS, "S3_REGION": "eu-de"}).region == "eu-de"


def test_a_missing_endpoint_is_an_error_that_names_the_variable(mox: Any) -> None:
    with pytest.raises(ValueError, match="S3_ENDPOINT"):
        mox.file.exists("obs://bucket/x")


def test_certificates_are_checked_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert now(monkeypatch, {"S3_ENDPOINT": OBS}).verify is True
    assert now(monkeypatch, {"S3_ENDPOINT": OBS, "S3_VERIFY_SSL": "0"}).verify is False


def test_settings_may_change_between_two_calls(mox: Any, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server.put("bucket/x", b"here")
    monkeypatch.setenv("S3_ENDPOINT", "http://127.0.0.1:1")
    mox.file.set_auth(retry=1)
    with pytest.raises(OSError):
        mox.file.read("obs://bucket/x")
    mox.file.set_auth(server=server.endpoint)
    assert mox.file.read("obs://bucket/x") == "here"


def test_virtual_hosted_requests_use_the_host_name_of_the_bucket(
        mox: Any, server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As OBS requires. The test resolves the host name of the bucket to this machine."""
    resolve = socket.getaddrinfo

    def here(host: Any, *arguments: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if host == "bucket.store.test" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", here)
    monkeypatch.setenv("S3_ENDPOINT", f"http://store.test:{server.server_address[1]}")
    mox.file.write("obs://bucket/folder/x", "text")
    assert server.objects["bucket/folder/x"].body == b"text" and mox.file.read("obs://bucket/folder/x") == "text"
    assert mox.file.list_directory("obs://bucket", recursive=True) == ["folder", "folder/x"]
    assert {request.target.partition("?")[0] for request in server.requests} == {"/folder/x", "/"}


def test_an_untrusted_certificate_is_refused_without_retries_unless_the_check_is_disabled(
        mox: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = FaultServer()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(tmp_path / "cert.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.start()
    try:
        monkeypatch.setenv("S3_ENDPOINT", server.endpoint.replace("http:", "https:"))
        with pytest.raises(mox.file.MoxFileReadException, match="certificate is not trusted") as caught:
            mox.file.read("obs://bucket/x")
        assert "S3_VERIFY_SSL" in str(caught.value) and "attempts" not in str(caught.value)
        monkeypatch.setenv("S3_VERIFY_SSL", "0")
        mox.file.write("obs://bucket/x", "text")
        assert mox.file.read("obs://bucket/x") == "text" and server.objects["bucket/x"].body == b"text"
    finally:
        server.shutdown()
        server.server_close()


def self_signed(path: Path) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nobody")])
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                   .serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
                   .add_extension(address, critical=False).sign(key, hashes.SHA256()))
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return str(path)
