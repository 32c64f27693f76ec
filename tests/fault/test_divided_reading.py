"""Several nodes divide the tokenizing of data in files: the ids of one node, also after a fault of a node."""
from pathlib import Path

import dividing
import pytest

from textjob.errors import DiskFullError, TerminatedError

pytestmark = pytest.mark.trains


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    dividing.write_data(folder)
    return folder


def test_two_nodes_tokenize_a_share_of_the_texts_each_and_have_the_ids_of_one(data: Path, tmp_path: Path) -> None:
    one = dividing.Node(str(data), str(tmp_path), memory_mb=1000)
    alone, *both = dividing.run([one, *dividing.nodes(data, tmp_path, ["", ""])])
    assert all(node.code == 0 for node in (alone, *both)), [node.messages for node in (alone, *both)]
    assert not alone.output["in_file"] and alone.output["rows"] == [9000, 700, 1100]
    assert all(node.output["in_file"] and node.output["hashes"] == alone.output["hashes"] for node in both)
    assert [node.output["tokenized"] for node in both] == [[4096, 808, 700, 1100], [4096]]

    # If the ids of one node are damaged, all nodes make them again.
    damaged = next((tmp_path / "node1").glob("*/ids-*"))
    (damaged / "manifest.json").write_bytes(b"")
    again = dividing.run(dividing.nodes(data, tmp_path, ["", ""]))
    assert all(node.code == 0 for node in again), [node.messages for node in again]
    assert all(node.output["hashes"] == alone.output["hashes"] for node in again)
    assert [len(node.output["tokenized"]) for node in again] == [4, 1]
    assert again[1].output["lines"] == [
        f"{damaged} is damaged: its files differ from its manifest; the ids are made again"]


def test_a_node_whose_disk_becomes_full_ends_the_other(data: Path, tmp_path: Path) -> None:
    failed, other = dividing.run(dividing.nodes(data, tmp_path, ["disk", ""]))
    assert (failed.code, other.code) == (DiskFullError.exit_code, TerminatedError.exit_code), (
        failed.messages + other.messages)
    assert "has ended or does not respond" in other.messages and "Traceback" not in other.messages
