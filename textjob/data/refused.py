"""Files that are not read: archives and documents, with the command that converts each."""
from textjob.errors import DataError

_UNPACK = "unpack it first: {} (then give the unpacked folder or file as --data_url)"
_AS_CSV = (
    "save it as CSV (UTF-8) from its program, or: "
    "python -c \"import pandas; pandas.read_excel('{}').to_csv('{}.csv', index=False)\""
)


def refuse_archive(path: str, name: str) -> None:
    """Stops where the file is an archive or a document.

    Raises:
        DataError: with the command that converts the file.
    """
    with open(path, "rb") as file:
        start = file.read(300)
    lower, stem = name.lower(), path.rsplit(".", 1)[0]
    if start[257:262] == b"ustar" or lower.endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")):
        _refuse(name, "a tar archive", _UNPACK.format(f"tar -xf {path}"))
    if start.startswith(b"PK\x03\x04"):
        if b"xl/" in start or lower.endswith((".xlsx", ".ods")):
            _refuse(name, "an Excel workbook", _AS_CSV.format(path, stem))
        if b"word/" in start or lower.endswith(".docx"):
            _refuse(name, "a Word document", f"save it as text: soffice --headless --convert-to txt:Text {path}")
        _refuse(name, "a zip archive", _UNPACK.format(f"unzip {path} -d {stem}"))
    if start.startswith(b"%PDF"):
        _refuse(name, "a PDF document", f"convert it to text: pdftotext {path} {stem}.txt")
    if start.startswith(b"\xd0\xcf\x11\xe0"):
        _refuse(name, "an old Office document", _AS_CSV.format(path, stem))
    if start.startswith(b"7z\xbc\xaf"):
        _refuse(name, "a 7z archive", _UNPACK.format(f"7z x {path}"))
    if start.startswith(b"Rar!"):
        _refuse(name, "a rar archive", _UNPACK.format(f"unrar x {path}"))


def _refuse(name: str, form: str, remedy: str) -> None:
    raise DataError(f"{name} is {form}, which is not read; {remedy}")
