"""Which files ``infer.py batch`` reads, and in which order."""
import json
from pathlib import Path

import pytest

import infer
from textjob.commands import batch_files
from textjob.errors import DataError


def test_a_folder_is_read_by_part_and_then_by_name_with_numbers_as_numbers(tmp_path: Path) -> None:
    expected = ["train.tsv", "dev.csv", "test.jsonl", "a2.tsv", "a10.tsv", "b.txt"]
    for name in [*expected, "_counts.tsv", ".hidden.tsv", "picture.png"]:
        (tmp_path / name).write_text("text\n", encoding="utf-8")
    with batch_files.opened(str(tmp_path)) as files:
        assert [source.name for source in files.sources] == expected
        assert files.unread == ["_counts.tsv", "picture.png"]
        assert files.urls[str(tmp_path / "b.txt")] == str(tmp_path / "b.txt")


def test_a_file_of_labels_belongs_to_its_texts_and_is_not_classified(tmp_path: Path) -> None:
    for name in ("x.txt", "x_result.txt", "y.txt"):
        (tmp_path / name).write_text("text\n", encoding="utf-8")
    with batch_files.opened(f"{tmp_path}/") as files:
        assert [(source.name, Path(source.labels_url).name) for source in files.sources] == [
            ("x.txt", "x_result.txt"), ("y.txt", "")]


def test_the_files_of_a_list_are_read_in_its_order(tmp_path: Path) -> None:
    urls = [str(tmp_path / name) for name in ("b.csv", "a.tsv")]
    for url in urls:
        Path(url).write_text("text\n", encoding="utf-8")
    chosen = tmp_path / "files.manifest"
    chosen.write_text("\n\n".join(json.dumps({"source": url}) for url in urls), encoding="utf-8")
    assert batch_files.divides(str(chosen))
    with batch_files.opened(str(chosen)) as files:
        assert [source.url for source in files.sources] == [source.name for source in files.sources] == urls


@pytest.mark.parametrize("line", ["{}", '{"source": 1}', "[]", "a.csv"])
def test_a_line_of_a_list_without_a_source_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.csv").write_text("text\n", encoding="utf-8")
    chosen = tmp_path / "files.manifest"
    chosen.write_text(json.dumps({"source": str(tmp_path / "a.csv")}) + f"\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"files\.manifest:2: expected"), batch_files.opened(str(chosen)):
        pass


def test_a_list_of_labelled_texts_is_not_a_list_of_files(tmp_path: Path) -> None:
    labelled = tmp_path / "labelled.manifest"
    labelled.write_text(json.dumps({"source": "content://good film", "annotation": [{"name": "good"}]}) + "\n",
                        encoding="utf-8")
    assert not batch_files.divides(str(labelled))
    assert batch_files.is_list(str(labelled)) is False


def test_one_output_file_for_a_folder_of_several_files_is_refused_with_the_url_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("a.txt", "b.txt"):
        (tmp_path / "data" / name).write_text("text\n", encoding="utf-8")
    out = tmp_path / "answers"
    with pytest.raises(DataError, match=f"a folder, which ends in /: {out}/"):
        infer.main(["batch", "--model", "model", "--data_url", str(tmp_path / "data"), "--output_url", str(out)])
    assert [entry.name for entry in tmp_path.iterdir()] == ["data"]
