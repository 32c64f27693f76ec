"""What ``infer.py evaluate`` shows: a text for the terminal, and the sections of the page."""
from typing import Dict, List

from textjob.rehearsal.evaluate import Evaluated
from textjob.report import calibration, comparison, evaluation, mistakes
from textjob.report.blocks import Block, Items, Paragraph, Report, Section, Table, share, shortened
from textjob.report.predictions import Predictions
from textjob.tables import markdown_table

_MOST_CHARACTERS = 80
"""A longer cell is cut for the terminal."""
_MOST_CLASSES = 20
"""The confusion matrix of more classes is wider than a terminal."""


def report(evaluated: Evaluated, names: List[str]) -> Report:
    """The page on one package or two; ``names`` are their paths as given."""
    models = _models(evaluated)
    sections = [Section("Figures", [_summary_table(models, names), *_difference(evaluated)])]
    sections += evaluation.sections(models, "first" if len(models) > 1 else "package", evaluated.shown)
    if evaluated.second is not None:
        sections[-1] = Section("Rows that changed", _changes(evaluated))
    sections.append(Section("Data", [Items([note.strip() for note in _notes(evaluated)])]))
    rows = len(evaluated.first.labels)
    return Report(f"Evaluation of {' and '.join(names)}", f"{rows:,} rows of the {evaluated.shown.rows.part} part."
                  if evaluated.shown.rows.part != "train" else f"{rows:,} rows.", sections)


def text(evaluated: Evaluated, names: List[str]) -> str:
    """The evaluation for a terminal."""
    figures = evaluated.first.evaluation()
    names_of = [each.label for each in figures.classes]
    if len(names_of) <= _MOST_CLASSES:
        confusions = ["Confusion matrix (a row for each true class, a column for each predicted class):", "",
                      markdown_table(["", *names_of], [[name, *map(str, row)]
                                                       for name, row in zip(names_of, figures.confusion)])]
    else:
        tables = [block for block in mistakes.confusions(figures) if isinstance(block, Table)]
        confusions = ["Most frequent confusions:", "", *map(_table, tables)]
    lines = [*_notes(evaluated),
             f"rows {figures.rows}, accuracy {figures.accuracy:.4f}, macro-F1 {figures.macro_f1:.4f}",
             f"expected calibration error {calibration.expected_error(calibration.curve(evaluated.first)):.4f}", "",
             _table(mistakes.classes(figures)), "", *confusions, "", "Coverage:", "",
             _table(evaluation.coverage_table({"package": evaluated.first})), "", "Most confident mistakes:", "",
             *map(_shown, mistakes.mistakes(evaluated.first, evaluated.shown))]
    if evaluated.second is not None:
        lines += ["", "Compared packages:", "", _table(_summary_table(_models(evaluated), names)), "",
                  *map(_shown, [*_difference(evaluated), *_changes(evaluated)])]
    return "\n".join(lines)


def _models(evaluated: Evaluated) -> Dict[str, Predictions]:
    if evaluated.second is None:
        return {"package": evaluated.first}
    return {"first": evaluated.first, "second": evaluated.second}


def _summary_table(models: Dict[str, Predictions], names: List[str]) -> Table:
    rows = []
    for (key, predictions), name in zip(models.items(), names):
        figures = predictions.evaluation()
        error = calibration.expected_error(calibration.curve(predictions))
        low, high = figures.accuracy_interval
        rows.append([key, name, f"{figures.rows:,}", share(figures.accuracy), f"{low:.4f} to {high:.4f}",
                     share(figures.macro_f1), f"{error:.4f}"])
    header = ["package", "path", "rows", "accuracy", "95 % interval", "macro-F1", "ECE"]
    return Table(header, rows, wide=(0, 1))


def _difference(evaluated: Evaluated) -> List[Block]:
    if evaluated.second is None:
        return []
    return [Paragraph(comparison.difference(evaluated.first, evaluated.second))]


def _changes(evaluated: Evaluated) -> List[Block]:
    assert evaluated.second is not None
    changed = mistakes.changed(evaluated.first, evaluated.second)
    if not changed:
        return [Paragraph("Both packages predict the same class for every row.")]
    return [Paragraph(f"The packages predict different classes for {len(changed):,} rows."),
            mistakes.changes(evaluated.first, evaluated.second, changed, evaluated.shown)]


def _notes(evaluated: Evaluated) -> List[str]:
    # An indented note shows a bad row, whose error can quote the row.
    return [note for note in evaluated.notes if evaluated.shown.with_texts or not note.startswith(" ")]


def _shown(block: Block) -> str:
    if isinstance(block, Table):
        return _table(block) + "\n"
    return block.text + "\n" if isinstance(block, Paragraph) else ""


def _table(table: Table) -> str:
    return markdown_table(table.header, [[shortened(cell, _MOST_CHARACTERS) for cell in row] for row in table.rows])


