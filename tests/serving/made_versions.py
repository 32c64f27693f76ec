"""Small packages for a model base, whose answers say which version gave them."""
import json
import os
import shutil
from pathlib import Path
from typing import Any, Dict, List

import tensorflow as tf
from processes import Server, Start, wait_until

from textjob import manifest
from textjob.paths import PROJECT

v1 = tf.compat.v1
WEIGHTS = 1 << 20  # floats of the variable of a model: 4 MB

FOREIGN = '''
import os
import time

from model_service.tfserving_model_service import TfServingBaseService


class Foreign(TfServingBaseService):
    def __init__(self, model_name, model_path):
        pass

    def _preprocess(self, data):
        if "started" in data:
            open(data["started"], "a").close()
        gate = data.get("gate", GATE)
        while gate and not os.path.exists(gate):
            time.sleep(0.01)
        return data

    def _inference(self, data):
        return {"version": VERSION}

    def _postprocess(self, data):
        return data
'''


def label_of(number: int) -> str:
    """The label that the version gives to each text."""
    return f"v{number}"


def own(folder: Path, number: int, classes: int = 2) -> Path:
    """A package with the service of the project; each version has another number of classes and other names."""
    folder.mkdir(parents=True)
    info = v1.saved_model.build_tensor_info
    with tf.Graph().as_default(), v1.Session() as session:
        texts = v1.placeholder(tf.string, [None])
        weights = v1.get_variable("weights", [WEIGHTS], initializer=v1.zeros_initializer(), use_resource=False)
        row = tf.constant([[0.5] + [0.5 / (classes - 1)] * (classes - 1)]) + 0 * tf.reduce_sum(weights)
        outputs = {"output": info(tf.tile(row, [tf.shape(texts)[0], 1]))}
        session.run(v1.global_variables_initializer())
        builder = v1.saved_model.Builder(str(folder / "saved"))
        builder.add_meta_graph_and_variables(session, ["serve"], {
            "serving_default": v1.saved_model.build_signature_def({"input_x": info(texts)}, outputs, "any")})
        builder.save()
    for path in (folder / "saved").iterdir():
        path.rename(folder / path.name)
    (folder / "saved").rmdir()
    names = [label_of(number), *(f"{label_of(number)} other {i}" for i in range(1, classes))]
    (folder / "labels.txt").write_text("\n".join(names) + "\n", encoding="utf-8")
    (folder / "service.json").write_text(json.dumps({"scores": "probabilities"}), encoding="utf-8")
    shutil.copyfile(str(PROJECT / "customize_service.py"), str(folder / "customize_service.py"))
    manifest.write_manifest(folder)
    return folder


def foreign(folder: Path, number: int, source: str = FOREIGN, gate: str = "", **files: str) -> Path:
    """A package with a service file that was not made by this project, and further files beside it.

    Its answers wait until the file ``gate`` exists.
    """
    folder.mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(b"")
    (folder / "customize_service.py").write_text(f"VERSION = {number}\nGATE = {gate!r}\n{source}", encoding="utf-8")
    for name, content in files.items():
        (folder / f"{name}.py").write_text(content, encoding="utf-8")
    manifest.write_manifest(folder)
    return folder


class Base:
    """A model base on this machine; versions appear in it completely."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._aside = folder / "base", folder / "aside"
        self.folder.mkdir()

    def add(self, number: int, make: Any = own, **more: Any) -> Path:
        """Add a version; even versions lie in a folder ``model``."""
        made = make(self._aside / str(number), number, **more)
        target = self.folder / str(number) / "model" if number % 2 == 0 else self.folder / str(number)
        target.parent.mkdir(exist_ok=True)
        made.rename(target)
        return target

    def experiment(self, text: str) -> None:
        """Write experiment.yaml."""
        (self._aside / "experiment").write_text(text, encoding="utf-8")
        os.replace(str(self._aside / "experiment"), str(self.folder / "experiment.yaml"))

    def start(self, start: Start, *flags: str) -> Server:
        """A server of this model base that polls often."""
        server: Server = start(self.folder, "--poll_seconds", "0.05", *flags, model_flag="--model_base")
        return server


def served(server: Server, **headers: str) -> str:
    """The version that answers a text, which the answer and the header say alike."""
    response, content = server.send("POST", "/", {"text": "a text"}, {
        name.replace("_", "-"): value for name, value in headers.items()})
    assert response.status == 200, content
    body: Dict[str, Any] = json.loads(content)
    number: str = response.headers["X-Model-Version"]
    assert body.get("predicted_label", f"v{body.get('version')}") == label_of(int(number))
    return number


def wait_for(server: Server, number: int) -> None:
    """Wait until this version answers."""
    wait_until(lambda: served(server) == str(number))


def wait_for_polls(base: Base, server: Server, polls: int = 5) -> None:
    """Wait until the server has polled the model base several times: it logs a problem that two polls have seen."""
    folder = base.folder / "1000000"
    for number in range(polls):
        folder.mkdir(exist_ok=True)
        entries: List[Dict[str, Any]] = [{"path": name, "size": 0} for name in (
            "saved_model.pb", "customize_service.py", f"missing {server.process.pid} {number}")]
        for name in ("saved_model.pb", "customize_service.py"):
            (folder / name).write_bytes(b"")
        (folder / "manifest.json").write_text(json.dumps({"files": entries}), encoding="utf-8")
        wait_until(lambda name=entries[-1]["path"]: any(  # type: ignore[misc]
            f"{name} is missing" in message for message in server.messages("WARNING")))
    shutil.rmtree(str(folder))
