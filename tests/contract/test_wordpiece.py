"""WordPiece in the graph gives the ids of the reference implementation, for texts of every kind."""
import random
import sys
from pathlib import Path
from typing import Any, Callable, List, Sequence, Union

import numpy as np
import pytest
import tensorflow as tf
from tokenizers import BertWordPieceTokenizer

from textjob.text import bert_input, tokenizer, trie, wordpiece

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import wordpiece_table

v1 = tf.compat.v1
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = ["the", "a", "film", "is", "was", "good", "bad", "not", "it", "soup", "bread", "dinner", "team", "match", "un",
         "affable", "able", "ness", "embedding", "embed", "run", "runn", "playing", "play", "hello", "world", "naive",
         "resume", "cafe", "istanbul", "2024", "10", "3", "don", "t", "s"]
PIECES = ["##s", "##ing", "##able", "##ness", "##ly", "##ed", "##ding", "##affable", "##aff", "##0", "##24", "##電",
          "##ᆨ", "##é", "##🙂", "##ν"]
CASED = ["The", "Film", "É", "é", "Été", "İ", "Ünder", "##É", "ΑΣ", "한국어", "##국"]
OTHERS = [*"!?.,;:'\"()[]{}#@$%&*+-/<=>\\^_`|~，。！？「」", *"电影很好看的体育新闻中文豈更", "♥", "🙂", "👍", "α",
          "ας", "ασ", "привет", "한", "국", "हिन्दी", "สวัสดี", "سلام", "日本", "日本語", "のテ", "x" * 100, "y" * 101]
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *LETTERS, *("##" + letter for letter in LETTERS[:20]),
          *"0123456789", *WORDS, *PIECES, *CASED, *OTHERS]
TEXTS = [
    "", " \t\r\n\u3000\xa0\u2028", "Hello, World! It's unaffable: embeddings, runnings & plays don't.",
    "这部电影很好看,我很喜欢it。体育新闻ABC中文2024", "日本語のテキスト 豈更 \U0002f800\U00020bb7", "한국어 각 값",
    "🙂👍🏽👨‍👩‍👧 ❤️ 1️⃣ 🇨🇳 \U0001fae8", "İstanbul ΑΣ ΑΣ. naïve RÉSUMÉ Cafe\u0301 Ünder ﬁ Ⅳ ß ẞ",
    "x" * 99 + " " + "x" * 100, "y" * 101 + " the", "a" * 3000 + " film",
    "nul\0inside bell\7 zero\u200bwidth soft\xadhyphen \ufffd \ue000 \ufdd0\uffff",
    "a\u0323\u0302 a\u0302\u0323 \U0001d158\U0001d165\U0001d16d e\u302e\u08d4\u1b44",
    "no_such-word [not special] ##s # #",
]


class Tokenizer:
    """The graph of one vocabulary, built once."""

    def __init__(self, vocabulary: Path, lower: bool, most: int = 0) -> None:
        tokens = vocabulary.read_text(encoding="utf-8").splitlines()
        with tf.Graph().as_default():
            self._texts = v1.placeholder(tf.string, [None])
            words = wordpiece.words(self._texts, wordpiece.code_table(lower), most)
            self._lines = wordpiece.lines(words, tokenizer.table(str(vocabulary)), trie.trie(tokens),
                                          tokens.index("[UNK]"))
            self._session = v1.Session()
            self._session.run(v1.tables_initializer())

    def __call__(self, texts: Sequence[bytes]) -> List[List[int]]:
        lines, splits = self._session.run(self._lines, {self._texts: np.array(list(texts), object)})
        return [lines[first:last].tolist() for first, last in zip(splits, splits[1:])]


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    file.write_text("".join(token + "\n" for token in dict.fromkeys(TOKENS)), encoding="utf-8")
    return file


@pytest.fixture(scope="module", params=[True, False], ids=["uncased", "cased"])
def differences(request: pytest.FixtureRequest, vocabulary: Path) -> Callable[[Sequence[Union[str, bytes]]], List[Any]]:
    """The texts whose ids differ from those of the reference, with both lists of ids."""
    graph = Tokenizer(vocabulary, request.param)
    reference = BertWordPieceTokenizer(str(vocabulary), lowercase=request.param)

    def compare(texts: Sequence[Union[str, bytes]]) -> List[Any]:
        encoded = [text.encode("utf-8") if isinstance(text, str) else text for text in texts]
        expected = reference.encode_batch([text.decode("utf-8", "replace") for text in encoded],
                                          add_special_tokens=False)
        return [(ascii(text), ids, each.ids) for text, ids, each in zip(texts, graph(encoded), expected)
                if ids != each.ids]
    return compare


def code_points(*ranges: range) -> List[str]:
    return [chr(code) for each in ranges for code in each if not 0xD800 <= code < 0xE000]


POOLS = [code_points(range(0x110000)), code_points(range(0x20, 0x7F)), code_points(range(0xA0, 0x600)),
         code_points(range(0x4E00, 0x5000), range(0xF900, 0xFB00)), code_points(range(0xAC00, 0xD7A4)),
         code_points(range(0x1F300, 0x1FB00), range(0x2600, 0x27C0)), code_points(range(0x900, 0xE00)),
         code_points(range(0x300, 0x370), range(0x8D4, 0x8E2), range(0x1D158, 0x1D180), range(0x1E000, 0x1E02B)),
         TOKENS]


def random_texts(seed: int, count: int) -> List[str]:
    rnd = random.Random(seed)
    texts = []
    for _ in range(count):
        pools = rnd.sample(POOLS, rnd.randint(1, 3))
        parts = [rnd.choice(rnd.choice(pools)) for _ in range(rnd.randint(1, 30))]
        texts.append("".join(part + rnd.choice(["", "", "", " "]) for part in parts))
    return [text for text in texts if not any(special in text for special in TOKENS[:5])]


def test_texts_of_many_scripts_get_the_ids_of_the_reference(differences: Any) -> None:
    assert differences(TEXTS) == []


def test_every_code_point_between_letters_gets_the_ids_of_the_reference(differences: Any) -> None:
    # Planes 3 to 13 are not assigned, 15 and 16 are private use.
    chars = code_points(range(0x30000), range(0x30000, 0x110000, 97), range(0xE0000, 0xE0200))
    assert differences(["a" + char + "b" for char in chars]) == []


def test_random_texts_get_the_ids_of_the_reference(differences: Any) -> None:
    assert differences(random_texts(1, 20000)) == []


def test_invalid_utf_8_gets_the_ids_of_the_text_without_it(differences: Any) -> None:
    rnd = random.Random(2)
    parts = [lambda: bytes([rnd.randrange(256)]), lambda: rnd.choice(TOKENS[5:]).encode("utf-8"),
             lambda: rnd.choice(TOKENS[5:]).encode("utf-8")[:-1]]
    assert differences([b"".join(rnd.choice(parts)() for _ in range(rnd.randint(1, 20))) for _ in range(5000)]) == []


def test_words_of_every_length_get_the_ids_of_the_reference(differences: Any) -> None:
    rnd = random.Random(3)
    assert differences(["".join(rnd.choice("abcu") for _ in range(length)) for length in range(300)]) == []


def test_combining_characters_are_put_in_the_canonical_order(differences: Any) -> None:
    rnd, marks = random.Random(4), [*POOLS[7], "\u034f", "\u0f73", "\u0cc6", "a"]
    assert differences(["".join(rnd.choice(marks) for _ in range(rnd.randint(2, 8))) for _ in range(10000)]) == []


def test_the_literal_name_of_a_special_token_has_no_meaning_in_a_text(vocabulary: Path) -> None:
    tokens = vocabulary.read_text(encoding="utf-8").splitlines()
    (ids,) = Tokenizer(vocabulary, True)([b"[SEP]"])
    assert [tokens[i] for i in ids] == ["[", "s", "##e", "##p", "]"]


def test_only_the_first_words_of_a_text_are_processed_if_so_many_are_needed(vocabulary: Path) -> None:
    every, four = Tokenizer(vocabulary, True), Tokenizer(vocabulary, True, 4)
    texts = [text.encode("utf-8") for text in TEXTS + random_texts(5, 500)]
    assert [ids[:4] for ids in four(texts)] == [ids[:4] for ids in every(texts)]
    assert all(len(ids) <= 4 for ids in four([b"the film was not good", b"a b c d e"]))


def test_the_table_of_code_points_is_that_of_the_tool() -> None:
    with np.load(str(wordpiece_table.FILE)) as content:
        stored = {name: content[name] for name in content.files}
    made = wordpiece_table.arrays()
    assert list(made) == list(stored) and all(np.array_equal(made[name], stored[name]) for name in made)


# The inputs of BERT

Rows = List[List[List[int]]]  # ids, mask and segments per text


def encoded(vocabulary: Path, texts: Sequence[str], most: int, length: int, separator: str = "") -> Rows:
    """The inputs of BERT for texts, or for pairs that are joined by a separator."""
    tokens = vocabulary.read_text(encoding="utf-8").splitlines()
    special = bert_input.Special(*(tokens.index(token) for token in ("[CLS]", "[SEP]", "[PAD]")))
    with tf.Graph().as_default(), v1.Session() as session:
        parts, paired = v1.placeholder(tf.string, [None]), None
        feed = parts
        if separator:
            parts, paired = bert_input.divided(parts, separator)
        words = wordpiece.words(parts, wordpiece.code_table(True))
        lines, splits = wordpiece.lines(words, tokenizer.table(str(vocabulary)), trie.trie(tokens),
                                        tokens.index("[UNK]"))
        rows = bert_input.packed(lines, splits, special, most, length, 1, paired)
        session.run(v1.tables_initializer())
        arrays = session.run(rows, {feed: [text.encode("utf-8") for text in texts]})
    return [[array[i].tolist() for array in arrays] for i in range(len(texts))]


def expected(vocabulary: Path, texts: Sequence[Any], most: int, length: int) -> Rows:
    """The same by the reference, for texts and pairs of texts."""
    reference = BertWordPieceTokenizer(str(vocabulary))
    reference.enable_truncation(most)
    reference.enable_padding(length=length or None)
    return [[each.ids, each.attention_mask, each.type_ids] for each in reference.encode_batch(list(texts))]


@pytest.mark.parametrize("most, length", [(12, 12), (12, 0), (200, 200), (2, 2), (256, 0)])
def test_texts_are_cut_and_padded_as_by_the_reference(vocabulary: Path, most: int, length: int) -> None:
    texts = [*TEXTS, *random_texts(6, 100)]
    assert encoded(vocabulary, texts, most, length) == expected(vocabulary, texts, most, length)


@pytest.mark.parametrize("separator", ["\t", " ||| ", "。", ".*"])
@pytest.mark.parametrize("most, length", [(12, 12), (13, 0), (40, 40), (3, 3)])
def test_pairs_of_texts_are_cut_and_padded_as_by_the_reference(
        vocabulary: Path, separator: str, most: int, length: int) -> None:
    rnd = random.Random(7)
    texts = [separator.join(" ".join(rnd.choice(WORDS) for _ in range(rnd.choice([0, 1, 3, 5, 9, 20])))
                            for _ in range(rnd.choice([1, 2, 2, 2, 3]))) for _ in range(200)]
    parts = [tuple(text.split(separator, 1)) if separator in text else text for text in texts]
    assert encoded(vocabulary, texts, most, length, separator) == expected(vocabulary, parts, most, length)


def test_a_pair_with_invalid_utf_8_is_divided_at_the_separator() -> None:
    parts, paired = bert_input.divided(tf.constant([b"a\xff\xfe\tb\xe4\tc", b"\xff", b"\t\xc3", b"a\n\tb\0"]), "\t")
    assert parts.numpy().tolist() == [b"a\xff\xfe", b"\xff", b"", b"a\n", b"b\xe4\tc", b"", b"\xc3", b"b\0"]
    assert paired.numpy().tolist() == [True, False, True, True]
