"""What the command line says about a source that is to be adopted."""
from types import MappingProxyType
from typing import Any, Dict, Mapping, NamedTuple, Sequence


class Wanted(NamedTuple):
    """Everything but the source and the output is optional: what is not said is found in the source, or asked for."""

    source: str
    output: str
    tags: Sequence[str] = ()
    signature: str = ""
    input_tensor: str = ""    # an alias of the signature, or a tensor's name
    output_tensor: str = ""   # the same, of the scores
    feeds: Mapping[str, Any] = MappingProxyType({})
    scores: str = ""          # probabilities, softmax or sigmoid
    labels: str = ""          # a file of class names, a line each, in the order of the source's scores
    vocabulary: str = ""      # a file of tokens, a line each
    tokenizer: str = ""       # a key of preprocessing.TOKENIZERS
    first_id: int = 0         # the id of the vocabulary's first line
    unknown_id: int = -1      # of a token that is not in the vocabulary; -1: that of its line <unk> or [UNK]
    length: int = 0           # ids a text, exactly; 0: what the input has, else as many as the text has
    max_length: int = 256     # ids a text, at most
    pad_left: bool = False    # padding, and the cut, at the beginning
    feature: str = ""         # of a model that takes tf.Example: the feature that holds the ids or the text
    runtime: str = "tf2.1-python3.7"
    allowed: Sequence[str] = ()  # dangerous ops that are meant
    overwrite: bool = False
    as_it_is: bool = False

    def options(self) -> Dict[str, Any]:
        """The same choices under the keys of ``service.json``."""
        told: Dict[str, Any] = {"tags": list(self.tags), "signature": self.signature, "input": self.input_tensor,
                "output": self.output_tensor, "feeds": dict(self.feeds), "scores": self.scores}
        return {key: value for key, value in told.items() if value}
