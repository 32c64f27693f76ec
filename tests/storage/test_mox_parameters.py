"""Hyper parameters, flags, and the training functions that the stand-in does not have."""
import importlib
import re
import sys
from pathlib import Path
from typing import Any, List

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = ["moxing", "moxing.tensorflow", "moxing.mxnet", "moxing.pytorch"]


@pytest.fixture(autouse=True)
def nothing_set(mox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from moxing._shim import parameters

    monkeypatch.setattr(parameters, "_set", {})
    monkeypatch.setattr(sys, "argv", ["train.py"])


@pytest.mark.parametrize("arguments, value", [
    (["--data_url=s3://bucket/data/"], "s3://bucket/data/"), (["--data_url", "/cache/data"], "/cache/data"),
    (["--data_url=a", "--data_url=b=c"], "b=c"), (["--data_url="], None), (["--data_url"], None),
    (["--data_url", "--other=1"], None), (["--data_url2=x"], None), (["data_url=x"], None), ([], None),
    (["--data_url=8"], 8), (["--data_url", "-1"], -1), (["--data_url=0.1"], 0.1), (["--data_url=1e-3"], 0.001),
    (["--data_url=007"], 7.0), (["--data_url=8x"], "8x"), (["--data_url=nan"], "nan"), (["--data_url=True"], "True")])
def test_a_hyper_parameter_has_its_last_value_on_the_command_line_and_numbers_are_converted(
        mox: Any, monkeypatch: pytest.MonkeyPatch, arguments: List[str], value: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *arguments])
    result = mox.get_hyper_parameter("data_url")
    assert (result, type(result)) == (value, type(value)) and mox.get_flag("data_url") == value


def test_a_value_that_the_script_sets_replaces_that_of_the_command_line(
        mox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import moxing.mxnet
    import moxing.tensorflow

    monkeypatch.setattr(sys, "argv", ["train.py", "--data_url=s3://bucket", "--num_gpus=4"])
    mox.set_hyper_parameter("data_url", "/cache")
    mox.set_flag("checkpoint_exclude_patterns", "logits")
    assert moxing.mxnet.get_hyper_parameter("data_url") == "/cache"
    assert moxing.tensorflow.get_flag("checkpoint_exclude_patterns") == "logits"
    assert moxing.tensorflow.get_flag("num_gpus") == 4 == mox.get_hyper_parameter("num_gpus")
    assert mox.get_hyper_parameter("num_workers", 1) == 1 and mox.get_hyper_parameter("num_gpus", 1) == 4


def test_flags_of_distributed_jobs_have_their_values_for_one_machine(mox: Any) -> None:
    assert mox.get_flag("num_gpus") == 1 and len(mox.get_flag(flag_name="worker_hosts").split(",")) == 1
    assert (mox.get_flag("job_name"), mox.get_flag("task_index"), mox.get_flag("ps_hosts")) == ("worker", 0, "")
    assert mox.get_flag("checkpoint_exclude_patterns") is None and mox.get_hyper_parameter("num_gpus") is None


@pytest.mark.parametrize("name", MODULES)
def test_a_training_function_raises_one_sentence_with_its_replacement(name: str) -> None:
    module = importlib.import_module(name)
    from moxing._shim.training import REPLACEMENTS

    assert {"run", "ExportSpec", "ExportKeys", "ModelSpec", "get_model_fn", "get_optimizer_fn"} <= set(REPLACEMENTS)
    for function, replacement in REPLACEMENTS.items():
        with pytest.raises(AttributeError, match=rf"^{name}\.{function} is not available outside the platform, because "
                           rf".*; use {re.escape(replacement)}$"):
            getattr(module, function)
        assert not hasattr(module, function)
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        module.nonsense  # noqa: B018
    assert [module.ModeKeys.TRAIN, module.ModeKeys.EVAL, module.ModeKeys.PREDICT, module.ModeKeys.EXPORT] == [
        "TRAIN", "EVAL", "PREDICT", "EXPORT"]


def test_each_replacement_exists_in_this_template() -> None:
    from moxing._shim.training import REPLACEMENTS

    settings = (ROOT / "config" / "default.yaml").read_text(encoding="utf-8")
    for replacement in REPLACEMENTS.values():
        for file in re.findall(r"\b(?:docs/)?\w+\.(?:py|md|json)\b", replacement):
            assert (ROOT / file).exists() or file == "config.json", file
        for module in re.findall(r"\btextjob\.[\w.]+\w", replacement):
            assert (ROOT / (module.replace(".", "/") + ".py")).exists(), module
        for flag in re.findall(r"--(\w+)", replacement):
            assert re.search(rf"^{flag}:", settings, re.M), flag
