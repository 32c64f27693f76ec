"""``config.json`` of a package, as the platform's manual defines it ("model configuration file")."""
from typing import Any, Dict

TEXT_ITEM = {"text": {"type": "string", "index": 0}}
IDS_ITEM = {"input_x": {"type": "array", "items": [{"type": "integer", "index": 0}]}}
ANSWER = {"predicted_label": {"type": "string"}, "score": {"type": "number"}, "scores": {"type": "array"}}
HEALTH = {"url": "/health", "protocol": "http", "initial_delay_seconds": "30", "timeout_seconds": "10"}


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


def of_image(config: Dict[str, Any], image: str = "") -> Dict[str, Any]:
    """The ``config.json`` of a model of the type Image whose server serves the package of ``config``.

    ``image`` is the address of the image, which a model needs that is imported from OBS.
    """
    kept = {key: value for key, value in config.items() if key not in ("model_type", "runtime", "dependencies")}
    return {"model_type": "Image", **({"swr_location": image} if image else {}), **kept, "health": HEALTH}


def item_properties(config: Dict[str, Any]) -> Dict[str, Any]:
    """The properties of an item of a request in this ``config.json``; empty if another tool made the file."""
    try:
        properties = config["apis"][0]["request"]["data"]["properties"]["data"]["properties"]["req_data"]["items"][0][
            "properties"]
    except (KeyError, IndexError, TypeError):
        return {}
    return properties if properties in (TEXT_ITEM, IDS_ITEM) else {}


def json_schema(schema: Any) -> Any:
    """A schema of this module in the present JSON Schema: ``items`` is one schema, and nothing has an ``index``."""
    if not isinstance(schema, dict):
        return schema
    converted = {key: json_schema(value) for key, value in schema.items() if key != "index"}
    if isinstance(schema.get("items"), list):
        converted["items"] = json_schema(schema["items"][0])
    return converted


def _body(name: str, properties: Dict[str, Any]) -> Dict[str, Any]:
    """The schema of a JSON body with a list of objects under ``data`` and ``name``.

    A batch service copies the schema of the request: it needs ``items`` as a list of one schema, and in each leaf an
    ``index``, which is a column of its CSV file.
    """
    return {"Content-type": "application/json", "data": wrapped(name, {"type": "object", "properties": properties})}


def wrapped(name: str, item: Dict[str, Any]) -> Dict[str, Any]:
    """The schema of ``{"data": {name: [item, ...]}}``."""
    data = {"type": "object", "properties": {name: {"type": "array", "items": [item]}}, "required": [name]}
    return {"type": "object", "properties": {"data": data}, "required": ["data"]}
