"""What a package says of itself: ``model_card.json`` for people and tools, ``config.json`` for the platform."""
import platform
from typing import Any, Dict, List, Sequence

import numpy as np
import tensorflow as tf

from textjob.data.dataset import Dataset
from textjob.settings import Settings
from textjob.training.trainer import Trained

FORMAT = 1
TEXT = {"text": {"type": "string", "index": 0}}
IDS = {"input_x": {"type": "array", "items": [{"type": "integer", "index": 0}]}}


def model_card(name: str, data: Dataset, settings: Settings, trained: Trained, dev: Dict[str, Any],
               test: Dict[str, Any], golden: List[Dict[str, Any]]) -> Dict[str, Any]:
    """Where the model comes from and how good it is; ``test`` is empty where there was no test part."""
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


def golden_answers(texts: Sequence[str], probabilities: np.ndarray, labels: Sequence[str]) -> List[Dict[str, Any]]:
    """Golden texts with the training graph's answers."""
    return [{"text": text, "label": labels[int(row.argmax())], "probabilities": [float(p) for p in row]}
            for text, row in zip(texts, probabilities)]


def config(card: Dict[str, Any], runtime: str, takes_ids: bool = False) -> Dict[str, Any]:
    """``config.json`` of the platform (its manual, "model configuration file").

    Batch services copy the request's schema and need a concrete leaf with an ``index``, the column of their CSV;
    ``items`` is the platform's tuple form. No dependencies: the service needs what the engine has.
    """
    figures = card["test"] or card["dev"]
    metrics = {"f1": figures["macro_f1"], **{name: figures[name] for name in ("accuracy", "precision", "recall")}
               } if figures else {}
    item = {"type": "object", "properties": IDS if takes_ids else TEXT}
    answer = {"type": "object", "properties": {
        "predicted_label": {"type": "string"}, "score": {"type": "number"}, "scores": {"type": "array"}}}
    return {
        "model_type": "TensorFlow",
        "model_algorithm": "text_classification",
        "runtime": runtime,
        "metrics": metrics,
        "apis": [{
            "protocol": "http", "url": "/", "method": "post",
            "request": {"Content-type": "application/json", "data": _listing("req_data", item)},
            "response": {"Content-type": "application/json", "data": _listing("resp_data", answer)},
        }],
    }


def _listing(name: str, item: Dict[str, Any]) -> Dict[str, Any]:
    rows = {"type": "array", "items": [item]}
    return {"type": "object", "properties": {
        "data": {"type": "object", "properties": {name: rows}, "required": [name]}}, "required": ["data"]}
