"""The encoding of a file, decided by evidence in its bytes; where the evidence is weak, the two closest candidates.

A byte-order mark decides. Without one the file is UTF-8 if at least half of its lines with non-ASCII bytes are valid:
text in another encoding is almost never valid UTF-8, and a damaged line is a bad row, not another encoding.
Every other encoding needs positive evidence (``encoding_evidence.py``). "It decodes" and "nothing else decodes" are
not evidence: half of all German cp1252 files are valid GB18030.
"""
import codecs
import re
from typing import Iterable, List, NamedTuple, Tuple

from textjob.data import encoding_evidence as evidence
from textjob.data.encoding_evidence import CUT

# Value of --encoding → Python's codec. The codecs are Microsoft's supersets, in which such files are written.
ENCODINGS = {
    "utf-8": "utf-8-sig", "utf-16": "utf-16", "utf-16-le": "utf-16-le", "utf-16-be": "utf-16-be", "gb18030": "gb18030",
    "big5": "cp950", "shift-jis": "cp932", "euc-kr": "cp949", "cp1252": "cp1252", "cp1250": "cp1250",
    "cp1251": "cp1251", "cp1254": "cp1254",
}
# Python's name of a codec → key of ENCODINGS, for other names that users know (GBK, latin1).
ALIASES = {
    "ascii": "utf-8", "utf-8-sig": "utf-8", "gbk": "gb18030", "gb2312": "gb18030", "cp950": "big5", "cp949": "euc-kr",
    "shift_jis": "shift-jis", "cp932": "shift-jis", "euc_kr": "euc-kr", "iso8859-1": "cp1252", "iso8859-9": "cp1254",
}
MARKS = {"utf-8": (codecs.BOM_UTF8,), "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)}

# A file is read to its end, except that 64 MB are enough if they hold 400 lines with non-ASCII bytes: that is about
# a million rows. Of these lines 400 to 800, evenly spaced, of at most 4 KB each are kept (3 MB of memory): more lines
# do not lower the error rates any further.
ENOUGH_BYTES = 64 << 20
LINES = 400

# A longer line is split before it is sampled: behind a byte below 0x30, because no multi-byte character contains one.
LONG_LINE = 1024
LONGEST_REST = 1 << 16
PIECES = re.compile(rb"[^\r\n]{1,1024}[^\0-/]*")
ASCII = bytes(range(128))


class Decision(NamedTuple):
    """``encoding`` is a key of ``ENCODINGS``, or "" where the evidence does not decide between the ``candidates``."""

    encoding: str
    candidates: Tuple[str, ...]
    reason: str

    def question(self, name: str) -> str:
        """The error message for the file ``name``, whose encoding is not decided."""
        first, second = self.candidates
        return (f"{name}: the encoding is unclear because {self.reason}; the closest encodings are {first} and "
                f"{second}. Set --encoding {first} or --encoding {second}, or save the file as UTF-8")


class Sample:
    """The lines with non-ASCII bytes of one file, or of all files of a class folder, in bounded memory.

    For a class folder: ``add`` and ``end_file`` per file without a byte-order mark (``find_mark``), then ``decide``.
    """

    def __init__(self) -> None:
        self.lines: List[bytes] = []
        self.size = self.foreign = 0
        self._start = self._rest = b""
        self._stride = 1

    def add(self, chunk: bytes) -> bool:
        """Add the next bytes of a file; whether more are needed."""
        self.size += len(chunk)
        if len(self._start) < CUT:
            self._start = (self._start + chunk)[:CUT]
        chunk = self._rest + chunk
        lines = chunk.splitlines()
        self._rest = lines.pop() if lines and not chunk.endswith((b"\r", b"\n")) else b""
        if len(self._rest) > LONGEST_REST:
            lines += PIECES.findall(self._rest)
            self._rest = lines.pop() if len(lines[-1]) <= LONGEST_REST else b""
        self._keep(lines)
        return self.size < ENOUGH_BYTES or self.foreign < LINES

    def end_file(self) -> None:
        """The next bytes belong to another file."""
        self._keep([self._rest])
        self._rest = b""

    def decide(self) -> Decision:
        """The encoding of all bytes that were added."""
        self.end_file()
        mark = find_mark(self._start)
        if mark:
            return Decision(mark, (), "the file begins with a byte-order mark")
        wide = _utf16_without_mark(self._start)
        if wide:
            return Decision("", wide, "every second byte is 0 and a byte-order mark is missing")
        if not self.foreign:
            return Decision("utf-8", (), "all bytes are ASCII")
        valid, foreign = sum(map(_is_utf8, self.lines)), len(self.lines)
        utf8 = Decision("utf-8", (), f"{valid} of {foreign} sampled lines with non-ASCII bytes are valid UTF-8")
        if valid == foreign or (2 * valid >= foreign and valid > 2):
            return utf8
        decision = _decide_legacy(self.lines)
        if 2 * valid < foreign:
            return decision
        # One or two lines are weak evidence: a short line in another encoding can be valid UTF-8 by chance.
        return Decision("", (decision.encoding, "utf-8"), utf8.reason) if decision.encoding else utf8

    def _keep(self, lines: List[bytes]) -> None:
        for line in lines:
            if line.isascii():
                continue
            for piece in PIECES.findall(line) if len(line) > LONG_LINE else [line]:
                if not piece.isascii():
                    self._keep_piece(piece[:CUT])

    def _keep_piece(self, piece: bytes) -> None:
        if self.foreign % self._stride == 0:
            self.lines.append(piece)
        self.foreign += 1
        if len(self.lines) == 2 * LINES:
            del self.lines[1::2]
            self._stride *= 2


def decide(chunks: Iterable[bytes]) -> Decision:
    """The encoding of one file or text, given its bytes in chunks of any size (a line, or a megabyte)."""
    sample = Sample()
    for chunk in chunks:
        if not sample.add(chunk):
            break
    return sample.decide()


def find_mark(start: bytes) -> str:
    """The encoding that a byte-order mark at the start of a file names, or ""."""
    for encoding, marks in MARKS.items():
        if start.startswith(marks):
            return encoding
    return ""


def find_encoding(name: str) -> str:
    """The key of ``ENCODINGS`` for a name that a user gives (``GBK``, ``windows-1252``, ``latin1``), or ""."""
    key = name.strip().lower().replace("_", "-")
    try:
        codec = codecs.lookup(key).name
    except LookupError:
        return ""
    return ALIASES.get(codec) or (codec if codec in ENCODINGS else "")


def _is_utf8(piece: bytes) -> bool:
    """Valid, or damaged: at most a quarter of the non-ASCII bytes are not part of a valid character."""
    try:
        piece.decode("utf-8")
    except UnicodeDecodeError:
        lost = len(piece) - len(piece.decode("utf-8", "ignore").encode("utf-8"))
        return 4 * lost <= len(piece.translate(None, ASCII))
    return True


def _utf16_without_mark(start: bytes) -> Tuple[str, ...]:
    """UTF-16 of mostly ASCII characters has zeros at the even, or at the odd positions only."""
    even, odd = start[::2].count(0), start[1::2].count(0)
    if len(start) < 16 or 8 * max(even, odd) < 3 * len(start) or 8 * min(even, odd) > len(start) // 2:
        return ()
    return ("utf-16-le", "utf-16-be") if odd > even else ("utf-16-be", "utf-16-le")


def _decide_legacy(lines: List[bytes]) -> Decision:
    cjk = evidence.rank_cjk(lines)
    if cjk and evidence.accept_cjk(cjk):
        reason = f"{cjk[0].share:.0%} of its characters are among the most common ones in {cjk[0].encoding}"
        return Decision(cjk[0].encoding, (), reason)
    near = [rank.encoding for rank in cjk if rank.encoding in ENCODINGS and rank.different and rank.share >= 0.12]
    words = evidence.find_words(lines)
    ranks = evidence.rank_single_byte(words)
    if cjk and cjk[0].encoding not in ENCODINGS and cjk[0].share >= 0.5:
        reason = f"its characters are most probable in {cjk[0].encoding}, which this job does not read"
        return _unsure(near, ranks, words, reason)
    if near and cjk[0].different > 1:
        return _unsure(near, ranks, words, "too few of its characters are common in Chinese, Japanese or Korean")
    if evidence.is_chinese_punctuation(lines):
        return Decision("gb18030", (), "its only non-ASCII characters are Chinese punctuation")
    if evidence.is_short_and_cjk(words):
        return _unsure(near + ["gb18030"], ranks, words, "it has fewer than 12 non-ASCII bytes")
    best, rival = evidence.drop_equal_readings(ranks, words)[:2]
    if evidence.accept_single_byte(best, rival):
        return Decision(best.encoding, (), f"its letters are probable in {best.encoding} (next: {rival.encoding})")
    if best.encoding not in ENCODINGS:
        reason = f"its letters are most probable in {best.encoding}, which this job does not read"
        return _unsure(near, ranks, words, reason)
    return _unsure(near, ranks, words, "its letters are too few, or similarly probable in several encodings")


def _unsure(near: List[str], ranks: List[evidence.Single], words: bytes, reason: str) -> Decision:
    readable = evidence.drop_equal_readings([rank for rank in ranks if rank.encoding in ENCODINGS], words)
    candidates = near + [rank.encoding for rank in readable] + ["gb18030"]
    return Decision("", tuple(sorted(set(candidates), key=candidates.index)[:2]), reason)
