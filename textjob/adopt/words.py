"""Words of texts: for a source that reads a list of words per text, and for texts whose words a source knows."""
from pathlib import Path
from typing import Any, List, Tuple

import tensorflow as tf

import customize_service as service
from textjob.adopt.options import TOKENIZERS, AdoptOptions
from textjob.adopt.preprocessing import REMOVED, TABLES
from textjob.engines.saved_graph import Message
from textjob.errors import UsageError, nearest
from textjob.text import tokenizer

MAX_WORDS = 1 << 20   # per text
KNOWN = 60            # words in the texts of known words


class Splitting:
    """Splits texts into words, for the sparse feature of strings of a ``tf.Example``."""

    def __init__(self, options: AdoptOptions, feature: str) -> None:
        if options.vocabulary:
            raise UsageError(f"the source reads the words of a text (the feature {feature!r}), not their ids, so "
                             "--vocabulary has no effect; leave it out")
        if options.tokenizer not in TABLES:
            kinds = ", ".join(TABLES)
            raise UsageError(
                f"the source reads a list of words per text (the feature {feature!r}), so texts must be split as they "
                f"were for its training: give --tokenizer KIND, one of {kinds}" if not options.tokenizer else
                f"--tokenizer {options.tokenizer!r} does not split texts into words; expected one of {kinds}"
                f"{nearest(options.tokenizer, TOKENIZERS)}")
        self._removed = REMOVED.get(options.tokenizer, "")
        self._table = tokenizer.two_stage_table(*TABLES[options.tokenizer]())

    def sparse(self, texts: Any) -> Tuple[Any, Any, Any]:
        """Indices, values and dense shape of the words of texts, string ``[batch]``."""
        if self._removed:
            texts = tf.strings.regex_replace(texts, self._removed, "")
        words, bounds = tokenizer.tokens(texts, MAX_WORDS, self._table)
        counts = bounds[1:] - bounds[:-1]
        longest = tf.reduce_max(tf.concat([counts, [0]], 0))
        return tf.where(tf.sequence_mask(counts, longest)), words, tf.stack([tf.size(texts, tf.int64), longest])

    def words(self, texts: List[bytes]) -> List[List[bytes]]:
        """The words of each text."""
        v1 = tf.compat.v1
        with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
            text = v1.placeholder(tf.string, [None])
            values = self.sparse(text)[1]
            return [session.run(values, {text: [each]}).tolist() for each in texts]


def known_texts(meta: Message, folder: Path) -> List[str]:
    """Two texts of words that a model may know; ``[]`` if it contains no words.

    They detect a lookup table that fails to find any word.
    """
    words = [word.decode("utf-8", "replace") for word in service.known_words(service.Graph(meta), str(folder))]
    return [" ".join(part) for part in (words[:12], words[12:KNOWN]) if part]
