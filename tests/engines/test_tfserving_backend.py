"""The backend "tfserving" from end to end: the service of a package on an engine calls our server by gRPC."""
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import pytest
from conftest import CLOSE, EVERYONE, ROOT, python_of

TEXTS = ["goal team score", "soup bread 好吃", "体育 crowd of the stadium", ""]


@pytest.fixture(scope="module")
def address(tiny_run: Path) -> Iterator[str]:
    """Where a server of the package answers by gRPC."""
    command = [sys.executable, str(ROOT / "infer.py"), "serve", "--model", str(tiny_run / "cnn" / "model"),
               "--port", "0", "--grpc_port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    try:
        lines = [process.stdout.readline() for _ in range(2)]
        assert "by gRPC on" in lines[1], lines
        yield lines[1].rpartition(" ")[2].strip()
    finally:
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.parametrize("engine", EVERYONE)
def test_the_service_gives_the_same_answers_by_tensorflow_serving_as_in_process(
        engine: str, tiny_run: Path, address: str, tmp_path: Path) -> None:
    python = python_of(engine)
    package = Path(shutil.copytree(str(tiny_run / "cnn" / "model"), str(tmp_path / "model")))
    (package / "service.json").write_text('{"backend": "tfserving", "scores": "probabilities"}', encoding="utf-8")
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"data": {"req_data": [{"text": text} for text in TEXTS]}}), encoding="utf-8")
    client = str(Path(__file__).with_name("tfserving_client.py"))
    done = subprocess.run([python, "-I", client, str(package), address, str(request)], capture_output=True, text=True,
                          cwd="/", timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    answers = json.loads(done.stdout.splitlines()[-1])["data"]["resp_data"]
    for answer, expected in zip(answers, _answers(tiny_run / "cnn" / "model")):
        assert answer["predicted_label"] == expected["predicted_label"]
        np.testing.assert_allclose([score for _, score in sorted(answer["scores"])],
                                   [score for _, score in sorted(expected["scores"])], atol=CLOSE)


def _answers(package: Path) -> Any:
    """The answers of the service with the model in this process."""
    import customize_service as service

    made = service.TextClassifierService("serve", str(package))
    return made.inference({"req_data": list(TEXTS)})["resp_data"]
