"""The sections on the predictions of one or several models for the same rows."""
from typing import Callable, List, Mapping, Set

from textjob.report import calibration, mistakes, plots
from textjob.report.blocks import Block, Fold, Paragraph, Section, Table, share
from textjob.report.mistakes import Shown
from textjob.report.predictions import Predictions


def rows_to_show(models: Mapping[str, Predictions]) -> Set[int]:
    """The numbers of the rows that the tables of :func:`sections` show."""
    rows = {row for each in models.values() for row in mistakes.most_confident(each)}
    return rows | set(mistakes.disagreements(models))


def sections(models: Mapping[str, Predictions], best: str, shown: Shown) -> List[Section]:
    """The sections on classes, confusions, calibration, mistakes and disagreements.

    Args:
        models: the predictions of each model.
        best: the model whose blocks are open at first.
        shown: how the rows are shown.
    """
    evaluations = {name: each.evaluation() for name, each in models.items()}
    part = shown.rows.part
    found = [
        Section(f"Figures per class ({part})", [
            Paragraph("The intervals are 95 % confidence intervals (Wilson)."
                      + (" The classes with the lowest F1 are at the top." if len(evaluations[best].classes)
                         > mistakes.MANY else "")),
            *_for_each(models, best, lambda name: [mistakes.classes(evaluations[name])])]),
        Section(f"Confusions ({part})",
                _for_each(models, best, lambda name: mistakes.confusions(evaluations[name]))),
        Section(f"Calibration and coverage ({part})", trust(models)),
        Section(f"Most confident mistakes ({part})",
                _for_each(models, best, lambda name: mistakes.mistakes(models[name], shown)))]
    if len(models) > 1:
        found.append(Section(f"Texts on which the models disagree ({part})", mistakes.disagreement(models, shown)))
    return found


def trust(models: Mapping[str, Predictions]) -> List[Block]:
    """Calibration and coverage of each model."""
    errors = []
    for name, predictions in models.items():
        errors.append([name, f"{calibration.expected_error(calibration.curve(predictions)):.4f}",
                       share(float(predictions.confidence.mean())), share(float(predictions.right.mean()))])
    return [
        Paragraph(f"The expected calibration error (ECE, {calibration.BINS} bins of equal width) is the mean "
                  "difference between the confidence of predictions and the accuracy of predictions with this "
                  "confidence."),
        plots.calibration_and_coverage(models),
        Table(["model", "ECE", "mean confidence", "accuracy"], errors),
        Paragraph("Coverage is the share of the rows that can be answered at a precision if answers below a confidence "
                  "threshold are given to a person. The threshold is chosen on the same rows, so that the precision on "
                  "new texts may be slightly lower."),
        coverage_table(models)]


def coverage_table(models: Mapping[str, Predictions]) -> Table:
    """The coverage of each model at each precision."""
    rows = []
    for name, predictions in models.items():
        for each in calibration.coverage(predictions):
            known = each.threshold is not None
            rows.append([name, f"{100 * each.precision:g} %", f"{each.threshold:.3f}" if known else "-",
                         f"{each.rows:,}", share(each.share), share(each.reached) if known else "-"])
    return Table(["model", "precision", "threshold", "rows", "coverage", "precision reached"], rows)


def _for_each(models: Mapping[str, Predictions], best: str, blocks: Callable[[str], List[Block]]) -> List[Block]:
    """The blocks of each model, the best one first; those of a single model without a heading of their own."""
    if len(models) == 1:
        return blocks(next(iter(models)))
    names = [best, *(name for name in models if name != best)]
    return [Fold(name + (" (best)" if name == best else ""), blocks(name), name == best) for name in names]
