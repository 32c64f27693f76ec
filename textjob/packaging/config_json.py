"""``config.json`` of a package, as the platform's manual defines it ("model configuration file")."""
from typing import Any, Dict

TEXT_ITEM = {"text": {"type": "string", "index": 0}}
IDS_ITEM = {"input_x": {"type": "array", "items": [{"type": "integer", "index": 0}]}}
ANSWER = {"predicted_label": {"type": "string"}, "score": {"type": "number"}, "scores": {"type": "array"}}


def config(card: Dict[str, Any], runtime: str, takes_ids: bool = False) -> Dict[str, Any]:
    """The content of ``config.json`` for a model card, with the metrics of the test part if it exists, else of dev.

    ``dependencies`` is left out because the service file needs only what every engine of the platform has.
    """
    figures = card["test"] or card["dev"]
    metrics = {"f1": figures["macro_f1"], **{name: figures[name] for name in ("accuracy", "precision", "recall")}
               } if figures else {}
    return {
        "model_type": "TensorFlow",
        "model_algorithm": "text_classification",
        "runtime": runtime,
        "metrics": metrics,
        "apis": [{
            "protocol": "http", "url": "/", "method": "post",
            "request": _body("req_data", IDS_ITEM if takes_ids else TEXT_ITEM),
            "response": _body("resp_data", ANSWER),
        }],
    }


def _body(name: str, properties: Dict[str, Any]) -> Dict[str, Any]:
    """The schema of a JSON body with a list of objects under ``data`` and ``name``.

    A batch service copies the schema of the request: it needs ``items`` as a list of one schema, and in each leaf an
    ``index``, which is a column of its CSV file.
    """
    rows = {"type": "array", "items": [{"type": "object", "properties": properties}]}
    data = {"type": "object", "properties": {name: rows}, "required": [name]}
    return {"Content-type": "application/json",
            "data": {"type": "object", "properties": {"data": data}, "required": ["data"]}}
