"""The options of ``infer.py adopt``."""
from types import MappingProxyType
from typing import Any, Dict, Mapping, NamedTuple, Sequence

TOKENIZERS = {
    "template": "the template's own (textjob/text/tokenizer.py): words and single Chinese characters, case folded",
    "whitespace": "Python's text.split(), for texts that were segmented into words before",
    "char": "every character except white space",
    "keras": "the default of Keras' TextVectorization: lower case, no punctuation (both ASCII), split at white space",
    "wordpiece": "BERT's: WordPiece (Devlin et al. 2019) with [CLS], [SEP], mask and segments",
}
"""Values of ``--tokenizer``, each with the tokens that it makes."""


class AdoptOptions(NamedTuple):
    """The flags of ``infer.py adopt``. Only ``source`` and ``output`` are required: the rest is read from the source.

    If the source leaves a choice open, adoption stops with an error that names the flag.
    """

    source: str
    output: str
    tags: Sequence[str] = ()
    signature: str = ""
    input_tensor: str = ""    # an alias of the signature, or the name of a tensor
    output_tensor: str = ""   # the same for the scores
    feeds: Mapping[str, Any] = MappingProxyType({})
    scores: str = ""          # probabilities, softmax or sigmoid
    labels: str = ""          # a file with one class name per line, in the order of the source's scores
    vocabulary: str = ""      # a file with one token per line
    tokenizer: str = ""       # a key of TOKENIZERS
    first_id: int = 0         # the id of the first line of the vocabulary
    unknown_id: int = -1      # the id of unknown tokens; -1: the id of the line <unk> or [UNK]
    lower: str = ""           # of wordpiece: "true" for an uncased vocabulary, "false" for a cased one
    pair_separator: str = ""  # of wordpiece: divides a text into two, for a source that takes pairs of texts
    length: int = 0           # ids per text, exactly; 0: the length of the source's input, or of the longest text
    max_length: int = 256     # ids per text, at most
    pad_left: bool = False    # pad and cut at the beginning of a text
    feature: str = ""         # of a source that reads tf.Example: the feature that holds the ids or the text
    runtime: str = "tf2.1-python3.7"
    allowed: Sequence[str] = ()  # dangerous ops that are accepted
    overwrite: bool = False
    as_it_is: bool = False

    def service_options(self) -> Dict[str, Any]:
        """The choices that ``service.json`` can express, under its keys."""
        options: Dict[str, Any] = {
            "tags": list(self.tags), "signature": self.signature, "input": self.input_tensor,
            "output": self.output_tensor, "feeds": dict(self.feeds), "scores": self.scores}
        return {key: value for key, value in options.items() if value}
