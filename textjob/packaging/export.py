"""Write a trained model as a SavedModel that TensorFlow 1.15 and every later version loads.

What makes it portable, each point measured: a ``compat.v1`` graph written by ``SavedModelBuilder``, reference variables
(``use_resource=False``), only ops that TensorFlow 1.15 has, default attributes stripped, tables initialized by the main
op. An export by ``tf.saved_model.save`` of today's TensorFlow loads on none of the platform's engines.
"""
import hashlib
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import tensorflow as tf

import models
from models import layers
from textjob.errors import JobError
from textjob.packaging import signatures
from textjob.text import tokenizer
from textjob.text.encoding import model_inputs

v1 = tf.compat.v1

MAX_DIFFERENCE = 1e-5
"""The largest accepted difference between the probabilities of an exported model and those of its source."""


def export(directory: Path, model: str, weights: Dict[str, np.ndarray], vocabulary_file: Path, labels_file: Path,
           labels: Sequence[str], max_length: int, tokens_read: int) -> None:
    """Write the SavedModel of one of the ``MODELS`` into ``directory``, which must not exist.

    ``tokens_read`` tokens of a text become ids, and the network reads the first ``max_length`` of them.
    """
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        inputs = signatures.placeholders()
        ids, spelling = model_inputs(inputs.texts, tokenizer.table(str(vocabulary_file)), tokens_read)
        logits = models.logits(model, variables(session, model, weights), ids,
                               lambda x: layers.dropout(x, inputs.keep_prob, v1.random_uniform(tf.shape(x))), spelling,
                               max_length)
        # The last op is Softmax: a service that cannot run the model while it loads recognises probabilities by it.
        output = tf.nn.softmax(signatures.unpadded(logits, inputs), name=signatures.OUTPUT)
        signatures.save(session, directory, inputs, output, labels, labels_file)


def variables(session: Any, model: str, weights: Dict[str, np.ndarray]) -> Dict[str, Any]:
    """Create reference variables with the values of ``weights``; the keys are the same."""
    created = {}
    with v1.variable_scope(_scope(model, weights)):
        for name, value in weights.items():
            created[name] = v1.get_variable(name, value.shape, tf.as_dtype(value.dtype), v1.zeros_initializer(),
                                            use_resource=False)
            # Fed, not assigned from a constant, because constants would double the size of the graph.
            session.run(created[name].initializer, {created[name].initializer.inputs[1]: value})
    return created


def _scope(model: str, weights: Dict[str, np.ndarray]) -> str:
    """A variable scope that no other model uses.

    ``tf.saved_model.load`` of TensorFlow 2.1 keeps the variables of all models of a process by name: with equal names,
    the weights of the second model would replace those of the first.
    """
    digest = hashlib.sha256(b"".join(weights[name].tobytes() for name in sorted(weights)))
    return f"{model}_{digest.hexdigest()[:12]}"


def predict(directory: Path, texts: Sequence[str]) -> Tuple[np.ndarray, List[str]]:
    """Load a SavedModel and return its probabilities, float32 ``[texts, classes]``, and its labels."""
    graph = tf.Graph()
    with graph.as_default(), v1.Session(graph=graph) as session:
        loaded = v1.saved_model.loader.load(session, [v1.saved_model.tag_constants.SERVING], str(directory))
        signature = loaded.signature_def[signatures.SERVING_DEFAULT]
        feed = {signature.inputs[signatures.INPUT_X].name: np.array([text.encode("utf-8") for text in texts], object)}
        output, label = session.run(
            [signature.outputs[alias].name for alias in (signatures.OUTPUT, signatures.LABEL)], feed)
    return output, [name.decode("utf-8") for name in label]


def verify(directory: Path, texts: Sequence[str], expected: np.ndarray, labels: Sequence[str]) -> None:
    """Load the exported model and compare its predictions with ``expected``, the probabilities of its source.

    Raises:
        JobError: the predictions differ by more than rounding.
    """
    probabilities, predicted = predict(directory, texts)
    difference = float(np.abs(probabilities - expected).max())
    if not difference <= MAX_DIFFERENCE:
        raise JobError(f"the probabilities of the exported model differ from those of its source by up to "
                       f"{difference:.2g}; at most {MAX_DIFFERENCE:g} is accepted. TensorFlow {tf.__version__} "
                       "computes one of the two graphs incorrectly; run the job with another version of TensorFlow")
    if predicted != [labels[i] for i in probabilities.argmax(1)]:
        raise JobError("the output 'label' of the exported model does not name the class with the highest probability. "
                       f"TensorFlow {tf.__version__} computes the graph incorrectly; run the job with another version")
