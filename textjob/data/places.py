"""Where in the files of the data some texts are, for reports: ``train.tsv:17``.

A data set does not keep the place of every row, because the places can take as much memory as the texts. They are read
again for the few texts that a report shows.
"""
from typing import Dict, List, Sequence, Tuple

from textjob.data.examples import checked
from textjob.data.records import Records
from textjob.data.sources import find_sources
from textjob.settings import DataSettings

_Place = Tuple[str, str]  # a label and a place


def find(data_url: str, part: str, texts: Sequence[str], labels: Sequence[str], settings: DataSettings) -> List[str]:
    """The place of each row; ``""`` where the text does not occur any more.

    Args:
        data_url: the data that the rows were read from.
        part: the part of the rows. One that has no file of its own was split off train.
        texts: the text of each row.
        labels: the label of each row; of rows with the same text, the first one with this label is taken.
    """
    parts, _ = find_sources(data_url)
    records = Records(settings)
    found: Dict[str, List[_Place]] = {text: [] for text in texts}
    for name in ("train", part):
        for source in parts.get(name, []):
            reading = records.open(source)  # also of train, because its first file decides the columns of the others
            if name == part or part not in parts:
                for record, label, _ in checked(reading.records, settings.nan_is_a_class):
                    if record.text in found:
                        found[record.text].append((label, record.place))
        if name == part:
            break
    return [_first(found[text], label) for text, label in zip(texts, labels)]


def _first(places: List[_Place], label: str) -> str:
    same = [place for each, place in places if each == label]
    return (same or [place for _, place in places] or [""])[0]
