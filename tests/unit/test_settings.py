"""Where a setting's value comes from, and what happens to a flag or a key that is none."""
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
import yaml

import train
from models import MODELS
from textjob.errors import DataError, UsageError
from textjob.paths import PROJECT
from textjob.settings import Settings, from_flags

WHERE = ["--data_url", "data", "--train_url", "out"]
PLATFORM = ["num_gpus", "job_name", "task_name", "task_index", "ps_hosts", "worker_hosts", "init_method", "rank",
            "world_size"]
DEFAULT = PROJECT / "config" / "default.yaml"


def read(path: Path) -> Dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def every_flag() -> Dict[str, Any]:
    """The name and default of every flag that sets something."""
    flags = read(DEFAULT)
    for model in MODELS:
        flags.update({model + "_" + key: value for key, value in read(PROJECT / "config" / (model + ".yaml")).items()})
    return flags


def parsed(*flags: str) -> Settings:
    return from_flags([*WHERE, *flags])[0]


def refusal(*flags: str) -> str:
    with pytest.raises(UsageError) as caught:
        parsed(*flags)
    assert caught.value.exit_code == 2
    return str(caught.value)


def config(folder: Path, content: str) -> List[str]:
    (folder / "job.yaml").write_text(content, encoding="utf-8")
    return ["--config", str(folder / "job.yaml")]


# The order


def test_without_file_and_flags_the_defaults_hold() -> None:
    found, ignored = from_flags(WHERE)
    assert {f.name: getattr(found, f.name) for f in fields(found)} == dict(
        read(DEFAULT), data_url="data", train_url="out",
        model={model: read(PROJECT / "config" / (model + ".yaml")) for model in MODELS})
    assert ignored == []


def test_a_file_is_stronger_than_the_defaults_and_a_flag_stronger_than_a_file(tmp_path: Path) -> None:
    file = config(tmp_path, "epochs: 7\nbatch_size: 9\ncnn: {filters: 5, embedding: 6}\n")
    found = parsed(*file, "--epochs", "3", "--cnn_filters", "4")
    assert (found.epochs, found.batch_size, found.patience) == (3, 9, parsed().patience)
    assert found.model["cnn"] == {"filters": 4, "embedding": 6, "widths": [3, 4, 5]}
    assert parsed("--epochs", "3", *file) == parsed(*file, "--epochs", "3")


def test_of_two_equal_flags_the_last_holds() -> None:
    assert parsed("--epochs", "3", "--epochs=4").epochs == 4


@pytest.mark.parametrize("name", sorted(set(every_flag()) - {"data_url", "train_url"}))
def test_an_empty_flag_is_not_given(tmp_path: Path, name: str) -> None:
    assert parsed("--" + name, "") == parsed("--" + name + "=") == parsed()
    file = config(tmp_path, "epochs: 7\noverwrite: true\ntext_column: t\ncnn: {widths: [2]}\nmodels: [rnn]\n")
    assert parsed(*file, "--" + name, "") == parsed(*file)


@pytest.mark.parametrize("name", ["data_url", "train_url"])
def test_where_the_data_and_the_output_are_must_be_said(name: str) -> None:
    for value in ([], ["--" + name, ""], ["--" + name + "="]):
        with pytest.raises(UsageError, match="--" + name + " is missing"):
            from_flags(["--" + other + "=x" for other in ("data_url", "train_url") if other != name] + value)


@pytest.mark.parametrize("name, default", sorted(every_flag().items()))
def test_every_setting_is_a_flag_in_two_notations_that_takes_its_default(name: str, default: Any) -> None:
    given = ",".join(map(str, default)) if isinstance(default, list) else str(default) or "some text"
    one, other = parsed("--" + name, given), parsed("--" + name + "=" + given)
    assert one == other
    section, _, key = name.partition("_")
    found = one.model[section][key] if section in MODELS else getattr(one, name)
    assert found == (default if default != "" else "some text") and type(found) is type(default)


def test_settings_cannot_be_changed_by_accident() -> None:
    with pytest.raises(FrozenInstanceError):
        parsed().epochs = 3  # type: ignore[misc]


def test_what_decides_how_a_model_comes_out_is_all_but_where_and_the_other_models() -> None:
    plain = parsed().of_model("cnn")
    for flag in ("--data_url=x", "--train_url=x", "--models=cnn", "--overwrite", "--rnn_units=5",
                 "--checkpoint_seconds=1"):
        assert parsed(flag).of_model("cnn") == plain
    for name in set(every_flag()) - {"data_url", "train_url", "models", "overwrite", "checkpoint_seconds"}:
        assert (name in plain) != name.startswith(tuple(model + "_" for model in MODELS if model != "cnn"))


# Values


@pytest.mark.parametrize("text, value", [
    ("true", True), ("True", True), ("1", True), ("yes", True), ("TRUE", True),
    ("false", False), ("False", False), ("0", False), ("no", False), ("", False)])
def test_a_boolean_is_what_its_word_says(tmp_path: Path, text: str, value: bool) -> None:
    assert parsed("--overwrite", text).overwrite is value
    assert parsed("--overwrite=" + text).overwrite is value
    if text:
        assert parsed(*config(tmp_path, f"overwrite: '{text}'\n")).overwrite is value
        assert parsed(*config(tmp_path, f"overwrite: {text}\n")).overwrite is value


def test_a_boolean_flag_without_a_value_is_true(tmp_path: Path) -> None:
    assert parsed("--overwrite").overwrite is True
    found = parsed("--overwrite", "--epochs", "3")
    assert (found.overwrite, found.epochs) == (True, 3)
    assert parsed(*config(tmp_path, "overwrite: true\n"), "--overwrite", "False").overwrite is False


@pytest.mark.parametrize("flags, name, value", [
    (["--models", "rnn"], "models", ["rnn"]), (["--models", "rnn, cnn,"], "models", ["rnn", "cnn"]),
    (["--learning_rate", "1e-3"], "learning_rate", 0.001), (["--epochs", "1e2"], "epochs", 100),
    (["--epochs", "3.0"], "epochs", 3), (["--max_bad_rows", "10"], "max_bad_rows", 10.0),
    (["--text_column", "0"], "text_column", "0"), (["--seed", "0"], "seed", 0), (["--seed=-0"], "seed", 0)])
def test_a_flag_gives_a_value_of_the_settings_type(flags: List[str], name: str, value: Any) -> None:
    found = getattr(parsed(*flags), name)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize("line, name, value", [
    ("models: [rnn]", "models", ["rnn"]), ("models: rnn,cnn", "models", ["rnn", "cnn"]),
    ("learning_rate: 1e-3", "learning_rate", 0.001), ("learning_rate: 1", "learning_rate", 1.0),
    ("epochs: '3'", "epochs", 3), ("text_column: 1", "text_column", "1"), ("# nothing", "batch_size", 64)])
def test_a_line_of_a_file_gives_a_value_of_the_settings_type(tmp_path: Path, line: str, name: str, value: Any) -> None:
    found = getattr(parsed(*config(tmp_path, line + "\n")), name)
    assert found == value and type(found) is type(value)


def test_a_list_of_numbers_is_given_with_commas() -> None:
    assert parsed("--cnn_widths", "2,7").model["cnn"]["widths"] == [2, 7]


WRONG = [("epochs", "three"), ("epochs", "1.5"), ("epochs", "inf"), ("epochs", "nan"), ("learning_rate", "fast"),
         ("overwrite", "maybe"), ("cnn_widths", "3,x"), ("cnn_filters", "2.5"), ("seed", "[1]")]


@pytest.mark.parametrize("name, value", WRONG)
def test_a_value_of_another_type_is_refused_by_name(name: str, value: str) -> None:
    said = refusal("--" + name, value)
    assert name in said and "expected" in said


@pytest.mark.parametrize("line", ["epochs: true", "epochs: [3]", "epochs: {a: 1}", "learning_rate: null", "models: 3",
                                  "overwrite: 2", "text_column: [a]", "epochs: 1.5", "epochs: .inf"])
def test_a_value_of_another_type_in_a_file_is_refused_by_name(tmp_path: Path, line: str) -> None:
    said = refusal(*config(tmp_path, line + "\n"))
    assert line.split(":")[0] in said and "job.yaml" in said and "expected" in said


RANGES: Dict[str, Tuple[List[str], List[str]]] = {  # values at the rim, and values beyond it
    "max_bad_rows": (["0", "1000000"], ["-1", "nan"]), "max_length": (["1", "100000"], ["0", "100001"]),
    "vocabulary_size": (["1"], ["0", "-1"]), "min_count": (["1"], ["0"]), "epochs": (["0", "1"], ["-1", "-3"]),
    "wide_ngrams": (["0", "5"], ["-1", "6"]),
    "batch_size": (["1"], ["0"]), "learning_rate": (["0.000001"], ["0", "-1", "nan"]), "patience": (["1"], ["0"]),
    "keep_prob": (["0.01", "1"], ["0", "1.01"]), "word_dropout": (["0", "0.99"], ["1", "-0.1"]),
    "label_smoothing": (["0", "0.99"], ["1", "-0.1", "nan"]), "golden_rows": (["0", "1000"], ["-1", "1001"]),
    "seed": (["0", "2147483647"], ["-1", "2147483648"]), "class_weights": (["none", "balanced"], ["equal", "Balanced"]),
    "cnn_widths": (["1", "2,9"], ["0", "3,-1", ","]), "checkpoint_seconds": (["0", "86400"], ["-1", "nan"]),
}
RANGES.update({name: (["1"], ["0", "-3"]) for name in every_flag() if name.startswith(tuple(m + "_" for m in MODELS))
               and name not in RANGES})


def test_every_number_has_a_range() -> None:
    numbers = {name for name, default in every_flag().items() if type(default) in (int, float)}
    assert numbers - set(RANGES) == set()


@pytest.mark.parametrize("name, value", [(name, value) for name, (good, _) in RANGES.items() for value in good])
def test_a_value_at_the_rim_of_its_range_is_taken(name: str, value: str) -> None:
    parsed(f"--{name}={value}")


@pytest.mark.parametrize("name, value", [(name, value) for name, (_, bad) in RANGES.items() for value in bad])
def test_a_value_beyond_its_range_is_refused_by_name(name: str, value: str) -> None:
    said = refusal(f"--{name}={value}")
    assert name in said and "expected" in said


@pytest.mark.parametrize("models, named", [
    ("cn", "'cnn'"), ("CNN", ", ".join(MODELS)), ("cnn,transformer", "transformer"), ("cnn,cnn", "twice"),
    (",", "empty"), ("model", "'model'"), ("report", "'report'"), ("logs", "'logs'"), ("checkpoints", "'checkpoints'")])
def test_a_model_that_is_none_is_refused(models: str, named: str) -> None:
    assert named in refusal("--models", models)


# Flags that are none


@pytest.mark.parametrize("flags, meant", [
    (["--epoch", "3"], "--epochs"), (["--epoch=3"], "--epochs"), (["--epochss", "3"], "--epochs"),
    (["-epochs", "3"], "--epochs"),
    (["--batch-size", "3"], "--batch_size"), (["--Seed", "3"], "--seed"), (["--learning-rate=1"], "--learning_rate"),
    (["--data_ur", "x"], "--data_url"), (["--model", "cnn"], "--models"), (["--overwrit"], "--overwrite"),
    (["--configs", "x"], "--config"), (["--cnn_filter", "3"], "--cnn_filters"), (["--rnn_unit=3"], "--rnn_units"),
    (["--epoch", "3", "--task_index", "0"], "--epochs")])
def test_a_flag_that_nearly_is_a_setting_is_refused_with_the_right_name(flags: List[str], meant: str) -> None:
    assert refusal(*flags) == "unknown flag {}; did you mean {}?".format(flags[0].split("=")[0], meant)


@pytest.mark.parametrize("name", PLATFORM)
def test_a_flag_of_the_platform_is_ignored_and_listed_once(name: str) -> None:
    for flags in (["--" + name, "1"], ["--" + name + "=1"], ["--" + name, ""], ["--" + name, "1", "--" + name + "=2"]):
        found, ignored = from_flags([*flags, *WHERE, "--epochs", "3"])
        assert ignored == ["--" + name]
        assert found == parsed("--epochs", "3")


def test_the_job_says_once_what_it_ignored(capsys: pytest.CaptureFixture[str]) -> None:
    flags = [f"--{name}=0" for name in PLATFORM]
    with pytest.raises(DataError):
        train.main([*flags, "--zzz", "--data_url", "no/such/folder", "--train_url", "out", *flags])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "ignored" in line]
    assert sorted(re.findall(r"--\w+", line)) == sorted(["--" + name for name in PLATFORM] + ["--zzz"])


def test_a_wrong_flag_ends_the_job_with_code_2_and_a_sentence() -> None:
    done = subprocess.run([sys.executable, str(PROJECT / "train.py"), *WHERE, "--epoch", "3"],
                          check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == "error: unknown flag --epoch; did you mean --epochs?"
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("flags", [["--epochs"], ["--data_url"], ["--epochs", "--seed", "1"]])
def test_a_flag_without_its_value_ends_the_job_with_code_2(
        flags: List[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(*flags)
    assert caught.value.code == 2 and flags[0] in capsys.readouterr().err


# Files


@pytest.mark.parametrize("content, named", [
    ("epoch: 3", "'epochs'"), ("Epochs: 3", "'epochs'"), ("zzz: 3", "'zzz'"), ("1: 3", "1"),
    ("cnn: {filter: 3}", "'filters'"), ("cnn: {units: 3}", "'units'"), ("cnn: 5", "'cnn'"),
    ("rnn: [1]", "'rnn'"), ("cnn_filters: 3", "cnn_filters"),
    ("config: x", "'config'"), ("model: {}", "'model'")])
def test_an_unknown_key_in_a_file_is_refused_by_name(tmp_path: Path, content: str, named: str) -> None:
    assert named in refusal(*config(tmp_path, content + "\n"))


@pytest.mark.parametrize("content", [
    b"epochs: [", b"- epochs", b"epochs", b"\xff\xfe", b"a: b: c", b"!!python/object:os.x {}"])
def test_a_file_that_is_no_list_of_settings_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "job.yaml").write_bytes(content)
    assert "job.yaml" in refusal("--config", str(tmp_path / "job.yaml"))


def test_a_config_file_is_sought_from_here_then_beside_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    demo = read(PROJECT / "config" / "demo.yaml")
    assert parsed("--config", "config/demo.yaml").epochs == demo["epochs"] != parsed().epochs
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "demo.yaml").write_text("epochs: 77\n", encoding="utf-8")
    assert parsed("--config", "config/demo.yaml").epochs == 77
    assert parsed("--config", str(PROJECT / "config" / "demo.yaml")).epochs == demo["epochs"]


@pytest.mark.parametrize("name", ["config/none.yaml", "config", "/no/such/file.yaml"])
def test_a_config_file_that_is_nowhere_is_refused_by_name(name: str) -> None:
    assert name in refusal("--config", name)


# What is written about them


def test_each_setting_stands_in_the_default_file_and_each_of_its_lines_is_a_setting() -> None:
    assert [f.name for f in fields(Settings) if f.name != "model"] == list(read(DEFAULT))


@pytest.mark.parametrize("file", ["default.yaml", *(model + ".yaml" for model in MODELS)])
def test_each_setting_has_a_reason_on_its_line(file: str) -> None:
    path = PROJECT / "config" / file
    reasons = dict(re.findall(r"^(\w+): .*\S +# (\w.{4,})$", path.read_text(encoding="utf-8"), re.M))
    assert set(reasons) == set(read(path))


@pytest.mark.parametrize("path", sorted((PROJECT / "config").glob("*.yaml")), ids=lambda path: str(path.name))
def test_each_file_that_comes_with_the_job_is_valid(path: Path) -> None:
    if path.stem not in MODELS:
        parsed("--config", str(path))


def test_help_prints_each_setting_with_its_reason_and_its_default(
        capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "400")
    with pytest.raises(SystemExit) as caught:
        from_flags(["--help"])
    printed = capsys.readouterr().out
    assert caught.value.code == 0
    for name, default in every_flag().items():
        section, _, key = name.partition("_")
        file, key = (section, key) if section in MODELS else ("default", name)
        lines = (PROJECT / "config" / (file + ".yaml")).read_text(encoding="utf-8")
        (reason,) = re.findall(rf"^{key}: .*# (.*)$", lines, re.M)
        shown = ",".join(map(str, default)) if isinstance(default, list) else str(default) or "''"
        assert re.search(rf"--{name} .*{re.escape(reason)} \(default: {re.escape(shown)}\)",
                         re.sub(r"\s+", " ", printed)), name
