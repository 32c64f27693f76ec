"""Results of ``stat``, ``scan_dir``, ``walk`` and ``glob``."""
import fnmatch
import glob as local_glob
import stat as modes
from typing import Any, Callable, Iterator, List, Optional, Tuple

from moxing._shim.errors import missing
from moxing._shim.locations import locate
from moxing._shim.store import Entry, Location


class FileStatistics:
    """The result of ``stat``: the platform's three names, and those of os.stat for code under ``shift``."""

    def __init__(self, length: int, mtime_nsec: int, is_directory: bool) -> None:
        self.length, self.mtime_nsec, self.is_directory = length, mtime_nsec, is_directory
        self.st_size, self.st_mtime, self.st_mtime_ns = length, mtime_nsec / 1e9, mtime_nsec
        self.st_mode = modes.S_IFDIR | 0o755 if is_directory else modes.S_IFREG | 0o644

    def __repr__(self) -> str:
        return f"FileStatistics(length={self.length}, mtime_nsec={self.mtime_nsec}, is_directory={self.is_directory})"


class DirEntry:
    """os.DirEntry for an entry of an object store."""

    def __init__(self, location: Location, entry: Entry) -> None:
        self.name, self.path, self._entry = entry.name, location.url, entry

    def is_dir(self, follow_symlinks: bool = True) -> bool:
        """Whether it is a directory."""
        return self._entry.is_dir

    def is_file(self, follow_symlinks: bool = True) -> bool:
        """Whether it is a file."""
        return not self._entry.is_dir

    def is_symlink(self) -> bool:
        """False: object stores have no links."""
        return False

    def stat(self, follow_symlinks: bool = True) -> FileStatistics:
        """As ``mox.file.stat``."""
        return FileStatistics(self._entry.size, self._entry.mtime_ns, self._entry.is_dir)

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"


def walk(folder: Location, topdown: bool = True, onerror: Optional[Callable[[OSError], Any]] = None
         ) -> Iterator[Tuple[str, List[str], List[str]]]:
    """os.walk's triples for an object store; without ``onerror``, an error other than a missing folder is raised."""
    try:
        entries = folder.store.list_dir(folder.path)
        is_missing = not entries and not folder.store.is_dir(folder.path)
    except OSError as error:
        if onerror is None:
            raise
        onerror(error)
        return
    if is_missing:
        if onerror is not None:
            onerror(missing(folder.url))
        return
    names = [entry.name for entry in entries if entry.is_dir]
    triple = folder.url, names, [entry.name for entry in entries if not entry.is_dir]
    if topdown:
        yield triple
    for name in names:
        yield from walk(folder.child(name), topdown, onerror)
    if not topdown:
        yield triple


def glob(pattern: Location, recursive: bool = False, include_hidden: bool = False) -> List[str]:
    """The full URLs that match a pattern, by the rules of glob.glob, also for hidden files."""
    if pattern.store.local:
        prefix = pattern.url[:len(pattern.url) - len(pattern.path)]  # file://, if the caller wrote it
        return sorted(prefix + path for path in local_glob.glob(pattern.path))
    scheme, _, rest = pattern.url.partition("://")
    first, *parts = rest.split("/")
    parts = [part for part in parts if part]
    matches = [locate(f"{scheme}://{first}")]
    for number, part in enumerate(parts, 1):
        only_folders = number < len(parts) or pattern.slash
        matches = [match for folder in matches for match in (
            _tree(folder, only_folders, include_hidden) if recursive and part == "**"
            else _matches(folder, part, include_hidden))]
    if pattern.slash:
        return sorted({match.url.rstrip("/") + "/" for match in matches if match.store.is_dir(match.path)})
    is_listed = bool(parts) and local_glob.has_magic(parts[-1])
    return sorted({match.url for match in matches if is_listed or match.exists()})


def _matches(folder: Location, part: str, include_hidden: bool) -> Iterator[Location]:
    """The entries of a folder that match one part of a pattern."""
    if not local_glob.has_magic(part):
        yield folder.child(part)
        return
    for entry in folder.store.list_dir(folder.path):
        if fnmatch.fnmatchcase(entry.name, part) and (include_hidden or part[0] == "." or entry.name[0] != "."):
            yield folder.child(entry.name)


def _tree(folder: Location, only_folders: bool, include_hidden: bool) -> Iterator[Location]:
    """The matches of ``**``: the folder itself, with a slash as in glob.glob, and the entries at any depth."""
    if not folder.store.is_dir(folder.path):
        return
    yield folder if only_folders else folder.child("")._replace(slash=True)
    for entry in folder.store.list_tree(folder.path):
        is_hidden = any(name.startswith(".") for name in entry.name.split("/"))
        if (entry.is_dir or not only_folders) and (include_hidden or not is_hidden):
            yield folder.child(entry.name)
