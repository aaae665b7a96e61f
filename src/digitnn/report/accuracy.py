"""The sections on accuracy: digits, confusions, confident mistakes, and disputed labels."""

from dataclasses import dataclass

from digitnn.evaluation.disputed_labels import SOURCE, Proportion
from digitnn.evaluation.intervals import Interval
from digitnn.evaluation.scores import ClassScore
from digitnn.report.charts import draw_digits
from digitnn.report.elements import Chart, Pixels, Table, ink, inline_svg, table
from digitnn.report.measured import Measurements
from digitnn.wording import count, percent, percent_range


@dataclass(frozen=True)
class Cell:
    """A cell of the confusion matrix. shade: 0 to 100, relative to the most frequent mistake."""

    n: int
    shade: int
    right: bool


@dataclass(frozen=True)
class WrongImage:
    """An image misclassified with high confidence."""

    picture: Pixels
    label: int
    predicted: int
    probability: str


@dataclass(frozen=True)
class AccuracySection:
    """confusion: row i, column j: images of digit i classified as j."""

    digits: Chart
    confusion: tuple[tuple[Cell, ...], ...]
    confusion_words: str
    wrong: tuple[WrongImage, ...]
    wrong_words: str


def accuracy_section(measured: Measurements) -> AccuracySection:
    """Return the accuracy section."""
    evaluation_summary = measured.evaluation_summary
    wrong = tuple(
        WrongImage(
            ink(
                measured.dataset.images[[one.index]],
                f"Image {one.index}, labelled {one.label}, classified as {one.read}",
                zoom=3,
            ),
            one.label,
            one.read,
            percent(one.probability),
        )
        for one in evaluation_summary.most_wrong
    )
    return AccuracySection(
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
        "Recall is the share of a digit's images that are classified as it; precision is the share "
        "of the images classified as a digit that show it. The lines are 95 % intervals: where "
        f"they overlap widely, the digits may be equally hard. Digit {hardest.label} has the "
        f"lowest recall: {percent(recall)} of {count(hardest.images, 'image')}."
    )
    if absent:
        words += f" No image shows {', '.join(absent)}: nothing is known about their recall."
    label = "Recall and precision of each digit with intervals; the table below has the numbers."
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
        "A row is the true digit, a column the predicted one; the diagonal is correct. The "
        "stronger the colour, the more frequent the mistake."
    )
    if not pairs:
        return words + " There were none."
    most = max(n for n, _, _ in pairs)
    most_frequent = [f"{i} classified as {j}" for n, i, j in pairs if n == most]
    if len(most_frequent) > 3:
        return f"{words} No mistake occurred more than {count(most, 'time')}."
    return f"{words} The most frequent, {count(most, 'time')}: {', '.join(most_frequent)}."


def _wrong_words(shown: int, errors: int) -> str:
    if not errors:
        return "No image was misclassified, so there is no mistake to show."
    which = (
        "All mistakes" if shown == errors else f"The {shown} most confident of {errors:,} mistakes"
    )
    return (
        f"{which}, the most confident first: the label, the prediction, and its probability. Some "
        "may be mistakes of the writer or of the labeller."
    )


@dataclass(frozen=True)
class DisputedImage:
    """people: what most of five annotators see, None if they disagree."""

    picture: Pixels
    label: int
    people: int | None
    predicted: int


@dataclass(frozen=True)
class DisputedLabelsSection:
    """absent: why the section is empty; "" if it is not."""

    absent: str
    words: str
    images: tuple[DisputedImage, ...]
    scores: Table | None
    source: str


def disputed_labels_section(measured: Measurements) -> DisputedLabelsSection:
    """Return the section: the accuracy with disputed labels left out or corrected."""
    found = measured.evaluation_summary.disputed
    if found is None:
        absent = (
            "The list of disputed labels covers MNIST's test split, and this page is about other "
            "images. Their labels may contain mistakes too: `digitnn audit` looks for suspects in "
            "any split."
        )
        return DisputedLabelsSection(absent, "", (), None, SOURCE)
    predictions = measured.evaluation_summary.evaluation.predictions
    images = tuple(
        DisputedImage(
            ink(
                measured.dataset.images[[one.index]],
                f"Image {one.index}, labelled {one.given}",
                zoom=3,
            ),
            one.given,
            one.correction,
            int(predictions[one.index]),
        )
        for one in found.labels
    )
    n = len(images)
    words = (
        f"For {n} images of this split, fewer than three of five annotators confirmed the label. A "
        f"network that agrees with all {measured.evaluation_summary.evaluation.n:,} labels has "
        "learned some of the labellers' mistakes."
    )
    return DisputedLabelsSection(
        "",
        words,
        images,
        table(
            "Accuracy with disputed labels left out or corrected",
            ("images", "correct", "accuracy", "95 % interval"),
            [
                _row(f"all except these {n}", found.without),
                _row(
                    "with the annotators' majority label, without those that have none",
                    found.corrected,
                ),
                _row("only these, as labelled", found.among),
            ],
        ),
        SOURCE,
    )


def _row(name: str, share: Proportion) -> tuple[str, ...]:
    return (
        name,
        f"{share.right:,} of {share.n:,}",
        percent(share.accuracy),
        percent_range(share.interval),
    )
