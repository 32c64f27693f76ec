"""The promises about single files and listings: the first half of :class:`promises.Promises`."""
import io
import os
import pickle
from pathlib import Path
from typing import Any, List

import pytest

TEXT = "zwei\nZeilen, 两行\n"
DATA = TEXT.encode("utf-8")


class Files:
    """A subclass provides the fixture ``root``: a URL with no file below it."""

    # On the local disk, get_size of a directory includes its files even without ``recursive``.
    local = False

    @pytest.fixture
    def file(self, mox: Any) -> Any:
        return mox.file

    @pytest.fixture
    def tree(self, file: Any, root: str) -> str:
        """Three files, two levels and an empty directory."""
        folder = root + "/tree"
        for name in ("a.txt", "sub/b.txt", "sub/deep/c.bin"):
            file.make_dirs(os.path.dirname(folder + "/" + name))
            file.write(folder + "/" + name, name)
        file.make_dirs(folder + "/empty")
        return folder

    def names(self, file: Any, folder: str) -> List[str]:
        return sorted(file.list_directory(folder, recursive=True))

    # reading and writing

    def test_read_returns_the_written_data(self, file: Any, root: str) -> None:
        file.make_dirs(root)
        assert file.write(root + "/x", TEXT) is None
        assert file.read(root + "/x") == TEXT
        assert file.read(root + "/x", binary=True) == DATA
        file.write(root + "/x", b"\x00\xff", binary=True)
        assert file.read(url=root + "/x", client_id=None, binary=True) == b"\x00\xff"

    def test_an_empty_file_exists_and_has_size_zero(self, file: Any, root: str) -> None:
        file.make_dirs(root)
        file.write(root + "/x", "")
        assert file.exists(root + "/x") and file.read(root + "/x") == "" and file.get_size(root + "/x") == 0

    def test_append_adds_at_the_end_and_makes_a_missing_file(self, file: Any, root: str) -> None:
        file.make_dirs(root)
        file.append(root + "/x", "one")
        file.append(root + "/x", b"two", binary=True)
        file.write(root + "/y", "three")
        file.append_remote(root + "/y", root + "/x")
        assert file.read(root + "/x") == "onetwothree"

    @pytest.mark.parametrize("mode", ["r", "w", "a", "r+", "w+", "a+"])
    @pytest.mark.parametrize("binary", ["", "b_", "_b", "b_middle"])
    def test_every_mode_behaves_as_in_python(
            self, file: Any, root: str, tmp_path: Path, mode: str, binary: str) -> None:
        spelled = {"": mode, "b_": "b" + mode, "_b": mode + "b", "b_middle": mode[0] + "b" + mode[1:]}[binary]
        python = mode.replace("+", "") + ("b" if binary else "") + ("+" if "+" in mode else "")
        file.make_dirs(root)
        file.write(root + "/x", TEXT)
        (tmp_path / "twin").write_text(TEXT, encoding="utf-8")
        with file.File(root + "/x", spelled) as shim, open(str(tmp_path / "twin"), python,
                                                           **({} if binary else {"encoding": "utf-8"})) as python_own:
            for stream in (shim, python_own):
                assert stream.readable() is ("+" in mode or mode == "r")
                assert stream.writable() is ("+" in mode or mode != "r")
                assert stream.seekable() is True and stream.isatty() is False
            assert shim.tell() == python_own.tell()
            for step in (lambda f: f.write(b"NEW" if binary else "NEW"), lambda f: f.seek(0), lambda f: f.read(3),
                         lambda f: f.readline(), lambda f: f.readlines()):
                assert self.outcome(step, shim) == self.outcome(step, python_own)
        assert file.read(root + "/x") == (tmp_path / "twin").read_text(encoding="utf-8")

    @staticmethod
    def outcome(step: Any, stream: Any) -> Any:
        try:
            return step(stream)
        except io.UnsupportedOperation:
            return "unsupported"

    def test_a_file_object_has_the_methods_of_pythons_file_objects(self, file: Any, root: str) -> None:
        file.make_dirs(root)
        stream = file.File(root + "/x", "w+")
        stream.writelines(["a\n", "b\n", "c\n"])
        stream.flush()
        assert file.read(root + "/x") == "a\nb\nc\n", "flush uploads"
        assert (stream.name, stream.mode, stream.size()) == (root + "/x", "w+", 6)
        stream.seek(0)
        assert stream.next() == "a\n" and next(stream) == "b\n" and list(stream) == ["c\n"]
        stream.seek(offset=2, whence=0)
        assert stream.read(n=2) == "b\n" and stream.read() == "c\n" and stream.read(-1) == ""
        assert not stream.closed
        stream.close()
        stream.close()
        assert stream.closed
        with pytest.raises(ValueError, match="mode"):
            file.File(root + "/x", "rw")

    def test_opening_for_writing_empties_the_file_even_without_a_write(self, file: Any, root: str) -> None:
        file.make_dirs(root)
        file.write(root + "/x", "old")
        file.File(root + "/x", "w").close()
        assert file.read(root + "/x") == ""

    def test_pickle_and_readinto_accept_the_file_object(self, file: Any, root: str) -> None:
        file.make_dirs(root)
        with file.File(root + "/x", "wb") as stream:
            pickle.dump({"a": [1, 2]}, stream)
        with file.File(root + "/x", "rb") as stream:
            assert pickle.load(stream) == {"a": [1, 2]}
        with file.File(root + "/x", "rb") as stream:
            assert bytearray(b"\x80") == bytearray(stream.read(1)) and stream.readinto(bytearray(3)) == 3

    # listing

    def test_exists_is_true_for_files_and_directories_alone(self, file: Any, root: str, tree: str) -> None:
        for url in (tree, tree + "/", tree + "/sub", tree + "/empty", tree + "/a.txt"):
            assert file.exists(url) is True, url
        for url in (tree + "/a.tx", tree + "/a.txt/", tree + "/nothing", tree + "/su"):
            assert file.exists(url) is False, url
        assert file.is_directory(tree) is True and file.is_directory(tree + "/empty/") is True
        assert file.is_directory(tree + "/a.txt") is False and file.is_directory(root + "/nothing") is False

    def test_listings_contain_relative_names_without_slashes(self, file: Any, tree: str) -> None:
        assert sorted(file.list_directory(tree)) == ["a.txt", "empty", "sub"]
        assert sorted(file.list_directory(tree + "/", False)) == ["a.txt", "empty", "sub"]
        assert self.names(file, tree) == ["a.txt", "empty", "sub", "sub/b.txt", "sub/deep", "sub/deep/c.bin"]
        assert sorted(file.list_directory(tree, remove_sep=False)) == ["a.txt", "empty/", "sub/"]
        assert file.list_directory(tree, skip_dir=True) == ["a.txt"]
        assert sorted(file.list_directory(tree, recursive=True, skip_file=True)) == ["empty", "sub", "sub/deep"]
        assert file.list_directory(tree + "/empty") == []

    def test_listing_a_missing_directory_or_a_file_is_an_error(self, file: Any, tree: str) -> None:
        with pytest.raises(file.MoxFileNotExistsException):
            file.list_directory(tree + "/nothing")
        with pytest.raises(NotADirectoryError):
            file.list_directory(tree + "/a.txt")
        with pytest.raises(FileNotFoundError):
            list(file.scan_dir(tree + "/nothing"))

    def test_a_listing_reflects_the_last_write_and_delete(self, file: Any, tree: str) -> None:
        assert "new" not in file.list_directory(tree)
        file.write(tree + "/new", "x")
        assert "new" in file.list_directory(tree)
        file.remove(tree + "/new")
        assert "new" not in file.list_directory(tree) and not file.exists(tree + "/new")

    def test_glob_returns_full_urls(self, file: Any, tree: str) -> None:
        assert file.glob(tree + "/*.txt") == [tree + "/a.txt"]
        assert file.glob(tree + "/*/*.txt") == [tree + "/sub/b.txt"]
        assert file.glob(tree + "/s?b/[a-d]*") == [tree + "/sub/b.txt", tree + "/sub/deep"]
        assert file.glob(tree + "/a.txt") == [tree + "/a.txt"]
        assert file.glob(tree + "/*.none") == [] and file.glob(tree + "/none/*") == []

    def test_walk_yields_os_walks_triples_with_full_urls(self, file: Any, tree: str) -> None:
        found = {top: (sorted(folders), sorted(files)) for top, folders, files in file.walk(tree)}
        assert found == {tree: (["empty", "sub"], ["a.txt"]), tree + "/empty": ([], []),
                         tree + "/sub": (["deep"], ["b.txt"]), tree + "/sub/deep": ([], ["c.bin"])}
        assert list(file.walk(tree + "/nothing")) == []
        for _, folders, _ in file.walk(tree, topdown=True, onerror=None, followlinks=False):
            folders.clear()  # as with os.walk, the caller may remove folders to skip

    def test_scan_dir_yields_entries_as_os_scandir(self, file: Any, tree: str) -> None:
        found = {entry.name: entry for entry in file.scan_dir(tree)}
        assert sorted(found) == ["a.txt", "empty", "sub"]
        assert found["sub"].is_dir() and not found["sub"].is_file() and found["a.txt"].is_file()
        assert found["a.txt"].path == tree + "/a.txt" and not found["a.txt"].is_symlink()
        assert os.fspath(found["a.txt"]) == tree + "/a.txt"

    def test_stat_returns_length_time_and_kind(self, file: Any, tree: str) -> None:
        found = file.stat(tree + "/a.txt")
        assert (found.length, found.is_directory) == (5, False)
        assert isinstance(found.mtime_nsec, int) and found.mtime_nsec > 1.7e18
        assert file.stat(tree).is_directory is True
        with pytest.raises(file.MoxFileNotExistsException):
            file.stat(tree + "/nothing")

    def test_get_size_of_a_directory_is_the_platforms(self, file: Any, tree: str) -> None:
        assert file.get_size(tree + "/a.txt") == 5
        assert file.get_size(tree, recursive=True) == 28
        assert file.get_size(tree) == (28 if self.local else 0)
        with pytest.raises(FileNotFoundError):
            file.get_size(tree + "/nothing")
