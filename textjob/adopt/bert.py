"""Converts texts to the inputs of a BERT: ids by WordPiece, mask and segments."""
from pathlib import Path
from typing import Any, Dict, List

from textjob.adopt.options import AdoptOptions
from textjob.adopt.preprocessing import Preprocessing
from textjob.adopt.roles import IDS, MASK, SEGMENTS, Row
from textjob.errors import DataError, UsageError
from textjob.text import bert_input, tokenizer, trie, wordpiece

START, SEPARATOR = "[CLS]", "[SEP]"


class BertPreprocessing(Preprocessing):
    """``--tokenizer wordpiece``."""

    def __init__(self, options: AdoptOptions, length: int = 0) -> None:
        super().__init__(options, length)
        self._separator = options.pair_separator
        special = bert_input.PAIR_OVERHEAD if self._separator else bert_input.OVERHEAD
        if options.first_id or options.pad_left:
            raise UsageError("the ids of --tokenizer wordpiece are line numbers from 0, and it pads at the end: "
                             "leave --first_id and --pad_left out")
        if self._most <= special:
            raise UsageError(f"{self._most} ids per text leave no place for tokens beside the {special} special ones; "
                             f"give a larger --{'length' if self.length else 'max_length'}")
        self.framed, self.least = bert_input.OVERHEAD, bert_input.OVERHEAD
        lines = {token: line for line, token in enumerate(self.vocabulary.tokens)}
        for token in (START, SEPARATOR):
            if token not in lines:
                raise DataError(f"--vocabulary {options.vocabulary} contains no line {token}, which frames each text "
                                "of a BERT; give the vocab.txt of the source")
        self._special = bert_input.Special(lines[START], lines[SEPARATOR], self.vocabulary.padding_id)
        self._lower = _lower(options, self.vocabulary.tokens)

    def inputs(self, texts: Any, vocabulary_file: Path) -> Dict[str, Any]:
        """Convert texts, string ``[batch]``; each value is int32 ``[batch, length]``."""
        paired = None
        if self._separator:
            texts, paired = bert_input.divided(texts, self._separator)
        # Each word has a token at least. How a pair is cut depends on the whole lengths of both parts.
        most = 0 if self._separator else self._most
        words = wordpiece.words(texts, wordpiece.code_table(self._lower), most)
        ids, splits = wordpiece.lines(words, tokenizer.table(str(vocabulary_file)), trie.trie(self.vocabulary.tokens),
                                      self.vocabulary.unknown_id)
        rows = bert_input.packed(ids, splits, self._special, self._most, self.length, self.least, paired)
        return {IDS: rows.ids, MASK: rows.mask, SEGMENTS: rows.segments}

    def row(self, tokens: int, columns: int) -> Row:
        """``[CLS]``, unknown tokens, ``[SEP]`` and padding."""
        unknown = [self.vocabulary.unknown_id] * (tokens - bert_input.OVERHEAD)
        padding = columns - tokens
        return {IDS: [self._special.start, *unknown, self._special.separator, *[self._special.padding] * padding],
                MASK: [1] * tokens + [0] * padding, SEGMENTS: [0] * columns}

    def known(self) -> List[str]:
        """Texts of whole words of the vocabulary, and of words that are divided into pieces."""
        words = [token for token in self.vocabulary.tokens if token.isalnum()]
        pieces = [token[len(trie.CONTINUATION):] for token in self.vocabulary.tokens
                  if token.startswith(trie.CONTINUATION) and token[len(trie.CONTINUATION):].isalnum()]
        divided = [word + piece for word, piece in zip(words[-12:], pieces[-12:])]
        texts = [" ".join(words[-60:-30]), " ".join(divided or words[-3:])]
        return [*texts, self._separator.join(texts)] if self._separator else texts


def _lower(options: AdoptOptions, tokens: List[str]) -> bool:
    """The value of ``--lower``; without it, true if the vocabulary has no capital letters."""
    capitals = [token for token in tokens if token != token.lower() and not token.startswith("[")]
    if not options.lower and capitals:
        raise UsageError(f"--vocabulary {options.vocabulary} has {len(capitals)} tokens with capital letters, as "
                         f"{capitals[0]!r}; give --lower false if the source was trained on cased texts, else --lower "
                         "true (do_lower_case in the configuration of its tokenizer)")
    return options.lower != "false"
