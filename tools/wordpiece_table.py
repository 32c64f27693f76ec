"""Writes what BERT's reference tokenizer does with each code point: ``textjob/text/wordpiece_table.npz``.

    python tools/wordpiece_table.py      needs tokenizers (requirements-dev.txt)

The table is made from the answers of the reference and not from Python's Unicode data, because the two contain
different versions of Unicode. ``textjob/text/wordpiece.py`` describes the content. A test compares the file with the
result of this tool.
"""
from pathlib import Path
from typing import Any, Dict, List, Tuple

import numpy as np
from tokenizers.normalizers import NFD, BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

FILE = Path(__file__).resolve().parents[1] / "textjob" / "text" / "wordpiece_table.npz"

CODE_POINTS, BLOCK, KINDS = 0x110000, 256, 8
DROP, BLANK, WORD, SINGLE, TWO, THREE, MARK, BREAK = range(KINDS)
REPLACEMENT = 0xFFFD
LAST_MARK = "\u0345"  # the only character of the highest combining class, 240
# UnicodeEncode of TensorFlow 2.1 and 2.6 turns these into U+FFFD, so that every engine gets that character instead.
NONCHARACTERS = {*range(0xFDD0, 0xFDF0), *(plane + low for plane in range(0, CODE_POINTS, 0x10000)
                                           for low in (0xFFFE, 0xFFFF))}


def normal_form(text: str) -> str:
    """The canonical decomposition by the reference, with its version of Unicode."""
    return str(NFD().normalize_str(text))


def is_mark(char: str) -> bool:
    """Whether the combining class of a character is not 0."""
    return char == LAST_MARK or not normal_form(LAST_MARK + char).startswith(LAST_MARK)


def ranks(marks: List[str]) -> Dict[str, int]:
    """Characters that are not of class 0, each with the rank of its combining class among them, from 1."""
    groups: List[List[str]] = []
    for char in marks:
        before = sum(normal_form(char + group[0]) == char + group[0] and normal_form(group[0] + char) != group[0] + char
                     for group in groups)  # groups of a higher class
        place = len(groups) - before
        same = place and normal_form(char + groups[place - 1][0])[0] == char
        if same:
            groups[place - 1].append(char)
        else:
            groups.insert(place, [char])
    return {char: rank for rank, group in enumerate(groups, 1) for char in group}


def kind_of(char: str) -> int:
    """The kind of a normalized character, by the pieces that the reference makes of ``aXb``."""
    return {1: WORD, 2: BLANK, 3: SINGLE}[len(BertPreTokenizer().pre_tokenize_str("a" + char + "b"))]


def entries(uncased: bool) -> Tuple[np.ndarray, List[int]]:
    """The entry of every code point, and the characters into which some are expanded."""
    normalizer, clean = BertNormalizer(lowercase=uncased), BertNormalizer(lowercase=False)
    table, expansions = np.full(CODE_POINTS, DROP, np.int32), []  # type: Tuple[np.ndarray, List[int]]
    marks = []
    for code in range(CODE_POINTS):
        char = chr(code)
        result = "" if 0xD800 <= code < 0xE000 else normalizer.normalize_str(char)
        if code in NONCHARACTERS and result:
            result = chr(REPLACEMENT)
        if not result:
            stripped = uncased and not 0xD800 <= code < 0xE000 and clean.normalize_str(char) and not is_mark(char)
            table[code] = BREAK if stripped else DROP
        elif len(result) == 3 and result[0] == result[2] == " ":
            table[code] = (ord(result[1]) - code) * KINDS + SINGLE
        elif len(result) == 1:
            table[code] = (ord(result) - code) * KINDS + kind_of(result)
            if uncased and result == char and is_mark(char):
                marks.append(char)
        else:
            assert len(result) in (2, 3) and all(kind_of(each) == WORD for each in result), (hex(code), result)
            table[code] = len(expansions) * KINDS + {2: TWO, 3: THREE}[len(result)]
            expansions.extend(map(ord, result))
    for char, rank in ranks(marks).items():
        table[ord(char)] = rank * KINDS + MARK
    assert not any(is_mark(chr(code)) for code in np.flatnonzero((table % KINDS == WORD) & (table // KINDS != 0))
                   if uncased), "a mark that is mapped to another character needs a kind of its own"
    return table, expansions


def arrays() -> Dict[str, Any]:
    """The content of the file."""
    content: Dict[str, Any] = {}
    for name, uncased in (("uncased", True), ("cased", False)):
        table, expansions = entries(uncased)
        blocks, index = np.unique(table.reshape(-1, BLOCK), axis=0, return_inverse=True)
        content[name + "_block_of"] = index.reshape(-1).astype(np.uint16)
        content[name + "_blocks"] = blocks.reshape(-1).astype(np.int32)
        content[name + "_expansions"] = np.array(expansions, np.int32)
    return content


if __name__ == "__main__":
    with FILE.open("wb") as file:
        np.savez_compressed(file, **arrays())
    print(f"{FILE}: {FILE.stat().st_size:,} bytes")
