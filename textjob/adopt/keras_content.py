"""Reads and replaces the configuration in a Keras file: an HDF5 file (``.h5``), or the archive of Keras 3 (``.keras``).

The form is recognised by the content, because TensorFlow 2.1 writes HDF5 under every name.
"""
import json
import zipfile
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional

CONFIG, METADATA = "config.json", "metadata.json"  # members of an archive
MODEL_CONFIG, TRAINING_CONFIG = "model_config", "training_config"  # attributes of an HDF5 file


class Content(NamedTuple):
    """The parts of a Keras file that describe the model."""

    version: str               # of the Keras that saved it; "" if the file does not contain it
    config: Dict[str, Any]     # of the model; {} if the file contains only weights
    training: Dict[str, Any]   # the arguments of compile(); {} if the model was not compiled


def read(path: Path) -> Optional[Content]:
    """The content of a file; None if it is neither HDF5 nor an archive."""
    import h5py  # type: ignore[import-untyped]  # comes with TensorFlow
    if zipfile.is_zipfile(str(path)):
        with zipfile.ZipFile(str(path)) as archive:
            members = {name: json.loads(archive.read(name).decode("utf-8")) for name in (CONFIG, METADATA)
                       if name in archive.namelist()}
        config = members.get(CONFIG, {})
        return Content(str(members.get(METADATA, {}).get("keras_version", "")), config,
                       config.get("compile_config") or {})
    if not h5py.is_hdf5(str(path)):
        return None
    with h5py.File(str(path), "r") as file:
        version = file.attrs.get("keras_version", b"")
        config, training = (json.loads(file.attrs[key]) if key in file.attrs else {}
                            for key in (MODEL_CONFIG, TRAINING_CONFIG))
    return Content(version.decode("utf-8") if isinstance(version, bytes) else str(version), config, training)


def with_config(path: Path, config: Dict[str, Any], folder: Path) -> Path:
    """A copy of the file in the folder, with another configuration."""
    import h5py
    if zipfile.is_zipfile(str(path)):
        copy = folder / "model.keras"
        with zipfile.ZipFile(str(path)) as archive, zipfile.ZipFile(str(copy), "w") as out:
            for name in archive.namelist():
                out.writestr(name, json.dumps(config) if name == CONFIG else archive.read(name))
        return copy
    copy = folder / "model.h5"
    copy.write_bytes(path.read_bytes())
    with h5py.File(str(copy), "r+") as file:
        file.attrs[MODEL_CONFIG] = json.dumps(config)
    return copy
