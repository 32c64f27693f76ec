"""What ``stat`` and ``scan_dir`` answer."""
import stat as modes

from moxing._shim.stores import Entry, Place


class FileStatistics:
    """What ``stat`` answers: the platform's three names, and os.stat's for code under ``shift``."""

    def __init__(self, length: int, mtime_nsec: int, is_directory: bool) -> None:
        self.length, self.mtime_nsec, self.is_directory = length, mtime_nsec, is_directory
        self.st_size, self.st_mtime, self.st_mtime_ns = length, mtime_nsec / 1e9, mtime_nsec
        self.st_mode = modes.S_IFDIR | 0o755 if is_directory else modes.S_IFREG | 0o644

    def __repr__(self) -> str:
        return f"FileStatistics(length={self.length}, mtime_nsec={self.mtime_nsec}, is_directory={self.is_directory})"


class DirEntry:
    """os.DirEntry for what lies in an object store."""

    def __init__(self, place: Place, entry: Entry) -> None:
        self.name, self.path, self._entry = entry.name, place.url, entry

    def is_dir(self, follow_symlinks: bool = True) -> bool:
        """Whether it is a directory."""
        return self._entry.is_dir

    def is_file(self, follow_symlinks: bool = True) -> bool:
        """Whether it is a file."""
        return not self._entry.is_dir

    def is_symlink(self) -> bool:
        """Object stores have none."""
        return False

    def stat(self, follow_symlinks: bool = True) -> FileStatistics:
        """As ``mox.file.stat``."""
        return FileStatistics(self._entry.size, self._entry.mtime_ns, self._entry.is_dir)

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"
