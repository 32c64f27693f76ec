"""The platform's training functions, which the stand-in does not have: each name with its replacement in this template.
"""
from typing import Callable, Dict

from moxing._shim.parameters import get_flag, get_hyper_parameter, set_flag, set_hyper_parameter

__all__ = ["ModeKeys", "get_flag", "get_hyper_parameter", "set_flag", "set_hyper_parameter", "unsupported"]

_TRAIN, _MODEL = "train.py, which trains and exports in one run", "a model of models/, of which train.py uses each"
_DATA = "train.py --data_url, which reads the forms of data that docs/data.md lists"
_OPTIMIZER = "train.py --learning_rate and --epochs"
REPLACEMENTS: Dict[str, str] = {
    "run": _TRAIN,
    **dict.fromkeys(("ModelSpec", "get_model_fn", "get_model_meta", "NetworkKeys", "var_scope", "get_collection",
                     "get_model"), _MODEL),
    **dict.fromkeys(("ExportSpec", "ExportKeys", "save_model"),
                    "textjob.packaging.export, whose packages have config.json and customize_service.py"),
    **dict.fromkeys(("get_dataset", "get_dataset_meta", "get_data_iter", "get_data_augmentation_fn",
                     "ImageClassificationRawMetadata", "ImageClassificationRawDataset",
                     "ImageClassificationTFRecordMetadata", "ImageClassificationTFRecordDataset",
                     "MultilabelClassificationRawMetadata", "MultilabelClassificationRawDataset",
                     "PreprocessingKeys"), _DATA),
    **dict.fromkeys(("get_optimizer_fn", "learning_rate_scheduler"), _OPTIMIZER),
    **dict.fromkeys(("AggregativeSessionRunHook", "LogEvaluationMetricHook", "PlateauLREvaluationHook"),
                    "the report of train.py, and its TensorBoard logs"),
    "EarlyStoppingHook": "train.py --patience",
}


class ModeKeys:
    """The names of the modes; scripts compare them in their own functions, too."""

    TRAIN, EVAL, PREDICT, EXPORT = "TRAIN", "EVAL", "PREDICT", "EXPORT"


def unsupported(module: str) -> Callable[[str], None]:
    """The ``__getattr__`` of a module: the sentence for a training function, Python's usual one for any other name."""

    def attribute(name: str) -> None:
        if name in REPLACEMENTS:
            raise AttributeError(f"{module}.{name} is not available outside the platform, because the stand-in for "
                                 f"moxing has only file functions and parameters; use {REPLACEMENTS[name]}")
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return attribute
