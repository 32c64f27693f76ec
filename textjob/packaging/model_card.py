"""``model_card.json``: the data, the settings, the metrics and the golden answers of a package."""
import platform
from typing import Any, Dict, List

import numpy as np
import tensorflow as tf

from textjob.data.dataset import Dataset
from textjob.settings import Settings
from textjob.training.trainer import Trained

FORMAT = 1


def model_card(name: str, data: Dataset, settings: Settings, trained: Trained, dev: Dict[str, Any],
               test: Dict[str, Any], golden: List[Dict[str, Any]]) -> Dict[str, Any]:
    """The content of the model card; ``test`` is empty if the data had no test part."""
    return {
        "format": FORMAT,
        "model": name,
        "labels": data.labels,
        "data": {"sha256": data.digest, "train": len(data.train.texts), "dev": len(data.dev.texts),
                 "test": len(data.test.texts), "notes": data.notes},
        "settings": settings.of_model(name),
        "seed": settings.seed,
        "versions": {"python": platform.python_version(), "tensorflow": tf.__version__, "numpy": np.__version__},
        "training": {"seconds": round(trained.seconds, 2), "best_epoch": trained.best_epoch,
                     "history": trained.history},
        "dev": dev,
        "test": test,
        "golden": golden,
    }
