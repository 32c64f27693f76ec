"""The signatures of a loaded model, called as TensorFlow Serving calls them: all inputs in, all outputs out."""
import os
from typing import Any, Callable, Dict, List, Sequence

import numpy as np

from textjob.serving.batching import rows_method
from textjob.serving.tfs.tensor_json import Arrays, InvalidTensorError

DEFAULT = "serving_default"


class Signature:
    """One signature; ``info`` is its SignatureDef, ``run`` maps inputs and the aliases of outputs to arrays."""

    def __init__(self, name: str, info: Any, run: Callable[[Arrays, List[str]], Arrays], values: Arrays) -> None:
        import tensorflow as tf

        self.name, self.info, self._run = name, info, run
        self.dtypes, self.output_dtypes = (
            {alias: tf.as_dtype(each.dtype).as_numpy_dtype for alias, each in sorted(infos.items())}
            for infos in (info.inputs, info.outputs))
        self.values = {alias: value for alias, value in values.items() if alias in self.dtypes}
        """The inputs that a request need not have."""
        batched = [each for alias, each in info.inputs.items() if alias not in self.values]
        self.has_rows = all(each.tensor_shape.dim and each.tensor_shape.dim[0].size == -1
                            for each in [*batched, *info.outputs.values()])
        """Whether requests can share calls: each required input and each output has a batch dimension."""

    def call(self, inputs: Arrays) -> Arrays:
        """All outputs."""
        return self._run(dict(self.values, **inputs), list(self.output_dtypes))

    def rows(self, items: Sequence[Arrays]) -> List[Arrays]:
        """The outputs of each item, which has a row of each input; items of equal shapes share a call."""
        results: List[Any] = [None] * len(items)
        groups: Dict[Any, List[int]] = {}
        for index, item in enumerate(items):
            groups.setdefault(tuple(sorted((alias, np.shape(row)) for alias, row in item.items())), []).append(index)
        for indexes in groups.values():
            inputs = {alias: np.array([items[i][alias] for i in indexes], self.dtypes[alias])
                      for alias in items[indexes[0]]}
            outputs = self.call(inputs)
            if any(np.shape(value)[:1] != (len(indexes),) for value in outputs.values()):
                raise InvalidTensorError("the model did not give one row of each output per row of the inputs")
            for position, index in enumerate(indexes):
                results[index] = {alias: value[position] for alias, value in outputs.items()}
        return results


class Signatures:
    """The signatures of the model of a service; each is prepared when it is first called."""

    def __init__(self, service: Any) -> None:
        from tensorflow.core.protobuf import saved_model_pb2

        self._model = service.model
        path = service.model_path
        with open(os.path.join(path if os.path.isdir(path) else os.path.dirname(path), "saved_model.pb"), "rb") as file:
            graphs = saved_model_pb2.SavedModel.FromString(file.read()).meta_graphs
        tags = list(self._model.plan.tags)
        graph = next(each for each in graphs if sorted(each.meta_info_def.tags) == tags)
        self.infos = {name: info for name, info in graph.signature_def.items() if not name.startswith("__")}
        self._signatures: Dict[str, Signature] = {}

    def get(self, name: str) -> Signature:
        """The signature of a name; "" is the default one or, if the model has no such name, the one of the service."""
        name = name or (DEFAULT if DEFAULT in self.infos else self._model.plan.signature)
        if name not in self.infos:
            raise InvalidTensorError(f'Serving signature name: "{name}" not found in signature def; the model has '
                                     f"{', '.join(sorted(self.infos))}")
        if name not in self._signatures:
            info, plan = self.infos[name], self._model.plan
            values = {alias: _array(tensor) for alias, tensor in info.defaults.items()}
            if name == plan.signature:
                values.update(plan.feeds)
            self._signatures[name] = Signature(
                name, info, lambda inputs, outputs: dict(self._model.run(inputs, outputs, name)), values)
        return self._signatures[name]


def has_signatures(service: Any) -> bool:
    """Whether the service is the template's, whose model can be called by any signature."""
    return rows_method(service) is not None and hasattr(getattr(service, "model", None), "run")


def _array(tensor: Any) -> Any:
    import tensorflow as tf

    return tf.make_ndarray(tensor)
