"""The encoding of a file is decided by evidence; where the evidence is weak, two candidates are named."""
import codecs
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from textjob.data.encoding import ENCODINGS, Decision, Sample, decide, find_encoding, find_mark
from textjob.data.encoding_evidence import CUT

GERMAN = ["Die Tür schließt nicht, und der Schlüssel fehlt.", "Schöne Möbel für einen günstigen Preis!",
          "Das Frühstück war köstlich, das Zimmer größer als gewünscht.", "Wir hätten früher abreisen können."]
FRENCH = ["Le petit déjeuner était délicieux et très varié.", "La chambre était à côté de l'ascenseur, même la nuit.",
          "Où est la clé ? Le réceptionniste n'a pas répondu.", "Nous avons été déçus par la qualité du café."]
SPANISH = ["¿Dónde está la habitación con balcón?", "El desayuno llegó tarde y el café estaba frío.",
           "La señora de la recepción fue muy simpática.", "Volveríamos mañana mismo a este pequeño hotel."]
ENGLISH = ["The room wasn’t clean – we won’t return.", "It’s “the best” kettle I’ve owned.",
           "The refund of £20 took weeks…"]
POLISH = ["Śniadanie było pyszne, a łóżko bardzo wygodne.", "Pokój był mały, ale czysty i cichy, dziękuję.",
          "Obsługa nie odpowiedziała na żadną wiadomość.", "Książka przyszła źle zapakowana, część stron pogięta."]
CZECH = ["Pokoj byl příliš malý a hlučný.", "Snídaně byla výborná, děkujeme za péči.",
         "Kniha přišla poškozená, žádná omluva."]
HUNGARIAN = ["A szoba kicsi volt, de tiszta és csendes.", "A reggeli késett, a kávé pedig hűvös volt.",
             "Köszönjük a segítséget, jövőre újra jövünk."]
RUSSIAN = ["Номер был чистый, завтрак вкусный.", "Доставка опоздала на две недели, никто не извинился.",
           "Спасибо, всё понравилось, приедем ещё раз."]
TURKISH = ["Oda çok küçüktü ama kahvaltı güzeldi.", "Kargo iki hafta gecikti, kimse özür dilemedi.",
           "Teşekkürler, yine geleceğiz, İstanbul çok güzeldi.", "Işıklar çalışmıyordu ve şarj aleti bozuktu."]
JAPANESE = ["部屋は狭いですが、とても清潔でした。", "朝食が美味しくて、また泊まりたいです。",
            "荷物の到着が二週間も遅れました。"]
KOREAN = ["방이 작지만 아주 깨끗했어요.", "아침 식사가 맛있어서 다시 오고 싶습니다.", "배송이 이 주일이나 늦었습니다."]
SIMPLIFIED = ["房间很干净，服务员也很热情。", "早餐太差了，下次不会再来。", "这本书的内容不错，值得买。"]
TRADITIONAL = ["房間很乾淨，服務人員也很親切。", "早餐太差了，下次不會再來。", "這本書的內容不錯，值得買。"]

LEGACY = [
    ("cp1252", GERMAN), ("cp1252", FRENCH), ("cp1252", SPANISH), ("cp1252", ENGLISH), ("cp1250", POLISH),
    ("cp1250", CZECH), ("cp1250", HUNGARIAN), ("cp1251", RUSSIAN), ("cp1254", TURKISH), ("shift-jis", JAPANESE),
    ("euc-kr", KOREAN), ("gb18030", SIMPLIFIED), ("big5", TRADITIONAL),
]
OUTSIDE = [
    ("koi8-r", RUSSIAN), ("cp866", RUSSIAN), ("iso8859-5", RUSSIAN), ("mac_cyrillic", RUSSIAN), ("iso8859-2", POLISH),
    ("cp852", CZECH), ("cp850", GERMAN), ("mac_roman", FRENCH), ("euc_jp", JAPANESE),
    ("cp1253", ["Το δωμάτιο ήταν μικρό αλλά καθαρό.", "Το πρωινό άργησε και ο καφές ήταν κρύος."]),
    ("cp1255", ["החדר היה קטן אבל נקי ושקט", "ארוחת הבוקר הייתה טעימה מאוד"]),
    ("cp874", ["ห้องเล็กแต่สะอาดมาก", "อาหารเช้าอร่อยและพนักงานใจดี"]),
]


def encode(texts, encoding):
    """A file with one row per text."""
    return "".join(f"a\t{text}\n" for text in texts).encode(ENCODINGS.get(encoding, encoding))


@pytest.mark.parametrize("encoding, texts", LEGACY)
def test_a_few_sentences_decide_each_readable_encoding(encoding, texts):
    assert decide([encode(texts, encoding)]).encoding == encoding


@pytest.mark.parametrize("encoding, texts", LEGACY)
def test_a_few_foreign_rows_among_ascii_rows_decide(encoding, texts):
    rows = [f"plain row number {number}" for number in range(300)]
    rows[10:200:60] = texts + rows[:4 - len(texts)]
    assert decide([encode(rows, encoding)]).encoding == encoding


@pytest.mark.parametrize("encoding, texts", LEGACY)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_the_size_of_the_chunks_does_not_change_the_decision(encoding, texts, size):
    data = encode(texts * 40, encoding)
    chunks = [data[start:start + size] for start in range(0, len(data), size)]
    assert decide(chunks) == decide(data.splitlines(keepends=True))


@pytest.mark.parametrize("encoding, texts", OUTSIDE)
def test_an_encoding_outside_the_list_is_never_accepted(encoding, texts):
    decision = decide([encode(texts, encoding)])
    assert decision.encoding == ""
    assert len(set(decision.candidates)) == 2
    assert set(decision.candidates) < set(ENCODINGS)


@pytest.mark.parametrize("text, encoding", [
    ("好", "gb18030"), ("ГОСТ", "cp1251"), ("20 €", "cp1252"), ("naïve café", "cp1252"), ("cioè", "cp1252"),
])
def test_too_little_evidence_names_the_true_encoding_as_a_candidate(text, encoding):
    decision = decide([text.encode(encoding)])
    assert decision.encoding == ""
    assert encoding in decision.candidates


@pytest.mark.parametrize("text, encoding", [
    ("房间很好", "gb18030"), ("房間很小", "big5"), ("ありがとう", "shift-jis"), ("안녕하세요", "euc-kr"),
    ("Größe", "cp1252"), ("Żółta łódź płynie", "cp1250"), ("Спасибо, всё хорошо", "cp1251"),
    ("It is “fine” — really", "gb18030"), ("很好吃 😀", "gb18030"),
    ("MÜNCHEN GRÜSST SCHÖNE GRÖSSE", "cp1252"), ("The price is £10", "cp1252"),
])
def test_a_single_short_text_decides_where_its_characters_are_unambiguous(text, encoding):
    assert decide([text.encode(ENCODINGS[encoding])]).encoding == encoding


def test_ascii_and_empty_files_are_utf8():
    assert decide([]).encoding == "utf-8"
    assert decide([b""]).encoding == "utf-8"
    assert decide([b"good\tplain text\n", b"bad\tmore text"]).encoding == "utf-8"


@pytest.mark.parametrize("bad", [
    b"\xff\xfe broken \x80\n", "Käse, Tür, Öl\n".encode("cp1252"), "很好\n".encode("gb18030"),
])
def test_single_undecodable_lines_do_not_change_utf8(bad):
    data = encode(SIMPLIFIED + GERMAN, "utf-8") + bad + encode(RUSSIAN, "utf-8")
    assert decide([data]).encoding == "utf-8"


@pytest.mark.parametrize("texts", [SIMPLIFIED, GERMAN, RUSSIAN, JAPANESE])
@pytest.mark.parametrize("bad", [b"\xff broken\n", "Käse\n".encode("cp1252"), "很好\n".encode("gb18030")])
def test_one_of_two_lines_in_utf8_suffices_where_no_other_encoding_explains_both(texts, bad):
    assert decide([encode(texts[:1], "utf-8") + bad]).encoding == "utf-8"


@pytest.mark.parametrize("data, other", [
    ("翻譯檔含有複數型態的翻譯\nRSA (%d 位元)\n".encode("cp950"), "big5"),
    ("Die Tür schließt nicht.\n".encode() + "방이 작지만 아주 깨끗했어요.\n".encode("cp949"), "euc-kr"),
])
def test_one_of_two_lines_in_utf8_is_unclear_where_another_encoding_explains_both(data, other):
    assert decide([data])[:2] == ("", (other, "utf-8"))


def test_a_damaged_character_does_not_change_the_encoding_of_a_one_line_utf8_file():
    assert decide(["这家酒店的房间很干净，服务员也很热情。".encode()[:-1]]).encoding == "utf-8"


def test_a_damaged_line_does_not_change_a_legacy_encoding():
    data = encode(SIMPLIFIED * 10, "gb18030") + b"a\t\xff\xff\n"
    assert decide([data]).encoding == "gb18030"


@pytest.mark.parametrize("mark, codec, encoding", [
    (codecs.BOM_UTF16_LE, "utf-16-le", "utf-16"), (codecs.BOM_UTF16_BE, "utf-16-be", "utf-16"),
    (codecs.BOM_UTF8, "utf-8", "utf-8"),
])
def test_a_byte_order_mark_decides(mark, codec, encoding):
    data = mark + "".join(SIMPLIFIED).encode(codec)
    assert find_mark(data) == encoding
    assert decide([data]).encoding == encoding
    assert decide([data[:1], data[1:]]).encoding == encoding
    assert data.decode(ENCODINGS[encoding]) == "".join(SIMPLIFIED)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_a_candidate_and_not_text_with_zeros(codec):
    decision = decide(["Die Tür schließt nicht.".encode(codec)])
    assert decision.encoding == ""
    assert decision.candidates[0] == codec


@pytest.mark.parametrize("encoding, texts", LEGACY)
def test_the_files_of_a_class_folder_are_decided_together(encoding, texts):
    sample = Sample()
    for text in texts:
        sample.add(text.encode(ENCODINGS[encoding]))
        sample.end_file()
    assert sample.decide().encoding == encoding


@pytest.mark.parametrize("encoding, texts", LEGACY)
def test_one_long_line_is_decided_like_many_rows(encoding, texts):
    data = ", ".join(texts * 400).encode(ENCODINGS[encoding])
    assert b"\n" not in data and len(data) > CUT
    assert decide([data]).encoding == encoding


def test_a_long_text_without_ascii_characters_is_decided():
    text = "房间很干净服务员也很热情早餐太差了下次不会再来" * 20000
    assert decide([text.encode("utf-8")]).encoding == "utf-8"
    assert decide([text.encode("gb18030")]).encoding == "gb18030"


def test_a_sample_stays_small_and_spans_the_whole_file():
    sample = Sample()
    for number in range(20000):
        sample.add(f"{number}\t{GERMAN[number % 4]}\n".encode("cp1252"))
    numbers = [int(line.split(b"\t")[0]) for line in sample.lines]
    assert 400 <= len(numbers) < 800
    assert numbers[0] < 100 and numbers[-1] > 19900
    assert sample.decide().encoding == "cp1252"


def test_foreign_rows_at_the_end_of_a_large_ascii_file_are_seen():
    chunks = [b"a\tplain row\n" * 80000] * 80 + [encode(GERMAN, "cp1252")]
    assert decide(chunks).encoding == "cp1252"


def test_the_message_names_the_file_the_reason_and_both_candidates():
    message = Decision("", ("cp1252", "cp1250"), "its letters are too few").question("train.csv")
    assert message == (
        "train.csv: the encoding is unclear because its letters are too few; the closest encodings are cp1252 and "
        "cp1250. Set --encoding cp1252 or --encoding cp1250, or save the file as UTF-8"
    )


@pytest.mark.parametrize("name, encoding", [
    ("UTF8", "utf-8"), ("GBK", "gb18030"), ("gb2312", "gb18030"), ("Windows-1252", "cp1252"), ("latin1", "cp1252"),
    ("Shift_JIS", "shift-jis"), ("sjis", "shift-jis"), ("EUC-KR", "euc-kr"), ("big5", "big5"), ("cp950", "big5"),
    ("koi8-r", ""), ("rot13", ""), ("", ""), ("no such name", ""),
])
def test_usual_names_of_encodings_are_accepted(name, encoding):
    assert find_encoding(name) == encoding


def test_every_encoding_is_found_by_its_own_name():
    assert [find_encoding(name) for name in ENCODINGS] == list(ENCODINGS)


def test_the_frequency_table_is_read_only_for_files_that_are_not_utf8():
    script = ("import sys; from textjob.data import encoding, encoding_evidence; encoding.decide(['Tür'.encode()]); "
              "assert encoding_evidence._table.cache_info().currsize == 0; assert 'tensorflow' not in sys.modules")
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(TEXT)
@example("\ufeff")
def test_every_text_in_utf8_is_decided_utf8(text):
    assert decide([text.encode("utf-8")]).encoding == "utf-8"


@given(st.binary().map(lambda data: bytes(byte & 127 or 32 for byte in data)))
def test_every_ascii_text_is_decided_utf8(data):
    assert decide([data]).encoding == "utf-8"


FILES = st.one_of(
    st.binary(),
    st.lists(st.sampled_from([encode([text], encoding) for encoding, texts in LEGACY + OUTSIDE for text in texts]),
             max_size=9).map(b"".join),
)


@settings(deadline=None)
@given(FILES.filter(lambda data: not find_mark(data)))
def test_most_foreign_lines_are_valid_in_the_decided_encoding(data):
    decision = decide([data])
    foreign = [line for line in data.splitlines() if not line.isascii()]
    if decision.encoding == "utf-8":
        assert 2 * sum(map(is_nearly_utf8, foreign)) >= len(foreign)
    elif decision.encoding:
        assert sum(is_valid(line, ENCODINGS[decision.encoding]) for line in foreign) >= 0.9 * len(foreign)
    else:
        assert len(set(decision.candidates)) == 2


def is_valid(line, codec):
    """Whether a line decodes."""
    try:
        line.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def is_nearly_utf8(line):
    """Whether at least three quarters of the non-ASCII bytes belong to valid characters."""
    kept = line.decode("utf-8", "ignore").encode("utf-8")
    return 4 * sum(byte > 127 for byte in kept) >= 3 * sum(byte > 127 for byte in line)
