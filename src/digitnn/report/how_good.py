"""How good: each digit, which is taken for which, and the worst mistakes."""

from dataclasses import dataclass

from digitnn.evaluation.intervals import Interval
from digitnn.evaluation.scores import ClassScore
from digitnn.report.charts import draw_digits
from digitnn.report.elements import Chart, Pixels, ink, table
from digitnn.report.inline_svg import inline_svg
from digitnn.report.measured import Measurements
from digitnn.wording import count, percent, percent_range


@dataclass(frozen=True)
class Cell:
    """How often a digit was read as another. shade: 0 to 100, of the largest mistake."""

    n: int
    shade: int
    right: bool


@dataclass(frozen=True)
class WrongImage:
    """An image that was surely misread."""

    picture: Pixels
    label: int
    read: int
    probability: str


@dataclass(frozen=True)
class HowGood:
    """confusion: row i, column j: digit i read as j."""

    digits: Chart
    confusion: tuple[tuple[Cell, ...], ...]
    confusion_words: str
    wrong: tuple[WrongImage, ...]
    wrong_words: str


def how_good(measured: Measurements) -> HowGood:
    """The scores of the split, digit by digit."""
    evaluation_summary = measured.evaluation_summary
    wrong = tuple(
        WrongImage(
            ink(
                measured.dataset.images[[one.index]],
                f"Image {one.index}, labelled {one.label}, read as {one.read}",
                zoom=3,
            ),
            one.label,
            one.read,
            percent(one.probability),
        )
        for one in evaluation_summary.most_wrong
    )
    return HowGood(
        digits=_digits(evaluation_summary.classes),
        confusion=_confusion(measured),
        confusion_words=_confusion_words(measured),
        wrong=wrong,
        wrong_words=_wrong_words(len(wrong), evaluation_summary.evaluation.errors),
    )


def _digits(classes: tuple[ClassScore, ...]) -> Chart:
    known = [(one.recall, one) for one in classes if one.recall is not None]
    recall, hardest = min(known, key=lambda pair: pair[0])
    absent = [str(one.label) for one in classes if not one.images]
    words = (
        "Recall: of the images of a digit, how many are read as it. Precision: of what is read as "
        "a digit, how much is it. The lines are 95 % intervals: where they overlap widely, the "
        f"digits may well be equally hard. The lowest recall has {hardest.label}: "
        f"{percent(recall)} of {count(hardest.images, 'image')}."
    )
    if absent:
        words += f" No image shows {', '.join(absent)}: nothing is known of how these are read."
    label = (
        "Recall and precision of each digit, with intervals; the numbers are in the table below."
    )
    rows = [
        (
            str(one.label),
            f"{one.images:,}",
            *_share(one.recall, one.recall_interval),
            *_share(one.precision, one.precision_interval),
            *_share(one.f1, one.f1_interval),
        )
        for one in classes
    ]
    head = ("digit", "images", "recall", "interval", "precision", "interval", "F1", "interval")
    return Chart(
        inline_svg(draw_digits(classes), "digits", label),
        words,
        table("Recall, precision and F1 of each digit, with 95 % intervals", head, rows),
    )


def _share(share: float | None, interval: Interval | None) -> tuple[str, str]:
    if share is None or interval is None:
        return "none", "none"
    return percent(share), percent_range(interval)


def _confusion(measured: Measurements) -> tuple[tuple[Cell, ...], ...]:
    found = measured.evaluation_summary.evaluation.confusion
    k = range(len(found))
    most = max((int(found[i, j]) for i in k for j in k if i != j), default=0) or 1
    return tuple(
        tuple(
            Cell(int(found[i, j]), 0 if i == j else round(100 * int(found[i, j]) / most), i == j)
            for j in k
        )
        for i in k
    )


def _confusion_words(measured: Measurements) -> str:
    found = measured.evaluation_summary.evaluation.confusion
    k = range(len(found))
    pairs = [(int(found[i, j]), i, j) for i in k for j in k if i != j and found[i, j]]
    words = (
        "A row is the digit that is written, a column what it was read as; the diagonal was read "
        "rightly. The stronger the colour, the more often that mistake was made."
    )
    if not pairs:
        return words + " There was none."
    most = max(n for n, _, _ in pairs)
    commonest = [f"{i} read as {j}" for n, i, j in pairs if n == most]
    if len(commonest) > 3:
        return f"{words} No mistake was made more than {count(most, 'time')}."
    return f"{words} The commonest, {count(most, 'time')}: {', '.join(commonest)}."


def _wrong_words(shown: int, errors: int) -> str:
    if not errors:
        return "No image was read wrongly, so there is no mistake to show."
    which = "All mistakes" if shown == errors else f"The {shown} surest of {errors:,} mistakes"
    return (
        f"{which}, the most confident first: what is written according to the label, what the "
        "network reads instead, and how likely it says that is. Some may be mistakes of the "
        "writer, or of whoever put down the label."
    )
