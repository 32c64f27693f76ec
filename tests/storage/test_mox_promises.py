"""The promises on the local disk, in memory and on an S3 server, for both URL schemes."""
import os
from pathlib import Path
from typing import Any

import pytest
from promises import Promises


class TestLocal(Promises):
    local = True

    @pytest.fixture
    def root(self, tmp_path: Path) -> str:
        return str(tmp_path / "root")

    def test_links_are_followed_but_files_behind_them_are_not_deleted(
            self, file: Any, root: str, tmp_path: Path) -> None:
        for folder in ("theirs", "root/mine"):
            (tmp_path / folder).mkdir(parents=True)
            (tmp_path / folder / "x").write_text(folder)
        (tmp_path / "root" / "link").symlink_to(tmp_path / "theirs")
        (tmp_path / "root" / "mine" / "loop").symlink_to(tmp_path / "root")
        file.copy_parallel(root, "memory://linked")
        assert file.read("memory://linked/link/x") == "theirs"
        file.rename(root, "memory://moved")
        assert file.read("memory://moved/link/x") == "theirs" and not (tmp_path / "root").exists()
        assert (tmp_path / "theirs" / "x").read_text() == "theirs"

    def test_pipes_are_skipped(self, file: Any, root: str, tmp_path: Path) -> None:
        (tmp_path / "root").mkdir()
        os.mkfifo(str(tmp_path / "root" / "pipe"))
        (tmp_path / "root" / "x").write_text("text")
        file.copy_parallel(root, str(tmp_path / "copy"))
        assert os.listdir(str(tmp_path / "copy")) == ["x"]


class TestMemory(Promises):
    @pytest.fixture
    def root(self, tmp_path: Path) -> str:
        return f"memory://{tmp_path.name}"


class TestS3(Promises):
    @pytest.fixture
    def root(self, s3: str) -> str:
        return s3

    def test_obs_and_s3_urls_name_the_same_object(self, file: Any, root: str) -> None:
        file.write(root + "/x", "text")
        assert file.read(root.replace("obs://", "s3://") + "/x") == "text"
        assert file.glob(root.replace("obs://", "s3://") + "/*") == [root.replace("obs://", "s3://") + "/x"]

    def test_repeated_slashes_count_as_one(self, file: Any, root: str) -> None:
        file.write(root + "//out//x", "text")
        assert file.list_directory(root, recursive=True) == ["out", "out/x"]

    def test_a_key_prefix_without_a_marker_object_is_a_directory(self, file: Any, root: str) -> None:
        file.write(root + "/a/b/x", "text")
        assert file.is_directory(root + "/a/b") and file.exists(root + "/a") and file.list_directory(root) == ["a"]

    def test_an_empty_bucket_is_a_directory_and_a_missing_one_is_not(self, file: Any, root: str) -> None:
        assert file.exists("obs://bucket") and file.is_directory("obs://bucket/")
        assert not file.exists("obs://no-such-bucket") and not file.exists("obs://no-such-bucket/x")
        with pytest.raises(FileNotFoundError, match="bucket"):
            file.write("obs://no-such-bucket/x", "text")
        with pytest.raises(ValueError, match="no bucket"):
            file.exists("obs://")

    def test_a_listing_of_many_pages_is_complete(self, file: Any, root: str) -> None:
        for number in range(23):
            file.write(f"{root}/{number:02d}/x", "")
        file.set_auth(list_max_keys=5)
        assert len(file.list_directory(root)) == 23
        assert len(file.list_directory(root, recursive=True)) == 46

    def test_a_large_file_is_uploaded_in_parts_and_downloaded_unchanged(
            self, file: Any, root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MOX_FILE_PARTIAL_MAXIMUM_SIZE", "6000000")
        monkeypatch.setattr(file.file_io, "_LARGE_FILE_PART_SIZE", 5 << 20)
        data = bytes(range(256)) * 50000  # 12.8 MB: three parts
        (tmp_path / "here").write_bytes(data)
        file.copy_parallel(str(tmp_path / "here"), root + "/large")
        assert file.stat(root + "/large").length == len(data)
        file.copy(root + "/large", root + "/copy")
        file.copy(root + "/copy", str(tmp_path / "back"))
        assert (tmp_path / "back").read_bytes() == data

    def test_a_file_and_a_folder_of_the_same_name_are_refused_before_any_write(
            self, file: Any, root: str, tmp_path: Path) -> None:
        file.write(root + "/a", "file")
        file.write(root + "/a/b", "in a folder")
        with pytest.raises(file.MoxFileNameDuplicateException):
            file.copy_parallel(root, str(tmp_path / "here"))
        assert list((tmp_path / "here").iterdir()) == []
        file.copy_parallel(root, root + "-2")  # an object store allows both
        assert file.read(root + "-2/a") == "file" and file.read(root + "-2/a/b") == "in a folder"

    @pytest.mark.parametrize("key", ["../x", "a/../../x", "a//x", "./x"])
    def test_names_outside_the_target_are_refused(self, file: Any, root: str, tmp_path: Path, key: str) -> None:
        from moxing._shim.locations import locate

        place = locate(root)
        place.store.client.send("put_object", "bucket", Key=place.path.partition("/")[2] + "/" + key, Body=b"x")
        with pytest.raises(file.MoxFileNameDuplicateException, match="stay below"):
            file.copy_parallel(root, str(tmp_path / "here"))
        assert list(tmp_path.rglob("x")) == []
