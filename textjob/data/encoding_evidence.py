"""Evidence for one of the encodings that are neither UTF-8 nor UTF-16, from the non-ASCII lines of a file.

Chinese, Japanese and Korean: the share of common characters among all decoded ideographs, kana and Hangul.
Single-byte encodings: the probability of the decoded letters per language. Encodings that the job does not read
compete too, because without them their files are accepted as the nearest encoding that the job reads.

``encoding_table.json.gz`` beside this file holds the common characters (500 simplified and 500 traditional ones by
their count in Chinese reviews and headlines, 300 Hangul) and per language its encodings and the frequencies of its
non-ASCII letters, counted in the most frequent words of the wordfreq lists; "*" stands for the symbols of every
language. The thresholds were measured on labelled texts in 9 encodings of the list and 13 outside it.
"""
import codecs
import gzip
import json
import os
import re
from collections import Counter
from functools import lru_cache
from math import log
from typing import Any, Dict, List, NamedTuple, Optional
from unicodedata import category

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "encoding_table.json.gz")
CUT = 4096  # bytes; a line of this length may end within a character

# First and last ideographs, kana, Hangul and private-use characters.
CJK = ("\u1100\u11ff", "\u3040\u30ff", "\u3130\u318f", "\u3400\u9fff", "\uac00\ud7a3", "\ue000\uf8ff",
       "\uf900\ufaff", "\uff66\uff9f", "\U00020000\U0003ffff")
CHINESE_PUNCTUATION = frozenset("“”‘’…—·、。〈〉《》「」『』【】！（），．：；？～￥")
KANA = "".join(map(chr, range(0x3041, 0x30FB)))


class MultiByte(NamedTuple):
    """A multi-byte encoding: Python's codec, and the least share of common characters."""

    codec: str
    least_share: float


MULTI_BYTE = {
    "gb18030": MultiByte("gb18030", 0.33),
    "big5": MultiByte("cp950", 0.33),
    "shift-jis": MultiByte("cp932", 0.2),
    "euc-kr": MultiByte("cp949", 0.5),
    "euc-jp": MultiByte("euc_jp", 2.0),  # a rival only: no share reaches 2
}


class SingleByte(NamedTuple):
    """A single-byte encoding: the least lead over the next, and the least mean logarithm per letter."""

    least_lead: float
    least_mean: float


SINGLE_BYTE = {
    "cp1252": SingleByte(4.0, -3.7),
    "cp1250": SingleByte(4.0, -3.7),
    "cp1254": SingleByte(4.0, -3.7),
    "cp1251": SingleByte(6.0, -4.8),  # many letters per word: leads are larger
}
HANDICAP = 3.5  # of the single-byte encodings that the job does not read
FLOOR = 2e-5  # probability of a letter that the language does not have
CAPITAL = 0.6  # probability of a capital relative to its small letter

# Words with non-ASCII bytes, and what does not occur in them (classes of ``_class``): a capital after a small
# letter, two scripts in one word, a symbol between letters, a Latin letter before a digit, an undefined byte;
# and, counted apart, a word of one Latin letter that is not a word in any language.
WORD = re.compile(rb"[0-9A-Za-z]*[\x80-\xff][0-9A-Za-z\x80-\xff]*")
IMPOSSIBLE = re.compile(
    rb"(?<=[al])L|(?<=l)A|(?<=c)C|(?<=[aA])[cC]|(?<=[cC])[aA]|(?<=[aAlLcC])s(?=[aAlLcC])|[lL](?=0)|\?"
)
MOST_WORDS = 1000
DIGITS = re.compile(rb"[0-9]+")
# Italian è, Portuguese é, Danish ø, Hungarian ő; ü is "you" in text messages.
ONE_LETTER_WORDS = frozenset("àáèéêíóôúüåæöøőÀÁÈÉÊÍÓÔÚÜÅÆÖØŐ")
IMPOSSIBLE_COST = 5.0
MOST_IMPOSSIBLE = 0.03  # of the non-ASCII characters
INNER_SYMBOLS = "’‘´–—…·\xad\xa0"  # symbols that do occur between letters


class Cjk(NamedTuple):
    """How well a multi-byte encoding explains the lines."""

    encoding: str
    share: float  # of common characters
    different: int  # different common characters


class Model(NamedTuple):
    """A single-byte encoding: the characters of the upper 128 bytes, and their log probabilities per language."""

    characters: str
    classes: bytes  # of all 256 bytes, as IMPOSSIBLE names them
    languages: List[List[float]]


class Single(NamedTuple):
    """How well a model explains the words."""

    encoding: str
    characters: str
    score: float
    mean: float  # logarithm per non-ASCII character
    impossible: float  # share of impossible places


def decode(line: bytes, codec: str) -> Optional[str]:
    """The text of a line, or None where it is not valid."""
    try:
        return line.decode(codec) if len(line) < CUT else codecs.getincrementaldecoder(codec)().decode(line)
    except UnicodeDecodeError:
        return None


def rank_cjk(lines: List[bytes]) -> List[Cjk]:
    """The multi-byte encodings in which 90 % of the lines are valid and have characters, best first."""
    common = _table()["common"]
    ranks = []
    for encoding, (codec, _) in MULTI_BYTE.items():
        texts = [text for text in (decode(line, codec) for line in lines) if text is not None]
        counts = Counter("".join(texts))
        characters = {character: count for character, count in counts.items() if is_cjk(character)}
        if characters and len(texts) >= 0.9 * len(lines):
            known = [count for character, count in characters.items() if character in common.get(encoding, KANA)]
            ranks.append(Cjk(encoding, sum(known) / sum(characters.values()), len(known)))
    return sorted(ranks, key=lambda rank: -rank.share)


def accept_cjk(ranks: List[Cjk]) -> bool:
    """Whether the evidence for the first rank suffices."""
    best, other = ranks[0], ranks[1].share if len(ranks) > 1 else 0.0
    different = 2 if best.encoding == "gb18030" and best.share >= 0.5 and not other else 3
    return (best.share >= MULTI_BYTE[best.encoding].least_share and best.different >= different
            and best.share - other >= 0.2)


def is_cjk(character: str) -> bool:
    """Whether a character is an ideograph, a kana, a Hangul or a private-use character."""
    return any(ends[0] <= character <= ends[1] for ends in CJK)


def is_chinese_punctuation(lines: List[bytes]) -> bool:
    """Whether the only non-ASCII characters are Chinese punctuation in GB18030."""
    characters = {character for line in lines for character in decode(line, "gb18030") or "\ufffd"}
    return all(character < "\x80" or character in CHINESE_PUNCTUATION for character in characters)


def find_words(lines: List[bytes]) -> bytes:
    """Different words with non-ASCII bytes, separated by spaces."""
    words = sorted({DIGITS.sub(b"0", word) for line in lines for word in WORD.findall(line)})
    return b" ".join(words[::1 + len(words) // MOST_WORDS])


def rank_single_byte(words: bytes) -> List[Single]:
    """Every single-byte encoding in its best language, best first."""
    counts = Counter(byte - 128 for byte in words if byte > 127)
    total = sum(counts.values())
    alone = [word[0] - 128 for word in words.split(b" ") if len(word) == 1]
    ranks = []
    for encoding, (characters, classes, languages) in _models().items():
        places = len(IMPOSSIBLE.findall(words.translate(classes)))
        places += sum(_class(characters[byte]) in "lL" and characters[byte] not in ONE_LETTER_WORDS for byte in alone)
        letters = max(sum(scores[byte] * count for byte, count in counts.items()) for scores in languages)
        score = letters - IMPOSSIBLE_COST * places - (0 if encoding in SINGLE_BYTE else HANDICAP)
        ranks.append(Single(encoding, characters, score, letters / total, places / total))
    return sorted(ranks, key=lambda rank: -rank.score)


def drop_equal_readings(ranks: List[Single], words: bytes) -> List[Single]:
    """The ranks without those in which the words read as in a better one."""
    used = sorted({byte - 128 for byte in words if byte > 127})
    best: Dict[str, Single] = {}
    for rank in ranks:
        best.setdefault("".join(rank.characters[byte] for byte in used), rank)
    return list(best.values())


def accept_single_byte(best: Single, rival: Single) -> bool:
    """Whether the job reads the best rank and the evidence for it suffices."""
    if best.encoding not in SINGLE_BYTE:
        return False
    least = SINGLE_BYTE[best.encoding]
    return (best.score - rival.score >= least.least_lead and best.mean >= least.least_mean
            and best.impossible <= MOST_IMPOSSIBLE)


def is_short_and_cjk(words: bytes) -> bool:
    """Fewer than 12 non-ASCII bytes, mostly without ASCII letters beside them, and valid in a multi-byte encoding."""
    parts = words.split()
    alone = sum(not re.search(rb"[A-Za-z]", word) for word in parts)
    return sum(byte > 127 for byte in words) < 12 and 2 * alone >= len(parts) and any(
        any(map(is_cjk, decode(words, codec) or "")) for codec, _ in MULTI_BYTE.values())


@lru_cache(maxsize=1)
def _table() -> Dict[str, Any]:
    with gzip.open(TABLE, "rt", encoding="utf-8") as file:
        content: Dict[str, Any] = json.load(file)
        return content


@lru_cache(maxsize=1)
def _models() -> Dict[str, Model]:
    table = _table()["letters"]
    symbols = _shares(table["*"]["letters"], 0.2)
    models: Dict[str, Model] = {}
    for language, row in table.items():
        shares = {**symbols, **_shares(row["letters"], 1.0 if language == "en" else 0.8)}
        for encoding in row["encodings"]:
            if encoding not in models:
                characters = bytes(range(128, 256)).decode(encoding, "replace")
                classes = "".join(map(_class, bytes(range(128)).decode("ascii") + characters))
                models[encoding] = Model(characters, classes.encode("ascii"), [])
            models[encoding].languages.append([
                log(max(FLOOR, shares.get(character, CAPITAL * shares.get(character.lower(), 0))))
                for character in models[encoding].characters])
    return models


def _shares(counts: Dict[str, int], total: float) -> Dict[str, float]:
    whole = sum(counts.values())
    return {character: total * count / whole for character, count in counts.items()}


def _class(character: str) -> str:
    """a, A: ASCII letter; l, L: other Latin letter; c, C: other script; s: symbol; 0: zero; ?: undefined; -: rest."""
    if character == "\ufffd" or "\x80" <= character < "\xa0":
        return "?"
    if character.isalpha():
        kind = "a" if character < "\x80" else "l" if character < "\u0370" else "c"
        return kind.upper() if character.isupper() else kind
    if character == "0":
        return "0"
    is_symbol = character > "\x7f" and character not in INNER_SYMBOLS and not category(character).startswith("M")
    return "s" if is_symbol else "-"
