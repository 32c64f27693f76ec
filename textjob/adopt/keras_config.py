"""Converts the configuration of a model that Keras 1 or 2 saved, so that Keras 3 builds the same model from it.

A keyword that the layer of the installed Keras does not have is left out if its value never changed a prediction.
Any other keyword is an error, because a model without it would make other predictions.
"""
import copy
import inspect
from typing import Any, Dict, Iterator, List, Set

import tensorflow as tf

from textjob.adopt import keras_old_layers
from textjob.errors import PackageError

Config = Dict[str, Any]

TRAINING_ONLY = ("_initializer", "_regularizer", "_constraint")
"""The ends of keywords that have no effect after training. Their classes have other keywords in Keras 3."""

ANY_VALUE: List[Any] = []
NEUTRAL: Dict[str, List[Any]] = {
    "adjustment": [None], "causal": [False], "dynamic": [False], "fused": ANY_VALUE, "groups": [1],
    "implementation": ANY_VALUE, "input_length": ANY_VALUE, "key_shape": ANY_VALUE, "noise_shape": ANY_VALUE,
    "query_shape": ANY_VALUE, "ragged": [False],
    "renorm": [False], "renorm_clipping": ANY_VALUE, "renorm_momentum": ANY_VALUE, "sparse": [False],
    "time_major": [False], "trainable": ANY_VALUE, "value_shape": ANY_VALUE, "virtual_batch_size": [None],
}
"""Keyword that Keras 3 dropped from a layer → the values with which it never changed a prediction."""

RENAMED = {("LeakyReLU", "alpha"): "negative_slope"}
MISSING = {("GRU", "reset_after"): False, ("GRUCell", "reset_after"): False}
"""The value of a keyword that the file does not contain, where the default of Keras 3 is another one."""

MODELS = ("Sequential", "Model", "Functional")
REMEDY = ("Run the command with the version of TensorFlow that wrote the file, or load the file with that version and "
          "save the model by tf.saved_model.save")


def converted(config: Any) -> Any:
    """A copy of the configuration, in the form that Keras 3 reads.

    Raises:
        PackageError: a layer has a keyword that changes its predictions and that Keras 3 does not have.
    """
    if isinstance(config, list):
        return [converted(each) for each in config]
    if not isinstance(config, dict):
        return config
    kind, inner = config.get("class_name"), config.get("config")
    if not isinstance(kind, str) or not isinstance(inner, dict):
        return {key: converted(value) for key, value in config.items()}
    inner = {key: converted(value) for key, value in inner.items()}
    if kind in MODELS:
        return dict(config, config=_model(kind, inner))
    layer = getattr(tf.keras.layers, kind, None)
    if not inspect.isclass(layer):
        return dict(config, config=inner)
    if kind in (*keras_old_layers.REPLACED, keras_old_layers.ATTENTION):
        return dict(config, config=_layer(kind, layer, inner))
    # The module is necessary for a layer within a layer, as in Bidirectional.
    return dict(config, module="keras.layers", registered_name=None, config=_layer(kind, layer, inner))


def _model(kind: str, config: Config) -> Config:
    """The configuration of a model, in which a Sequential model's input is a layer of its own."""
    layers = config["layers"]
    shape = config.get("batch_input_shape") or (layers and layers[0]["config"].get("batch_input_shape"))
    if kind == "Sequential" and layers and layers[0]["class_name"] != "InputLayer" and shape:
        dtype = layers[0]["config"].get("dtype")
        layers = [{"class_name": "InputLayer", "config": {
            "batch_shape": shape, "dtype": dtype if isinstance(dtype, str) else "float32", "name": "input"}}, *layers]
    for layer in layers:
        layer["config"].pop("batch_input_shape", None)
    for each in layers:
        if each["class_name"] in MODELS:
            config = _with_shifted_calls(dict(config, layers=layers), each["config"]["name"])
            layers = config["layers"]
    for each in layers:
        if each["class_name"] == keras_old_layers.ATTENTION:
            each["inbound_nodes"] = [_call(*call) for call in each.get("inbound_nodes", [])]
    return dict(config, layers=layers)


def _call(query: List[Any]) -> Config:
    """The call of a layer with one positional argument in the form of Keras 3, which reads tensors as keywords."""
    def tensor(value: Any) -> Any:
        if not isinstance(value, list) or len(value) != 3 or not isinstance(value[0], str):
            return value
        return {"class_name": "__keras_tensor__", "config": {
            "shape": [None], "dtype": "float32", "keras_history": value}}  # only the history is used
    return {"args": [tensor(query[:3])], "kwargs": {name: tensor(value) for name, value in query[3].items()}}


def _with_shifted_calls(config: Config, name: str) -> Config:
    """The configuration with the calls of a nested model counted from 0.

    Keras 2 counts them from 1, because the creation of a model with an input is its call 0.
    """
    references: List[Any] = []

    def collect(value: Any) -> None:
        if isinstance(value, list) and len(value) in (3, 4) and value[0] == name and isinstance(value[1], int):
            references.append(value)
        elif isinstance(value, list):
            for each in value:
                collect(each)
        elif isinstance(value, dict):  # keywords of a call
            collect(list(value.values()))

    config = copy.deepcopy(config)
    collect([each.get("inbound_nodes", []) for each in config["layers"]])
    collect([config.get("output_layers", [])])
    if references and min(call for _, call, *_ in references) > 0:
        for reference in references:
            reference[1] -= 1
    return config


def _layer(kind: str, layer: Any, config: Config) -> Config:
    accepted, kept = _keywords(layer), {}
    if kind == "InputLayer" and "batch_input_shape" in config:
        config["batch_shape"] = config.pop("batch_input_shape")
    if kind == "BatchNormalization" and isinstance(config.get("axis"), list):
        config["axis"], = config["axis"]
    if isinstance(config.get("dtype"), dict):  # a policy
        config["dtype"] = config["dtype"]["config"]["name"]
    for keyword, value in config.items():
        keyword = RENAMED.get((kind, keyword), keyword)
        if keyword.endswith(TRAINING_ONLY):
            continue
        if keyword in accepted or keyword == "batch_input_shape":  # the model uses it and removes it
            kept[keyword] = value
        elif not _is_neutral(keyword, value):
            raise PackageError(f"the layer {config.get('name')!r} ({kind}) has the keyword {keyword}={value!r}, which "
                               f"Keras {tf.keras.__version__} does not have; without it the predictions may be others. "
                               f"{REMEDY}")
    for (missing, keyword), default in MISSING.items():
        if missing == kind:
            kept.setdefault(keyword, default)
    return kept


def _is_neutral(keyword: str, value: Any) -> bool:
    return keyword in NEUTRAL and (NEUTRAL[keyword] is ANY_VALUE or value in NEUTRAL[keyword])


def _keywords(layer: Any) -> Set[str]:
    """The keywords of a layer's constructor, and those of its bases that it passes on."""
    keywords: Set[str] = set()
    for base in inspect.getmro(layer):
        if "__init__" in vars(base):
            parameters = inspect.signature(vars(base)["__init__"]).parameters
            keywords.update(parameters)
            if not any(each.kind == inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
                break
    return keywords - {"self", "args", "kwargs"}


RECURRENT = ("Bidirectional", "GRU", "LSTM", "RNN", "SimpleRNN")
KEEPS_MASK = ("BatchNormalization", "Dropout", "LayerNormalization", "SpatialDropout1D")


def check_masked_sequences(config: Config) -> None:
    """Refuse a model of TensorFlow 2.0 or 2.1 whose predictions depended on the device.

    Raises:
        PackageError: a bidirectional layer returns its values for padding. On a CPU they were those of the word before
            the padding, on a GPU and in every other version they are 0.
    """
    layers = list(_leaves(config))
    if not any(each["config"].get("mask_zero") or each["class_name"] == "Masking" for each in layers):
        return
    for i, each in enumerate(layers):
        inner = each["config"].get("layer", {}).get("config", {})
        if each["class_name"] != "Bidirectional" or not inner.get("return_sequences") or (
                inner.get("recurrent_activation") != "sigmoid"):
            continue
        following = [other["class_name"] for other in layers[i + 1:] if other["class_name"] not in KEEPS_MASK]
        if config["class_name"] == "Sequential" and following[:1] and following[0] in RECURRENT:
            continue  # this layer does not read the values for padding
        raise PackageError(
            f"the layer {each['config'].get('name')!r} returns a sequence with masked steps, whose values TensorFlow "
            "2.0 and 2.1 computed differently on a CPU and on a GPU (files of 2.2 cannot be told from theirs). Load "
            "the file with the version of TensorFlow that wrote it, save the model by tf.saved_model.save, which keeps "
            "the values of that version, and adopt the "
            "result")


def _leaves(config: Config) -> Iterator[Config]:
    """The layers of a model and of the models in it."""
    for layer in config["config"].get("layers", []):
        if layer["class_name"] in MODELS:
            yield from _leaves(layer)
        else:
            yield layer
