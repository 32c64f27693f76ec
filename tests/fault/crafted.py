"""Invalid and dangerous models and packages for the tests of this folder."""
import contextlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from textjob.packaging import package
from textjob.paths import SHIMS

__all__ = ["SHIMS"]

v1 = tf.compat.v1
PROJECT = Path(__file__).resolve().parents[2]
HOST = PROJECT / "textjob" / "serving" / "host.py"
if str(PROJECT / "tests" / "contract") not in sys.path:
    sys.path.append(str(PROJECT / "tests" / "contract"))  # for asking and jobs, if only this folder is run

Build = Callable[[], Tuple[Dict[str, Any], Dict[str, Any]]]


def of_texts(scores: Callable[[Any], Any]) -> Build:
    """A model whose input is ``input_x`` (texts) and whose ``output`` is the result of ``scores``."""
    def build() -> Tuple[Dict[str, Any], Dict[str, Any]]:
        x = v1.placeholder(tf.string, [None], "x")
        return {"input_x": x}, {"output": scores(x)}
    return build


def constant_scores(x: Any) -> Any:
    return tf.tile(tf.constant([[0.25, 0.75]]), [tf.shape(x)[0], 1], name="y")


plain = of_texts(constant_scores)


def export(folder: Path, build: Build = plain, main_op: Callable[[], Any] = lambda: None,
           edit: Callable[[Any], Any] = lambda meta: None) -> Path:
    """Write a SavedModel by SavedModelBuilder, with one variable; ``edit`` changes its MetaGraph at the end."""
    with tf.Graph().as_default(), v1.Session() as session:
        inputs, outputs = ({alias: v1.saved_model.build_tensor_info(tensor) for alias, tensor in side.items()}
                           for side in build())
        v1.get_variable("unused", [2], use_resource=False)
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = v1.saved_model.Builder(str(folder))
        builder.add_meta_graph_and_variables(
            session, ["serve"], {"serving_default": v1.saved_model.build_signature_def(inputs, outputs, "any")},
            main_op=main_op(), assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS))
        builder.save()
    return edited(folder, edit)


def edited(folder: Path, edit: Callable[[Any], Any]) -> Path:
    """The same model after ``edit`` has changed its MetaGraph."""
    file = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    edit(model.meta_graphs[0])
    file.write_bytes(model.SerializeToString())
    return folder


def deployed(folder: Path) -> Path:
    """The model with the service file and the config.json that the platform requires."""
    shutil.copyfile(str(PROJECT / package.SERVICE), str(folder / package.SERVICE))
    config = {"model_type": "TensorFlow", "model_algorithm": "text_classification"}
    (folder / package.CONFIG).write_text(json.dumps(config), encoding="utf-8")
    return folder


def without_start(folder: Path) -> Path:
    """The package without its service file: a check reports that, inspects the model, and starts nothing."""
    (folder / package.SERVICE).unlink()
    return folder


@contextlib.contextmanager
def untouched(*folders: Path) -> Iterator[None]:
    """Assert that the block creates, changes and deletes nothing in these folders."""
    def state() -> List[Tuple[str, int, int]]:
        paths: Sequence[Path] = [path for folder in folders for path in sorted([folder, *folder.rglob("*")])]
        return [(str(path), path.lstat().st_mtime_ns, path.lstat().st_ino) for path in paths]
    before = state()
    yield
    assert state() == before
