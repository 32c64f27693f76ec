"""infer.py batch --platform: result files and the result manifest; infer.py predict on a terminal."""
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

import infer
from models import MODELS
from textjob.errors import DataError
from textjob.paths import PROJECT
from textjob.rehearsal import screen


@pytest.fixture(scope="module")
def model(packages: Dict[str, Path]) -> Path:
    """The package of the first model."""
    return packages[MODELS[0]]


def manifest(folder: Path) -> List[Dict[str, str]]:
    file, = folder.glob("infer-result-*.manifest")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_each_row_of_each_file_gets_a_response_and_each_file_a_line_in_the_manifest(
        model: Path, tmp_path: Path, capsys: Any) -> None:
    data, out = tmp_path / "in", tmp_path / "out"
    data.mkdir()
    (data / "a.csv").write_text('soup bread,1\n"team, goal",2\n', encoding="utf-8")
    (data / "b.csv").write_bytes("好吃\n".encode("gb18030"))
    assert infer.main(["batch", "--model", str(model), "--data_url", str(data), "--output_url", str(out),
                       "--platform"]) == 1
    good, bad = manifest(out)
    assert good["source"] == f"{data}/a.csv" and good["result"] == "SUCCESSFUL"
    result = Path(good["inference-loc"])
    assert result.name == "a.csv_result.txt" and result.parent.parent == out
    answers = [json.loads(line)["data"]["resp_data"] for line in result.read_text(encoding="utf-8").splitlines()]
    assert [len(answer) for answer in answers] == [1, 1] and all("predicted_label" in answer[0] for answer in answers)
    assert bad["result"] == "FAILED" and "not UTF-8" in bad["error_message"] and "inference-loc" not in bad
    assert [file.name for file in result.parent.iterdir()] == ["a.csv_result.txt"]
    assert "1 rows have a comma, a quote or a line end inside a cell" in capsys.readouterr().out


def test_a_manifest_names_the_files_and_two_of_one_name_are_refused(model: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").write_text("soup\n", encoding="utf-8")
    lines = [json.dumps({"source": str(tmp_path / name / "a.csv")}) + "\n" for name in ("one", "two")]
    command = ["batch", "--model", str(model), "--platform", "--output_url", str(tmp_path / "out"), "--data_url",
               str(tmp_path / "in.manifest")]
    (tmp_path / "in.manifest").write_text(lines[0], encoding="utf-8")
    assert infer.main(command) == 0
    assert [line["source"] for line in manifest(tmp_path / "out")] == [str(tmp_path / "one" / "a.csv")]
    (tmp_path / "in.manifest").write_text("".join(lines), encoding="utf-8")
    with pytest.raises(DataError, match="have the same name"):
        infer.main(command)


@pytest.mark.parametrize("flags, environment", [([], {}), ([], {"NO_COLOR": "1"}), (["--json"], {})])
def test_predict_prints_a_table_on_a_terminal_and_json_lines_where_a_flag_says_so(
        flags: List[str], environment: Dict[str, str], model: Path) -> None:
    master, slave = pty.openpty()
    done = subprocess.run(
        [sys.executable, str(PROJECT / "infer.py"), "predict", "--model", str(model), "soup 好吃", "goal", *flags],
        stdout=slave, stderr=subprocess.DEVNULL, timeout=300, env={
            **{key: value for key, value in os.environ.items() if key != "NO_COLOR"}, "TERM": "xterm",
            "PYTHONIOENCODING": "utf-8", **environment})
    os.close(slave)
    shown = os.read(master, 100000).decode("utf-8").replace("\r\n", "\n")
    os.close(master)
    assert done.returncode == 0
    if flags:
        assert [json.loads(line)["text"] for line in shown.splitlines()] == ["soup 好吃", "goal"]
        return
    assert ("\033[" in shown) == (not environment)
    lines = shown.splitlines()
    assert lines[0] == "soup 好吃" and "goal" in lines
    scores = [line for line in lines if "%" in line]
    if environment:
        assert len({screen.width(line[:line.index("%")]) for line in scores}) == 1
    assert len(scores) == len(lines) - 2 > 2
