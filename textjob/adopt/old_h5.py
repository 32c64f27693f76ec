"""``.h5`` files from before TensorFlow 2.2, in the words that today's Keras reads."""
import json
import shutil
from pathlib import Path
from typing import Any


def in_todays_words(path: Path, copy: Path) -> Path:
    """A copy whose Sequential says its input's shape in a layer of its own; its initialisers have no dtype."""
    import h5py  # type: ignore[import-untyped]  # comes with TensorFlow
    shutil.copyfile(str(path), str(copy))
    with h5py.File(str(copy), "r+") as file:
        config = _without_dtypes(json.loads(file.attrs["model_config"]))
        layers = config["config"] if isinstance(config["config"], list) else config["config"].get("layers", [])
        shape = layers[0]["config"].get("batch_input_shape") if layers else None
        if config["class_name"] == "Sequential" and layers[0]["class_name"] != "InputLayer" and shape:
            layers.insert(0, {"class_name": "InputLayer", "config": {
                "batch_shape": shape, "dtype": layers[0]["config"].get("dtype") or "float32", "name": "input"}})
        for layer in layers:
            if layer["class_name"] != "InputLayer":
                layer["config"].pop("batch_input_shape", None)
        file.attrs["model_config"] = json.dumps(config)
    return copy


def _without_dtypes(value: Any) -> Any:
    """The same configuration, its initialisers without their dtype."""
    if isinstance(value, list):
        return [_without_dtypes(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {key: dict(each, config={k: v for k, v in each["config"].items() if k != "dtype"})
            if key.endswith("_initializer") and isinstance(each, dict) and "config" in each else _without_dtypes(each)
            for key, each in value.items()}
