"""The promises of ``mox.file`` for every kind of store: one suite, inherited once per kind.

An attribute describes the one difference between stores: the size of a directory.
"""
import os
from pathlib import Path
from typing import Any, Dict

import pytest
from promises_files import Files


class Promises(Files):
    """A subclass provides the fixture ``root``: a URL with no file below it."""

    # making

    def test_make_dirs_makes_parents_and_mk_dir_makes_one_directory(self, file: Any, root: str) -> None:
        file.make_dirs(root + "/a/b/c")
        file.make_dirs(root + "/a/b/c")
        assert file.is_directory(root + "/a/b/c") and file.is_directory(root + "/a")
        file.mk_dir(root + "/a/d")
        assert file.list_directory(root + "/a/d") == []
        for taken in ("/a/d", "/none/d"):
            with pytest.raises(OSError):
                file.mk_dir(root + taken)
        assert not file.exists(root + "/none")

    def test_making_a_directory_fails_if_a_file_has_its_name(self, file: Any, tree: str) -> None:
        for make in (file.make_dirs, file.mk_dir):
            with pytest.raises(FileExistsError):
                make(tree + "/a.txt")

    # copying

    def test_copy_copies_one_file_and_overwrites_the_target(self, file: Any, tree: str) -> None:
        file.write(tree + "/sub/b.txt", "old")
        assert file.copy(src_url=tree + "/a.txt", dst_url=tree + "/sub/b.txt", client_id=None) is None
        assert file.read(tree + "/sub/b.txt") == "a.txt" and file.read(tree + "/a.txt") == "a.txt"

    def test_copy_refuses_a_directory_and_names_copy_parallel(self, file: Any, tree: str, root: str) -> None:
        with pytest.raises(file.MoxFileRespException, match="copy_parallel"):
            file.copy(tree, root + "/copy")
        assert not file.exists(root + "/copy")

    def test_all_functions_raise_the_same_error_for_a_missing_file(self, file: Any, root: str) -> None:
        file.make_dirs(root)
        calls = {"read": lambda: file.read(root + "/none"), "open": lambda: file.File(root + "/none", "r"),
                 "open r+": lambda: file.File(root + "/none", "rb+"),
                 "copy": lambda: file.copy(root + "/none", root + "/x"),
                 "copy_parallel": lambda: file.copy_parallel(root + "/none", root + "/x"),
                 "rename": lambda: file.rename(root + "/none", root + "/x"),
                 "append_remote": lambda: file.append_remote(root + "/none", root + "/x")}
        for name, call in calls.items():
            with pytest.raises(file.MoxFileRespException) as caught:
                call()
            assert isinstance(caught.value, FileNotFoundError) and caught.value.resp.status == 404, name
            assert root + "/none" in str(caught.value), name
        assert not file.exists(root + "/x")

    def test_copy_parallel_copies_the_content_into_the_target(self, file: Any, tree: str, root: str) -> None:
        file.make_dirs(root + "/copy/sub")
        file.write(root + "/copy/a.txt", "old")
        file.write(root + "/copy/sub/other", "stays")
        assert file.copy_parallel(src_url=tree, dst_url=root + "/copy") is None
        assert self.names(file, root + "/copy") == ["a.txt", "empty", "sub", "sub/b.txt", "sub/deep", "sub/deep/c.bin",
                                                    "sub/other"]
        assert file.read(root + "/copy/a.txt") == "a.txt" and file.read(root + "/copy/sub/other") == "stays"

    @pytest.mark.parametrize("options", [{"threads": 0, "is_processing": False}, {"threads": 1}, {"threads": 64},
                                         {"is_processing": True, "use_queue": False}], ids=str)
    def test_copy_parallel_accepts_all_thread_and_process_options(
            self, file: Any, tree: str, root: str, options: Dict[str, Any]) -> None:
        file.copy_parallel(tree + "/", root + "/copy/", **options)
        assert self.names(file, root + "/copy") == self.names(file, tree)

    def test_copy_parallel_copies_a_single_file(self, file: Any, tree: str, root: str) -> None:
        file.copy_parallel(tree + "/a.txt", root + "/new/b.txt")
        assert file.read(root + "/new/b.txt") == "a.txt"
        file.copy_parallel(tree + "/sub/b.txt", root + "/new/")
        file.copy_parallel(tree + "/sub/b.txt", root + "/tree/empty")
        assert file.read(root + "/new/b.txt") == file.read(root + "/tree/empty/b.txt") == "sub/b.txt"

    def test_copy_parallel_copies_a_list_of_files(self, file: Any, tree: str, root: str) -> None:
        file.copy_parallel(tree, root + "/copy", file_list=["a.txt", "sub/deep/c.bin"])
        assert self.names(file, root + "/copy") == ["a.txt", "sub", "sub/deep", "sub/deep/c.bin"]
        file.copy_parallel(tree, root + "/all", file_list=file.list_directory(tree, recursive=True))
        assert self.names(file, root + "/all") == self.names(file, tree)
        with pytest.raises(FileNotFoundError, match="none"):
            file.copy_parallel(tree, root + "/copy", file_list=["none"])

    def test_an_empty_copy_logs_a_warning_and_is_not_an_error(
            self, file: Any, tree: str, root: str, caplog: Any) -> None:
        file.copy_parallel(tree + "/empty", root + "/copy")
        file.copy_parallel(tree, root + "/copy", file_list=[])
        assert [record.getMessage().partition(": ")[2] for record in caplog.records] == ["No files to copy"] * 2

    def test_special_characters_in_names_are_preserved(self, file: Any, root: str, tmp_path: Path) -> None:
        names = ["with space", "体育 新闻.txt", "a+b=c&d?e#f%20.txt", "'quotes\"", "[x]*", ".hidden", "ünï", "-x", "~x"]
        file.make_dirs(root + "/names")
        for name in names:
            file.write(root + "/names/" + name, name)
        assert sorted(file.list_directory(root + "/names")) == sorted(names)
        file.copy_parallel(root + "/names", str(tmp_path / "here"))
        file.copy_parallel(str(tmp_path / "here"), root + "/back")
        assert {name: file.read(root + "/back/" + name) for name in names} == {name: name for name in names}

    # removing and moving

    def test_remove_follows_the_platforms_table(self, file: Any, tree: str) -> None:
        for recursive in (False, True):
            file.remove(tree + "/a.txt/", recursive=recursive)
            assert file.exists(tree + "/a.txt")
        for url in (tree + "/sub", tree + "/sub/"):
            assert file.remove(url) is None
            assert file.exists(tree + "/sub/deep/c.bin")
        file.remove(tree + "/sub", recursive=True)
        assert not file.exists(tree + "/sub")
        file.remove(tree + "/empty/", recursive=True)
        file.remove(tree + "/a.txt")
        assert not file.exists(tree + "/empty") and not file.exists(tree + "/a.txt")

    def test_recursive_remove_also_deletes_files_and_ignores_missing_paths(self, file: Any, tree: str) -> None:
        file.remove(tree + "/a.txt", recursive=True)
        assert not file.exists(tree + "/a.txt")
        file.remove(tree + "/none")
        file.remove(tree + "/none", recursive=True)

    def test_remove_keeps_siblings_with_the_same_name_prefix(self, file: Any, root: str) -> None:
        for name in ("model/x", "model-2/x", "model.txt"):
            file.make_dirs(os.path.dirname(root + "/" + name))
            file.write(root + "/" + name, name)
        file.remove(root + "/model", recursive=True)
        assert self.names(file, root) == ["model-2", "model-2/x", "model.txt"]

    def test_rename_moves_files_and_directories(self, file: Any, tree: str, root: str) -> None:
        before = self.names(file, tree)
        file.rename(tree + "/a.txt", tree + "/z.txt")
        file.rename(tree + "/z.txt", tree + "/a.txt")
        file.rename(tree, root + "/moved")
        assert not file.exists(tree) and self.names(file, root + "/moved") == before
        assert file.read(root + "/moved/sub/deep/c.bin") == "sub/deep/c.bin"

    def test_rename_moves_between_the_local_disk_and_the_store(
            self, file: Any, tree: str, root: str, tmp_path: Path) -> None:
        before = self.names(file, tree)
        file.rename(tree, str(tmp_path / "here"))
        assert not file.exists(tree) and self.names(file, str(tmp_path / "here")) == before
        file.rename(str(tmp_path / "here"), root + "/back")
        assert self.names(file, root + "/back") == before and not (tmp_path / "here").exists()

    def test_renaming_a_path_to_itself_keeps_its_files(self, file: Any, tree: str) -> None:
        before = self.names(file, tree)
        file.rename(tree + "/a.txt", tree + "/a.txt")
        file.rename(tree, tree + "/")
        assert self.names(file, tree) == before

    def test_copy_manifest_keeps_the_relative_paths_of_the_sources(self, file: Any, tree: str, root: str) -> None:
        file.write(root + "/set.manifest", f'{{"source": "{tree}/a.txt", "annotation": []}}\n\n'
                   f'{{"source": "{tree}/sub/b.txt"}}\n{{"source": "content://a text"}}\n')
        file.copy_manifest(root + "/set.manifest", root + "/got")
        assert self.names(file, root + "/got") == ["a.txt", "sub", "sub/b.txt"]
        file.write(root + "/bad.manifest", "no json\n")
        with pytest.raises(ValueError, match="line 1"):
            file.copy_manifest(root + "/bad.manifest", root + "/got")
