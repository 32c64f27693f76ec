"""Parquet, where pyarrow is installed: a table whose column names are its header."""
from dataclasses import replace
from typing import Any, Iterator

from textjob.data.dialect import DOUBLED, Dialect
from textjob.data.form import Reading, Request
from textjob.data.table import Row, read_table
from textjob.errors import DataError

MAGIC = b"PAR1"


def read(path: str, name: str, request: Request) -> Reading:
    """The records of a file.

    Raises:
        DataError: pyarrow is not installed, or the file is damaged.
    """
    try:
        from pyarrow import parquet
    except ImportError:
        raise DataError(
            f"{name} is Parquet, which is read where pyarrow is installed: pip install pyarrow; or convert it where "
            f"pandas and pyarrow are: python -c \"import pandas; pandas.read_parquet('{path}').to_csv('{path}.csv', "
            "index=False)\""
        ) from None
    try:
        file = parquet.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    request = request._replace(settings=replace(request.settings, header="yes"))
    return read_table(name, "parquet", "", Dialect("", DOUBLED), _rows(file), request)


def _rows(file: Any) -> Iterator[Row]:
    """The header as row 0, then the rows from 1."""
    yield Row(0, list(file.schema_arrow.names), "")
    number = 0
    for batch in file.iter_batches(batch_size=1000):
        for values in zip(*(column.to_pylist() for column in batch.columns)):
            number += 1
            yield Row(number, ["" if value is None else str(value) for value in values], "")
