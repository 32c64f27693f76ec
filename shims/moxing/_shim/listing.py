"""Results of ``stat``, ``scan_dir``, ``walk`` and ``glob``."""
import fnmatch
import glob as local_glob
import stat as modes
from typing import Iterable, Iterator, List, Tuple

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


def walk(folder: Location) -> Iterator[Tuple[str, List[str], List[str]]]:
    """os.walk's triples, top down, for an object store."""
    entries = folder.store.list_dir(folder.path)
    names = [entry.name for entry in entries if entry.is_dir]
    if not entries and not folder.store.is_dir(folder.path):
        return
    yield folder.url, names, [entry.name for entry in entries if not entry.is_dir]
    for name in names:
        yield from walk(folder.child(name))


def glob(pattern: Location) -> List[str]:
    """The full URLs that match a pattern, by the rules of glob.glob, also for hidden files."""
    if pattern.store.local:
        prefix = pattern.url[:len(pattern.url) - len(pattern.path)]  # file://, if the caller wrote it
        return sorted(prefix + path for path in local_glob.glob(pattern.path))
    scheme, _, rest = pattern.url.partition("://")
    first, *parts = rest.split("/")
    matches = [locate(f"{scheme}://{first}")]
    for part in parts:
        matches = list(_matches(matches, part))
    return sorted(match.url for match in matches if match.exists())


def _matches(folders: Iterable[Location], part: str) -> Iterator[Location]:
    for folder in folders:
        if not local_glob.has_magic(part):
            yield folder.child(part)
            continue
        for entry in folder.store.list_dir(folder.path):
            if fnmatch.fnmatchcase(entry.name, part) and (part[0] == "." or entry.name[0] != "."):
                yield folder.child(entry.name)
