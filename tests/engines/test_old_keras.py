"""Keras files of the platform's TensorFlow versions: Keras 3 repeats their predictions, or the file is refused."""
import json
import os
import subprocess
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
import tensorflow as tf
from conftest import CLOSE, ENGINES, ROOT, python_of

from textjob.adopt import keras_content, keras_files
from textjob.errors import PackageError

REFUSED = {"lambda": "Lambda", "time_major": "time_major=True"}  # name → part of the error
REFUSED_OF = {("tf2.1.0", "bidirectional_max"): "masked steps"}
# Before 2.4, these cannot be built or saved.
LATER = {"stacked_cells", "heads", "heads_cross", "heads_masked", "heads_masked_sum"}
LEFT_OUT = {"tf1.15.5": LATER, "tf2.1.0": LATER}


@pytest.fixture(scope="module", params=ENGINES)
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Any]:
    """The engine, and the folder of the files that it wrote."""
    folder = tmp_path_factory.mktemp(request.param)
    done = subprocess.run([python_of(request.param), str(ROOT / "tests" / "foreign" / "old_keras.py"), str(folder)],
                          capture_output=True, text=True, timeout=580,
                          env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", PYTHONDONTWRITEBYTECODE="1"))
    assert done.returncode == 0, done.stderr[-3000:]
    left_out = {line.split()[2] for line in done.stdout.splitlines() if line.startswith("left out")}
    assert left_out == LEFT_OUT.get(request.param, set()), done.stdout
    return {"engine": request.param, "folder": folder}


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_keras_file_of_an_old_engine_predicts_in_keras_3_as_in_the_engine_or_is_refused(
        files: Dict[str, Any], tmp_path: Path) -> None:
    wrong, paths = [], sorted(files["folder"].glob("*.h5"))
    assert len(paths) >= 30
    for path in paths:
        reason = REFUSED_OF.get((files["engine"], path.stem), REFUSED.get(path.stem, ""))
        if reason:
            with pytest.raises(PackageError, match=reason):
                keras_files.load(path, keras_content.read(path), tmp_path)
            continue
        model, expected = keras_files.load(path, keras_content.read(path), tmp_path), json.loads(
            path.with_suffix(".json").read_text(encoding="utf-8"))
        ids = np.array(expected["inputs"]).astype(tf.as_dtype(model.inputs[0].dtype).as_numpy_dtype)
        difference = np.abs(model(ids, training=False).numpy() - np.array(expected["outputs"])).max()
        if not difference <= CLOSE:
            wrong.append(f"{path.stem}: {difference:.1e}")
    assert not wrong, wrong
