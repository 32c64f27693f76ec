"""The pip steps and the CMD of both images, in new virtual environments; `make dryrun` runs these tests."""
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Dict, List

import dockerfiles
from free_ports import free_port

import infer
from textjob.paths import PROJECT

BUILD = {"TENSORFLOW": "tensorflow-cpu"}  # as on a command line: --build-arg


class Image:
    """What a Dockerfile makes, in a folder that stands for ``/``, with a virtual environment as its Python."""

    def __init__(self, dockerfile: Path, context: Path, root: Path) -> None:
        self.root = root
        self.instructions = dockerfiles.read(dockerfile)
        subprocess.run([sys.executable, "-m", "venv", str(root / "venv")], check=True)
        python = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        self.environment = {**python, **dockerfiles.arguments(self.instructions), **BUILD}
        self.environment["PATH"] = f"{root / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        for value in dockerfiles.values(self.instructions, "ENV"):
            self.environment.update(pair.split("=", 1) for pair in value.split())
        (self.folder,) = [self.inside(value) for value in dockerfiles.values(self.instructions, "WORKDIR")]
        for sources, target in dockerfiles.copies(self.instructions):
            for source in sources:
                self._copy(context / source, target)
        for step in dockerfiles.values(self.instructions, "RUN"):
            if "pip install" in step:
                subprocess.run(["sh", "-e", "-c", step], cwd=str(self.folder), env=self.environment, check=True)

    def inside(self, path: str) -> Path:
        """A path of the image on this machine."""
        return self.root / path.lstrip("/")

    def command(self) -> List[str]:
        """The CMD with its paths on this machine."""
        return [str(self.inside(word)) if word.startswith("/") else word
                for word in dockerfiles.command(self.instructions)]

    def _copy(self, source: Path, target: str) -> None:
        if source.is_dir():
            shutil.copytree(str(source), str(self.inside(target)), ignore=shutil.ignore_patterns("__pycache__"))
        else:
            path = self.inside(target) / source.name if target.endswith("/") else self.inside(target)
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(source), str(path))


def sent(request: Any) -> Dict[str, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as response:
        content: Dict[str, Any] = json.loads(response.read())
    return content


def test_the_serving_image_answers_with_what_its_dockerfile_installs(tiny_run: Path, tmp_path: Path) -> None:
    context = tmp_path / "context"
    assert infer.main(["image", "--model", str(tiny_run), "--output", str(context)]) == 0
    image = Image(context / "Dockerfile", context, tmp_path / "image")
    port = free_port()
    with (tmp_path / "log").open("w+") as log:
        process = subprocess.Popen(image.command(), stdout=log, env=dict(image.environment, PORT=str(port)), cwd="/")
        try:
            url = f"http://127.0.0.1:{port}"
            end = time.monotonic() + 300
            while " on http://" not in (tmp_path / "log").read_text(encoding="utf-8"):
                assert process.poll() is None and time.monotonic() < end, (tmp_path / "log").read_text(encoding="utf-8")
                time.sleep(0.2)
            assert sent(url + "/health")["health"] == "true"
            body = json.dumps({"data": {"req_data": [{"text": "goal team score"}]}}).encode()
            answer = sent(urllib.request.Request(url + "/", body, {"Content-Type": "application/json"}))
            assert answer["data"]["resp_data"][0]["predicted_label"] in json.loads(
                (context / "model" / "model_card.json").read_text(encoding="utf-8"))["labels"]
            process.send_signal(signal.SIGTERM)  # the CMD is process 1, which gets the signal of the platform
            assert process.wait(120) == 0
        finally:
            process.kill()
            process.wait()


def test_the_training_image_trains_and_its_cmd_prints_the_flags(tiny_data: Path, tmp_path: Path) -> None:
    image = Image(PROJECT / "docker" / "train.Dockerfile", PROJECT, tmp_path / "image")
    shown = subprocess.run(image.command(), env=image.environment, cwd="/", capture_output=True, text=True, check=True)
    assert "--data_url" in shown.stdout
    program = [*image.command()[:-1], "--data_url", str(tiny_data), "--train_url", str(tmp_path / "out"), "--models",
               "cnn", "--epochs", "1", "--min_count", "1", "--max_length", "20"]
    trained = subprocess.run(program, env=image.environment, cwd="/", capture_output=True, text=True, check=False)
    assert trained.returncode == 0, trained.stderr
    assert (tmp_path / "out" / "model" / "saved_model.pb").exists()
