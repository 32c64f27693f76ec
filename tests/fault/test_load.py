"""The load of a model that is damaged, wrong or slow (docs/faults.md: L1 to L5, L9 to L11)."""
import json
import random
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import adoption
import crafted
import foreign_classic
import jobs
import numpy as np
import pytest
import tensorflow as tf
from asking import ask
from crafted import edited, export, of_texts, plain
from jobs import relisted

import customize_service as service
from textjob.errors import PackageError
from textjob.paths import PROJECT, SHIMS
from textjob.rehearsal.client import Rehearsal
from textjob.serving import host

v1 = tf.compat.v1
LISTED = [name for name in jobs.FILES if name != "manifest.json"]


@pytest.fixture
def unreadable(package: Path) -> Path:
    """A package with an invalid saved_model.pb, which the manifest lists as it is.

    A service that opens the model before it has compared all hashes reports OPENED.
    """
    (package / "saved_model.pb").write_bytes(random.Random(1).randbytes(100_000))
    return relisted(package)


OPENED = "saved_model.pb cannot be read"


def load_error(folder: Path) -> str:
    """The message of the LoadError that the load raises."""
    with pytest.raises(service.LoadError) as caught:
        service.TextClassifierService("m", str(folder))
    return str(caught.value)


# L1, L2: files


def test_an_invalid_saved_model_is_reported_if_the_hashes_match(unreadable: Path) -> None:
    assert OPENED in load_error(unreadable)


@pytest.mark.parametrize("file", LISTED)
def test_a_missing_or_truncated_file_is_named_before_the_model_is_opened(unreadable: Path, file: str) -> None:
    whole = (unreadable / file).read_bytes()
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        (unreadable / file).write_bytes(whole[:size])
        message = load_error(unreadable)
        assert message.startswith(f"{file} was cut or changed: {size} bytes with")
        assert f"expected {len(whole)} bytes with" in message
    (unreadable / file).unlink()
    message = load_error(unreadable)
    assert message.startswith(file + ", listed in manifest.json, cannot be read") and OPENED not in message


@pytest.mark.parametrize("file", LISTED)
def test_a_file_with_a_flipped_bit_is_named_before_the_model_is_opened(
        unreadable: Path, file: str) -> None:
    whole, rng = (unreadable / file).read_bytes(), random.Random(file)
    for offset in {0, len(whole) // 2, len(whole) - 1, *(rng.randrange(len(whole)) for _ in range(10))}:
        changed = bytearray(whole)
        changed[offset] ^= 1 << rng.randrange(8)
        (unreadable / file).write_bytes(changed)
        assert load_error(unreadable).startswith(file + " was cut or changed")


def test_no_flipped_bit_of_the_manifest_hides_a_damaged_file(unreadable: Path) -> None:
    with open(str(unreadable / "variables" / "variables.index"), "ab") as file:
        file.write(b"x")
    whole = (unreadable / "manifest.json").read_bytes()
    for offset in range(len(whole)):
        changed = bytearray(whole)
        changed[offset] ^= 1
        (unreadable / "manifest.json").write_bytes(changed)
        assert OPENED not in load_error(unreadable), (offset, bytes(changed[offset - 20:offset + 20]))


def test_files_that_the_manifest_does_not_list_are_logged_and_the_service_starts(
        package: Path, caplog: pytest.LogCaptureFixture) -> None:
    service.TextClassifierService("m", str(package))
    assert not [message for message in caplog.messages if "not listed" in message]
    for name in ("service.json", "assets/b.txt", "a.txt", "__pycache__/c.pyc"):
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text("{}", encoding="utf-8")
    service.TextClassifierService("m", str(package))
    assert "not listed in manifest.json: a.txt, assets/b.txt, service.json" in caplog.messages


MANIFESTS: Dict[str, Any] = {
    "no list": {}, "a number instead of the list": {"files": 5}, "numbers instead of entries": {"files": [5]},
    "an entry without a path": {"files": [{"sha256": "x", "size": 1}]},
    "an entry without a hash": {"files": [{"path": "saved_model.pb", "size": 1}]},
    "a path that is a number": {"files": [{"path": 5, "sha256": "x", "size": 1}]},
    "a path with NUL": {"files": [{"path": "a\0b", "sha256": "x", "size": 1}]},
    "a path with a lone surrogate": {"files": [{"path": "\ud800", "sha256": "x", "size": 1}]},
}


@pytest.mark.parametrize("case", sorted(MANIFESTS))
def test_an_invalid_manifest_is_a_load_error_that_names_it(package: Path, case: str) -> None:
    (package / "manifest.json").write_text(json.dumps(MANIFESTS[case]), encoding="utf-8")
    assert "manifest.json" in load_error(package)


# L3: the signature and the graph


def the_signature(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda meta: change(meta.signature_def["serving_default"])


def of(side: str, alias: str, **fields: Any) -> Callable[[Any], Any]:
    """Change fields of a tensor in the signature."""
    def change(signature: Any) -> None:
        for name, value in fields.items():
            setattr(getattr(signature, side)[alias], name, value)
    return the_signature(change)


def default_of_dtype(number: int) -> Callable[[Any], Any]:
    def change(signature: Any) -> None:
        signature.inputs["temperature"].CopyFrom(signature.inputs["input_x"])
        signature.inputs["temperature"].dtype = tf.float32.as_datatype_enum
        signature.inputs["temperature"].tensor_shape.Clear()
        signature.defaults["temperature"].dtype = number
    return the_signature(change)


def ragged() -> Any:
    x = v1.ragged.placeholder(tf.string, 1, [])
    return {"words": x}, {"output": tf.ones([x.nrows(), 2]) / 2}


def ragged_beside() -> Any:
    inputs, outputs = plain()
    words = v1.ragged.placeholder(tf.string, 1, [], name="words")
    return dict(inputs, words=words), {"output": outputs["output"] + 0 * tf.cast(words.nrows(), tf.float32)}


NO_CHANGE = lambda meta: None  # noqa: E731
WRONG: Dict[str, Tuple[Any, Callable[[Any], Any], Dict[str, Any], Sequence[str]]] = {
    # build, edit, service.json, parts of the message
    "another tag": (plain, NO_CHANGE, {"tags": ["gpu"]}, ["expected a tag set, ('gpu',)", "has ('serve',)", "'tags'"]),
    "another signature": (plain, NO_CHANGE, {"signature": "predict"}, [
        "expected a signature, 'predict'", "has serving_default", "'signature'"]),
    "another input": (plain, NO_CHANGE, {"input": "text"}, ["'text'", "has input_x string[-1]", "'input'"]),
    "another output": (plain, NO_CHANGE, {"output": "y"}, [
        "expected y with one row per item", "outputs are output", "'output' in service.json"]),
    "no signature": (plain, lambda meta: meta.signature_def.clear(), {}, [
        "expected a signature", "has none", "infer.py adopt"]),
    "no input": (plain, the_signature(lambda s: s.inputs.clear()), {}, [
        "expected an input of texts", "has none", "infer.py adopt"]),
    "no output": (plain, the_signature(lambda s: s.outputs.clear()), {}, [
        "expected an output", "has none", "infer.py adopt"]),
    "an input of floats": (plain, of("inputs", "input_x", dtype=1), {}, ["string [batch]", "has input_x float[-1]"]),
    "an input of an unknown dtype": (plain, of("inputs", "input_x", dtype=99), {}, ["expected an input", "input_x"]),
    "an input of no dtype": (plain, of("inputs", "input_x", dtype=0), {}, ["expected an input", "input_x"]),
    "an output of an unknown dtype": (plain, of("outputs", "output", dtype=99), {}, ["expected an output", "output"]),
    "a ragged input": (ragged, NO_CHANGE, {}, ["expected an input", "words"]),
    "a further ragged input": (ragged_beside, NO_CHANGE, {}, ["cannot run", "words"]),
    "ids instead of texts": (plain, of("inputs", "input_x", dtype=3), {}, ["cannot run", "input_x", "string"]),
    "an input that is not in the graph": (plain, of("inputs", "input_x", name="gone:0"), {}, ["cannot run", "gone:0"]),
    "an output that is not in the graph": (plain, of("outputs", "output", name="gone:0"), {}, [
        "cannot run", "gone:0"]),
    "strings instead of scores": (plain, of("outputs", "output", name="x:0"), {}, ["expected an output"]),
    "one row for many texts": (plain, of("outputs", "output", name="Shape:0"), {}, [
        "expected an output with one row per item", "outputs are missing", "'output' in service.json"]),
    "no columns": (of_texts(lambda x: tf.zeros([tf.shape(x)[0], 0])), NO_CHANGE, {}, ["'output' (Fill, width 0)"]),
    "a default of an unknown dtype": (plain, default_of_dtype(99), {}, ["temperature"]),
    "a feed that is not a number": (plain, default_of_dtype(1), {"feeds": {"temperature": "hot"}}, ["temperature"]),
    "a ragged feed": (plain, default_of_dtype(1), {"feeds": {"temperature": [[1], [1, 2]]}}, ["temperature"]),
    "an object as a feed": (plain, default_of_dtype(1), {"feeds": {"temperature": {"a": 1}}}, ["temperature"]),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_a_wrong_tag_signature_type_or_shape_is_a_load_error_that_names_the_expected_and_the_actual(
        tmp_path: Path, case: str) -> None:
    build, edit, options, parts = WRONG[case]
    folder = export(tmp_path / "model", build, edit=edit)
    if options:
        (folder / "service.json").write_text(json.dumps(options), encoding="utf-8")
    message = load_error(folder)
    assert all(part in message for part in parts), message


# L4: foreign models


@pytest.mark.parametrize("kind", ["tutorial", "two_signatures"])
def test_a_foreign_model_is_served_with_its_own_probabilities(tmp_path: Path, kind: str) -> None:
    foreign_classic.KINDS[kind](str(tmp_path / kind))
    source = adoption.description(tmp_path, kind)
    answers = ask(service.TextClassifierService("m", str(tmp_path / kind)), {"instances": source["inputs"]})
    rows = [[dict(answer["scores"])[label] for label in "012"] for answer in answers["predictions"]]
    assert np.abs(np.array(rows) - source["probabilities"]).max() < 1e-6


# L5: tables and assets


def from_table(table: Callable[[], Any]) -> Any:
    """A model whose lookup table maps each text to its class."""
    return of_texts(lambda x: tf.nn.softmax(9 * tf.one_hot(table().lookup(x), 2)))


def from_file(words: Path) -> Callable[[], Any]:
    line = v1.lookup.TextFileIndex
    return lambda: v1.lookup.StaticHashTable(v1.lookup.TextFileInitializer(
        str(words), tf.string, line.WHOLE_LINE, tf.int64, line.LINE_NUMBER), -1)


def empty_table() -> Any:
    return tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1, checkpoint=False)


def with_golden(folder: Path, texts: Sequence[str], probabilities: Sequence[Sequence[float]]) -> Path:
    """The folder with a model card of these golden answers."""
    golden = [{"text": text, "label": str(int(np.argmax(row))), "probabilities": row}
              for text, row in zip(texts, probabilities)]
    (folder / "model_card.json").write_text(json.dumps({"golden": golden}), encoding="utf-8")
    return folder


@pytest.fixture
def words(tmp_path: Path) -> Path:
    """A vocabulary file of two words; the line number of a word is its class."""
    (tmp_path / "words.txt").write_text("soup\ngoal\n", encoding="utf-8")
    return tmp_path / "words.txt"


HIGH, LOW = 1 / (1 + np.exp(-9.0)), 1 / (1 + np.exp(9.0))
GOLDEN = ["soup", "goal"], [[HIGH, LOW], [LOW, HIGH]]


def test_a_table_without_a_main_op_is_initialised_by_the_second_loader_or_is_a_load_error(
        tmp_path: Path, words: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = with_golden(export(tmp_path / "m", from_table(from_file(words))), *GOLDEN)
    caplog.set_level("INFO")
    assert ask(service.TextClassifierService("m", str(folder)), {"text": "goal"})["predicted_label"] == "1"
    assert "loaded by tf.saved_model.load as" in caplog.messages[-1]
    edited(folder, lambda meta: meta.collection_def.pop("table_initializer"))
    assert "able not initialized" in load_error(folder)


def test_an_empty_table_is_detected_by_the_golden_answers(tmp_path: Path) -> None:
    folder = with_golden(export(tmp_path / "m", from_table(empty_table)), *GOLDEN)
    assert "the golden text 'soup' gets another answer than at export" in load_error(folder)


def test_a_missing_asset_is_a_load_error_that_names_it(tmp_path: Path, words: Path) -> None:
    folder = export(tmp_path / "m", from_table(from_file(words)), v1.tables_initializer)
    (folder / "assets" / "words.txt").unlink()
    assert "words.txt" in load_error(folder)


@pytest.mark.parametrize("content", ["goal\nsoup\n", "soup\n", "soup\ngoals\n"], ids=["swapped", "cut", "changed"])
def test_a_changed_asset_is_detected_by_the_golden_answers_without_a_manifest(
        tmp_path: Path, words: Path, content: str) -> None:
    folder = with_golden(export(tmp_path / "m", from_table(from_file(words)), v1.tables_initializer), *GOLDEN)
    assert ask(service.TextClassifierService("m", str(folder)), {"text": "goal"})["predicted_label"] == "1"
    (folder / "assets" / "words.txt").write_bytes(content.encode("utf-8"))
    assert "gets another answer than at export" in load_error(folder)


CARDS: Dict[str, Any] = {
    "not a list": 5, "null": None, "items that are not objects": [5], "an item without a text": [{}],
    "an item without an answer": [{"text": "soup"}], "probabilities that are strings": [
        {"text": "soup", "label": "0", "probabilities": ["a", "b"]}],
    "a dictionary": {"text": "soup"}, "an item of ids": [{"input_x": [1, 2]}],
}


@pytest.mark.parametrize("case", sorted(CARDS))
def test_invalid_golden_answers_are_a_load_error_that_names_the_model_card(tmp_path: Path, case: str) -> None:
    folder = export(tmp_path / "m")
    (folder / "model_card.json").write_text(json.dumps({"golden": CARDS[case]}), encoding="utf-8")
    assert re.search(r"model_card\.json(:| cannot be read)", load_error(folder))


@pytest.mark.parametrize("item, right", [
    ({"label": "1"}, True), ({"label": "0"}, False), ({"label": "1", "probabilities": [0.25005, 0.74995]}, True),
    ({"label": "1", "probabilities": [0.25, 0.75]}, True),
    ({"label": "1", "probabilities": [0.75, 0.25]}, False), ({"label": "1", "probabilities": [0.25, 0.25, 0.5]}, False),
    ({"label": "1", "probabilities": [0.2503, 0.7497]}, False), ({"label": "1", "probabilities": [0.25, 0.7]}, False)],
    ids=str)
def test_a_golden_answer_is_compared_by_its_probabilities_or_by_its_label_if_it_has_none(
        tmp_path: Path, item: Any, right: bool) -> None:
    folder = export(tmp_path / "m")
    (folder / "model_card.json").write_text(json.dumps({"golden": [dict(item, text="soup")]}), encoding="utf-8")
    if right:
        service.TextClassifierService("m", str(folder))
    else:
        assert "the golden text 'soup' gets another answer than at export" in load_error(folder)


# L9: an update that fails


def test_the_old_version_answers_every_request_while_new_versions_fail_to_load(tiny: Path, tmp_path: Path) -> None:
    damaged = []
    for number, file in enumerate(["saved_model.pb", "variables/variables.index", "manifest.json"]):
        folder = Path(shutil.copytree(str(tiny), str(tmp_path / str(number) / "model")))
        (folder / file).write_bytes((folder / file).read_bytes()[:-3])
        damaged.append(folder)
    damaged.append(with_golden(export(tmp_path / "wrong"), ["soup"], [[0.5, 0.5]]))  # fails with an open session
    damaged.append(export(tmp_path / "late", main_op=failing))                       # fails in the slow main op
    for folder in damaged[3:]:
        crafted.deployed(folder)
    old, wrong, done = host.Server(str(tiny), str(SHIMS)), [], threading.Event()
    right = old.post(b'{"text": "goal team score"}')
    counts = [0, 0]

    def client(number: int) -> None:
        while not done.is_set():
            response = old.post(b'{"text": "goal team score"}')
            wrong.extend([] if response == right else [response])
            counts[number] += 1
    clients = [threading.Thread(target=client, args=(number,)) for number in range(2)]
    for thread in clients:
        thread.start()
    for folder in damaged:
        with pytest.raises(host.ServiceError):
            host.Server(str(folder), str(SHIMS))
    done.set()
    for thread in clients:
        thread.join()
    assert right[0] == 200 and "predicted_label" in right[1]
    assert wrong == [] and min(counts) > 50


# L10: slow loads


def slow() -> Any:
    """An op that takes a fraction of a second."""
    start = (tf.constant(0), tf.random.uniform([1000, 1000]))
    return tf.while_loop(lambda i, _: i < 10, lambda i, a: (i + 1, tf.matmul(a, a) * 1e-3), start)[1]


def failing() -> Any:
    with tf.control_dependencies([slow()]):
        return tf.group(v1.Assert(tf.constant(False), ["the vocabulary is invalid"]))


def ready() -> Any:
    """A variable that is 0 until the slow main op has ended."""
    with v1.variable_scope("", reuse=v1.AUTO_REUSE):
        return v1.get_variable("ready", [], initializer=v1.zeros_initializer(), use_resource=False)


def becoming_ready() -> Any:
    with tf.control_dependencies([slow()]):
        return tf.group(v1.assign(ready(), 1.0))


def test_the_constructor_returns_after_the_initialisation_of_the_model(tmp_path: Path) -> None:
    folder = export(tmp_path / "m", of_texts(lambda x: tf.stack([1 - ready(), ready()]) * tf.ones_like(
        crafted.constant_scores(x))), becoming_ready)
    status, answer = host.Server(str(crafted.deployed(folder)), str(SHIMS)).post(b'{"text": "goal"}')
    assert (status, answer["predicted_label"], answer["score"]) == (200, "1", 1.0)


def test_a_load_that_fails_late_raises_one_error_of_one_line(tmp_path: Path) -> None:
    folder = crafted.deployed(export(tmp_path / "m", main_op=failing))
    assert "the vocabulary is invalid" in load_error(folder)
    for make, kind in ((lambda: host.Server(str(folder), str(SHIMS)), host.ServiceError),
                       (lambda: Rehearsal(folder), PackageError)):
        with pytest.raises(kind) as caught:
            make()
        assert "the vocabulary is invalid" in str(caught.value) and "\n" not in str(caught.value)


# L11: many loads

RELOADS = """
import gc, json, logging, os, sys
sys.path.insert(0, sys.argv[1])
from textjob.serving import host
logging.disable(logging.CRITICAL)

def megabytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

sizes = []
for number in range(1, 101):
    server = host.Server(sys.argv[2], sys.argv[4])
    assert server.post(b'{"text": "goal"}')[0] == 200
    if number % 10 == 0:
        try:
            host.Server(sys.argv[3], sys.argv[4])
        except host.ServiceError:
            pass
        gc.collect()  # graphs are in reference cycles, which use up to 100 MB between collections
        sizes.append(megabytes())
print(json.dumps(sizes))
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the memory is read from /proc")
def test_a_hundred_loads_and_ten_failed_loads_do_not_use_more_memory_than_the_first_ten(
        tiny: Path, package: Path) -> None:
    card = json.loads((package / "model_card.json").read_text(encoding="utf-8"))
    card["golden"][0]["probabilities"][0] += 0.5  # fails with an open session
    (package / "model_card.json").write_text(json.dumps(card), encoding="utf-8")
    command = [sys.executable, "-W", "ignore", "-c", RELOADS, str(PROJECT), str(tiny),
               str(relisted(package)), str(SHIMS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    sizes: List[float] = json.loads(done.stdout.splitlines()[-1])
    assert len(sizes) == 10 and sizes[-1] - sizes[0] < 40, sizes  # measured: 666 MB, then 671 MB
