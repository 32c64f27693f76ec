"""The clients of docs/clients.md, against a server and a stand-in for the platform's gateway."""
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List

import gateway as gateways
import pytest
from gateway import CODE, KEY, PATH, PERSON, SECRET, TOKEN, Gateway
from processes import Server, Start

from textjob.paths import PROJECT

DOCUMENT = (PROJECT / "docs" / "clients.md").read_text(encoding="utf-8")
IAM = {"IAM_USER": PERSON["name"], "IAM_PASSWORD": PERSON["password"], "IAM_DOMAIN": "domain", "REGION": "region"}
SIGNED, APP = {"ACCESS_KEY": KEY, "SECRET_KEY": SECRET}, {"APP_CODE": CODE}
BUSY = (429, {}, b'{"error_code": "ModelArts.4206", "error_msg": "busy"}')


def blocks(language: str) -> List[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCUMENT, re.M | re.S)


@pytest.fixture(scope="module")
def server(own_package: Path, start: Start) -> Server:
    return start(own_package).ready()


@pytest.fixture
def gateway(server: Server) -> Iterator[Gateway]:
    made = Gateway(f"http://127.0.0.1:{server.port}/")
    yield made
    made.stop()


def run(command: List[str], url: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    clean = dict(os.environ, NO_PROXY="127.0.0.1", no_proxy="127.0.0.1", INFER_URL=url)
    for name in (*IAM, *SIGNED, *APP, "IAM_URL", "TOKEN", "AUTH_TOKEN"):
        clean.pop(name, None)
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False,
                          env={**clean, **environment})


def label(server: Server, text: str = "soup and bread") -> str:
    return str(server.post({"text": text})[1]["predicted_label"])


def test_the_stand_in_verifies_signatures_as_the_guide_does() -> None:
    """The request, the keys and the signature are the example of the "API Request Signing Guide"."""
    url = ("https://service.region.example.com/v1/77b6a44cba5143ab91d13ab9a8ff44fd/vpcs"
           "?limit=2&marker=13551d6b-755d-4757-b956-536f674975c0")
    headers = {"Content-Type": "application/json", "Host": "service.region.example.com",
               "X-Sdk-Date": "20191115T033655Z"}
    assert gateways.signature("GET", url, headers, "content-type;host;x-sdk-date", b"",
                              "MFyfvK41ba2giqM7Uio6PznpdUKGpownRZlmVmHc"
                              ) == "7be6668032f70418fcc22abc52071e57aff61b84a1d2381bb430d6870f4f6ebe"


def test_the_curl_commands_get_the_answer(server: Server, gateway: Gateway) -> None:
    local, with_token, with_app = blocks("bash")
    for command, url, environment in (
            (local, f"http://127.0.0.1:{server.port}/", {}),
            (with_token, gateway.address + PATH, dict(IAM, IAM_URL=gateway.address)),
            (with_app, gateway.address + PATH, APP)):
        done = run(["bash", "-e", "-c", command], url, **environment)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["data"]["resp_data"][0]["predicted_label"] == label(server), command


@pytest.mark.parametrize("environment", [IAM, APP, SIGNED], ids=["token", "app", "signature"])
def test_the_python_client_authenticates_and_repeats_what_the_table_says(
        environment: Dict[str, str], server: Server, gateway: Gateway) -> None:
    (client,) = blocks("python")
    gateway.failures = [BUSY, (503, {"Retry-After": "0"}, b"{}")]
    more = {"IAM_URL": gateway.address} if environment is IAM else {}
    done = run([sys.executable, "-c", client], gateway.address + PATH, **environment, **more)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        label(server).split()[0], label(server, "the team won").split()[0]]
    assert gateway.requests == 3


@pytest.mark.parametrize("code, reason", [(CODE, "MR.0105"), ("wrong", "APIG.0301")])
def test_the_python_client_does_not_repeat_what_would_fail_again(code: str, reason: str, gateway: Gateway) -> None:
    gateway.failures = [(500, {}, b'{"erno": "MR.0105"}')] * 2
    done = run([sys.executable, "-c", blocks("python")[0]], gateway.address + PATH, APP_CODE=code)
    assert done.returncode != 0 and reason in done.stderr and gateway.requests == 1


@pytest.mark.parametrize("language, program, file", [
    ("java", ["java"], "Client.java"), ("go", ["go", "run"], "client.go")], ids=["java", "go"])
def test_the_java_and_the_go_client_get_the_answer(
        language: str, program: List[str], file: str, server: Server, gateway: Gateway, tmp_path: Path) -> None:
    if shutil.which(program[0]) is None:
        pytest.skip(f"{program[0]} is not installed")
    (tmp_path / file).write_text(blocks(language)[0], encoding="utf-8")
    for url, environment in ((f"http://127.0.0.1:{server.port}/", {}), (gateway.address + PATH, SIGNED),
                             (gateway.address + PATH, APP), (gateway.address + PATH, {"AUTH_TOKEN": TOKEN})):
        done = run([*program, str(tmp_path / file)], url, GOCACHE=str(tmp_path / "cache"), **environment)
        assert done.returncode == 0, done.stderr
        status, body = done.stdout.split(" ", 1)
        assert status == "200" and json.loads(body)["data"]["resp_data"][0]["predicted_label"] == label(server)
