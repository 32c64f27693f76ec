"""Data that a program wrote are read as they were written, or the job stops: never a third way."""
import csv
import io
import json
import tempfile
from pathlib import Path
from typing import List, Tuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from textjob.data.form import DataSettings
from textjob.data.inspection import inspect
from textjob.errors import DataError

Rows = List[Tuple[str, str]]

WORDS = [
    "the", "kettle", "boils", "quickly", "and", "looks", "lovely", "chair", "broke", "at", "once", "5", "1.5", "酒店",
    "房间很干净", "schön", "Tür", "größer", "naïve", "don't", '"quoted"', '6"', "a,", ",", ";", "so;", "|", "really,",
    "'", "\\n", '\\"', "#1", "nan", "label", "review", "(order", ")", "¥", "http://x.y/?a=b", "[1]", "{x}",
    "__label__x", "\u3000", "😀",
]
LABELS = [
    ["good", "bad"], ["0", "1"], ["1", "2", "3"], ["体育", "财经", "房产"], ["Lob", "Tadel"], ["sci.med", "rec autos"],
]
HEADERS = [None, ("label", "text"), ("category", "content"), ("Liked", "Review"), ("Urteil", "Meinung"), ("v1", "v2")]


@st.composite
def rows(draw: st.DrawFn, inside: str) -> Rows:
    """Labelled texts; ``inside`` are further characters that a text may hold between its words."""
    labels = draw(st.sampled_from(LABELS))
    word = st.sampled_from(WORDS)
    between = st.sampled_from([" "] * 8 + list(inside))
    count = draw(st.integers(12, 40))
    result = []
    for number in range(count):
        words = draw(st.lists(word, min_size=1, max_size=8))
        text = words[0] + "".join(draw(between) + each for each in words[1:]) + f" {number}"
        result.append((draw(st.sampled_from(labels)) if number >= len(labels) else labels[number], text))
    return result


def read(name: str, content: bytes, **chosen: str) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        part = inspect(str(path), DataSettings(**chosen)).parts["train"]
    assert part.rows == len(part.first)
    return [(row["label"], row["text"]) for row in part.first]


def table(written: Rows, header: object, label_first: bool, ids: bool, **dialect: object) -> str:
    file = io.StringIO()
    writer = csv.writer(file, **dialect)
    for number, pair in enumerate(([header] if header else []) + list(written)):
        cells = list(pair) if label_first else list(pair)[::-1]
        if ids:
            cells.insert(0, "id" if header and number == 0 else str(number))
        writer.writerow(cells)
    return file.getvalue()


slow = settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))


@slow
@given(data=st.data())
def test_a_quoted_table_is_read_as_written_or_refused(data):
    written = data.draw(rows("\n\t,;|"))
    separator = data.draw(st.sampled_from(",,,;\t|"))
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    line_end = data.draw(st.sampled_from(["\n", "\r\n"]))
    header = data.draw(st.sampled_from(HEADERS))
    suffix = data.draw(st.sampled_from([".csv", ".tsv", ".txt"]))
    encoding = data.draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    content = table(written, header, data.draw(st.booleans()), header is not None and data.draw(st.booleans()),
                    delimiter=separator, quoting=quoting, lineterminator=line_end)
    try:
        found = read("train" + suffix, content.encode(encoding))
    except DataError:
        return
    assert found == written


@slow
@given(data=st.data())
def test_a_table_without_quotes_is_read_as_written_or_refused(data):
    written = data.draw(rows(""))
    separator = data.draw(st.sampled_from(["\t", "\t", "|", "_!_"]))
    written = [(label, text.replace(separator, "/")) for label, text in written]
    header = data.draw(st.sampled_from(HEADERS))
    label_first = data.draw(st.booleans())
    lines = [pair if label_first else pair[::-1] for pair in ([header] if header else []) + written]
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    content = "".join(separator.join(cells) + end for cells in lines)
    try:
        found = read("train.txt", content.encode("utf-8"), separator=separator if len(separator) > 1 else "")
    except DataError:
        return
    assert found == written


FOREIGN = {
    "gb18030": ["房间很干净", "早餐也不错", "服务员很热情", "下次不会再来", "值得买"],
    "big5": ["房間很乾淨", "早餐也不錯", "服務人員很親切", "下次不會再來", "值得買"],
    "cp1252": ["schöne", "Tür", "größer", "für", "Möbel", "köstlich", "fünf"],
    "cp1250": ["śniadanie", "łóżko", "książka", "część", "dziękuję", "pokój"],
    "cp1251": ["номер", "чистый", "завтрак", "вкусный", "доставка", "опоздала"],
}


@slow
@given(data=st.data())
def test_a_file_in_another_encoding_is_read_as_written_or_refused(data):
    encoding = data.draw(st.sampled_from(list(FOREIGN)))
    words = st.lists(st.sampled_from(FOREIGN[encoding] + ["the", "order", "1000"]), min_size=1, max_size=6)
    texts = data.draw(st.lists(words, min_size=4, max_size=30))
    written = [(["good", "bad"][i % 2], " ".join([*text, str(i)])) for i, text in enumerate(texts)]
    try:
        found = read("train.tsv", "".join(f"{label}\t{text}\n" for label, text in written).encode(encoding))
    except DataError:
        return
    assert found == written


@slow
@given(data=st.data())
def test_json_is_read_as_written(data):
    written = data.draw(rows("\n\t"))
    objects = [{"id": i, "text": text, "label": label} for i, (label, text) in enumerate(written)]
    ascii_only = data.draw(st.booleans())
    if data.draw(st.booleans()):
        content = "".join(json.dumps(each, ensure_ascii=ascii_only) + "\n" for each in objects)
    else:
        content = json.dumps(objects, ensure_ascii=ascii_only, indent=data.draw(st.sampled_from([None, 1])))
    name = data.draw(st.sampled_from(["train.jsonl", "train.json", "train.txt"]))
    labels = {label for label, _ in written}
    assert read(name, content.encode("utf-8")) == written and len(labels) > 1
