"""The value of each setting, and the errors for wrong flags, keys and values."""
import functools
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path
from typing import Any, Dict, List, Tuple

import generate
import pytest
import yaml

import train
from models import MODELS
from textjob.errors import DataError, UsageError
from textjob.flags import OTHER_NAMES, from_flags
from textjob.paths import PROJECT
from textjob.settings import FIELDS, Settings

WHERE = ["--data_url", "data", "--train_url", "out"]
PLATFORM = ["num_gpus", "job_name", "task_name", "task_index", "ps_hosts", "worker_hosts", "init_method", "rank",
            "world_size"]
DEFAULT = PROJECT / "config" / "default.yaml"


@functools.lru_cache(maxsize=None)
def loaded(path: Path) -> Dict[str, Any]:
    return dict(yaml.safe_load(path.read_text(encoding="utf-8")))


def read(path: Path) -> Dict[str, Any]:
    return dict(loaded(path))


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
    settings, ignored = from_flags(WHERE)
    assert {f.name: getattr(settings, f.name) for f in fields(settings)} == dict(
        read(DEFAULT), data_url="data", train_url="out", vectors_sha256="",
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
def test_the_data_and_the_output_must_be_given(name: str) -> None:
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


# What follows when a setting is changed


def differences(*flags: str, affects: str = "training", recorded: Tuple[str, ...] = ()) -> List[str]:
    return parsed(*flags).differences("cnn", parsed(*recorded).recorded("cnn"), affects)


def _of_another_model(name: str) -> bool:
    return name.startswith(tuple(f"{model}_" for model in MODELS if model != "cnn"))


def other_value(name: str) -> str:
    """A valid value of a setting that is not its default."""
    default = every_flag()[name]
    if isinstance(default, bool):
        return str(not default)
    choices = FIELDS[name].metadata["range"].choices if name in FIELDS else ()
    if choices:
        return next(choice for choice in choices if choice != default)
    known = {"models": "rnn", "cnn_widths": "2", "keep_prob": "0.7", "word_dropout": "0.3", "label_smoothing": "0.3"}
    return known.get(name) or (str(default + 1) if isinstance(default, (int, float)) else "another")


@pytest.mark.parametrize("name", sorted(set(every_flag()) - {"data_url", "train_url"}))
def test_a_change_counts_as_what_the_setting_affects_and_as_nothing_else(name: str) -> None:
    affects = FIELDS[name].metadata["affects"] if name in FIELDS else "training"
    for kind in ("training", "package"):
        expected = kind == affects and not _of_another_model(name) and name != "vectors"
        assert bool(differences(f"--{name}={other_value(name)}", affects=kind)) == expected


def test_a_difference_states_both_values() -> None:
    assert differences("--epochs=3", "--cnn_filters=7", recorded=("--epochs=2",)) == [
        "cnn_filters (was 100, is 7)", "epochs (was 2, is 3)"]


def test_a_setting_that_was_not_recorded_counts_as_having_had_its_default() -> None:
    recorded = parsed().recorded("cnn")
    del recorded["patience"], recorded["cnn_filters"]
    assert parsed().differences("cnn", recorded) == []
    assert parsed("--patience=4").differences("cnn", recorded) == ["patience (was 0, is 4)"]
    assert parsed().differences("cnn", dict(recorded, a_setting_of_the_past=1)) == []


def test_word_vectors_count_by_their_content_and_not_by_their_path() -> None:
    before = replace(parsed("--vectors=a.txt"), vectors_sha256="1" * 64).recorded("cnn")
    assert replace(parsed("--vectors=b.txt"), vectors_sha256="1" * 64).differences("cnn", before) == []
    assert len(replace(parsed("--vectors=a.txt"), vectors_sha256="2" * 64).differences("cnn", before)) == 1


# Values


@pytest.mark.parametrize("text, value", [
    ("true", True), ("True", True), ("1", True), ("yes", True), ("TRUE", True),
    ("false", False), ("False", False), ("0", False), ("no", False), ("", False)])
def test_a_boolean_is_given_by_its_word(tmp_path: Path, text: str, value: bool) -> None:
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
    message = refusal("--" + name, value)
    assert name in message and "expected" in message


@pytest.mark.parametrize("line", ["epochs: true", "epochs: [3]", "epochs: {a: 1}", "learning_rate: null", "models: 3",
                                  "overwrite: 2", "text_column: [a]", "epochs: 1.5", "epochs: .inf"])
def test_a_value_of_another_type_in_a_file_is_refused_by_name(tmp_path: Path, line: str) -> None:
    message = refusal(*config(tmp_path, line + "\n"))
    assert line.split(":")[0] in message and "job.yaml" in message and "expected" in message


def _edges(name: str) -> Tuple[List[str], List[str]]:
    """Values at the bounds of a setting's range, and values outside of it."""
    limits = FIELDS[name].metadata["range"]
    step = 1 if isinstance(every_flag()[name], int) else 1e-6
    inside = [bound for bound in (limits.least, limits.most) if bound is not None]
    inside += [bound + step * sign for bound, sign in ((limits.above, 1), (limits.below, -1)) if bound is not None]
    outside = [bound for bound in (limits.above, limits.below) if bound is not None]
    outside += [bound + step * sign for bound, sign in ((limits.least, -1), (limits.most, 1)) if bound is not None]
    return [*map(str, inside), *limits.choices], [*map(str, outside), *[each.upper() for each in limits.choices]]


RANGES = {name: _edges(name) for name, each in FIELDS.items() if str(each.metadata["range"])}
RANGES.update({f"{model}_{key}": (["1", "0"], ["-1", "-3"]) for model in MODELS
               for key, value in read(PROJECT / "config" / f"{model}.yaml").items()
               if isinstance(value, (int, float)) and not isinstance(value, bool)})
RANGES["cnn_widths"] = (["1", "2,9"], ["3,-1", ","])


def test_every_number_has_a_range_and_these_are_some_of_them() -> None:
    numbers = {name for name, default in every_flag().items() if type(default) in (int, float)}
    assert numbers - set(RANGES) == set()
    for flag in ("--keep_prob=0", "--keep_prob=1.01", "--word_dropout=1", "--learning_rate=0", "--learning_rate=nan",
                 "--max_length=0", "--seed=2147483648", "--label_smoothing=nan", "--golden_rows=1001"):
        assert "expected" in refusal(flag)


@pytest.mark.parametrize("name, value", [(name, value) for name, (good, _) in RANGES.items() for value in good])
def test_a_value_at_the_bounds_of_its_range_is_accepted(name: str, value: str) -> None:
    parsed(f"--{name}={value}")


@pytest.mark.parametrize("name, value", [(name, value) for name, (_, bad) in RANGES.items() for value in bad])
def test_a_value_outside_its_range_is_refused_by_name(name: str, value: str) -> None:
    message = refusal(f"--{name}={value}")
    assert name in message and "expected" in message


@pytest.mark.parametrize("models, named", [
    ("cn", "'cnn'"), ("CNN", ", ".join(MODELS)), ("cnn,transformer", "transformer"), ("cnn,cnn", "twice"),
    (",", "empty"), ("model", "'model'"), ("report", "'report'"), ("logs", "'logs'"), ("checkpoints", "'checkpoints'")])
def test_a_name_that_is_not_a_models_is_refused(models: str, named: str) -> None:
    assert named in refusal("--models", models)


# Unknown flags


@pytest.mark.parametrize("flags, meant", [
    (["--epoch", "3"], "--epochs"), (["--epoch=3"], "--epochs"), (["--epochss", "3"], "--epochs"),
    (["-epochs", "3"], "--epochs"),
    (["--batch-size", "3"], "--batch_size"), (["--Seed", "3"], "--seed"), (["--learning-rate=1"], "--learning_rate"),
    (["--data_ur", "x"], "--data_url"), (["--model", "cnn"], "--models"), (["--overwrit"], "--overwrite"),
    (["--configs", "x"], "--config"), (["--cnn_filter", "3"], "--cnn_filters"), (["--rnn_unit=3"], "--rnn_units"),
    (["--epoch", "3", "--task_index", "0"], "--epochs")])
def test_a_flag_that_is_nearly_a_setting_is_refused_with_the_right_name(flags: List[str], meant: str) -> None:
    assert refusal(*flags) == "unknown flag {}; did you mean {}?".format(flags[0].split("=")[0], meant)


@pytest.mark.parametrize("name, here", sorted(OTHER_NAMES.items()))
def test_the_name_that_other_tools_give_a_setting_is_refused_with_the_name_here(name: str, here: str) -> None:
    assert here.split()[0] in FIELDS
    for flag in (f"--{name}=1", f"--{name.replace('_', '-')}=1"):
        assert refusal(flag) == f"unknown flag {flag.split('=')[0]}; did you mean --{here}?"


@pytest.mark.parametrize("name", PLATFORM)
def test_a_flag_of_the_platform_is_ignored_and_listed_once(name: str) -> None:
    for flags in (["--" + name, "1"], ["--" + name + "=1"], ["--" + name, ""], ["--" + name, "1", "--" + name + "=2"]):
        settings, ignored = from_flags([*flags, *WHERE, "--epochs", "3"])
        assert ignored == ["--" + name]
        assert settings == parsed("--epochs", "3")


def test_the_job_lists_ignored_flags_once(capsys: pytest.CaptureFixture[str]) -> None:
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
def test_a_file_that_is_not_a_list_of_settings_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "job.yaml").write_bytes(content)
    assert "job.yaml" in refusal("--config", str(tmp_path / "job.yaml"))


def test_a_config_file_is_looked_up_from_the_working_folder_then_beside_the_job(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    demo = read(PROJECT / "config" / "demo.yaml")
    assert parsed("--config", "config/demo.yaml").epochs == demo["epochs"] != parsed().epochs
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "demo.yaml").write_text("epochs: 77\n", encoding="utf-8")
    assert parsed("--config", "config/demo.yaml").epochs == 77
    assert parsed("--config", str(PROJECT / "config" / "demo.yaml")).epochs == demo["epochs"]


@pytest.mark.parametrize("name", ["config/none.yaml", "config", "/no/such/file.yaml"])
def test_a_missing_config_file_is_refused_by_name(name: str) -> None:
    assert name in refusal("--config", name)


# The generated documents


def test_the_generated_files_are_as_the_generator_writes_them() -> None:
    for path, content in generate.generated().items():
        assert path.read_text(encoding="utf-8") == content, f"run make generate: {path.name}"


def test_each_line_of_the_default_file_is_a_setting() -> None:
    assert set(read(DEFAULT)) == set(FIELDS) == {f.name for f in fields(Settings)} - {"model", "vectors_sha256"}


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
        (reason,) = re.findall(rf"^{key}: .*?# (.*)$", lines, re.M)
        shown = ",".join(map(str, default)) if isinstance(default, list) else str(default) or "''"
        shown = shown.lower() if isinstance(default, bool) else shown
        assert re.search(rf"--{name} .*{re.escape(reason)} \(default: {re.escape(shown)}\)",
                         re.sub(r"\s+", " ", printed)), name


def test_a_folder_of_a_model_that_is_no_longer_in_the_table_is_compared_by_the_common_settings() -> None:
    recorded = dict(parsed().recorded("cnn"), an_old_model_units=3)
    assert parsed().differences("an_old_model", recorded) == []
    assert parsed("--epochs=3").differences("an_old_model", recorded) == ["epochs (was 0, is 3)"]
