"""Labels that people dispute: with the test split of MNIST only."""

from dataclasses import dataclass

from digitnn.evaluation.disputed_labels import SOURCE, Proportion
from digitnn.report.elements import Pixels, Table, ink, table
from digitnn.report.measured import Measurements
from digitnn.wording import percent, percent_range


@dataclass(frozen=True)
class DisputedImage:
    """What the label says, what most of five people see, None where they do not agree, and what
    the network reads."""

    picture: Pixels
    label: int
    people: int | None
    read: int


@dataclass(frozen=True)
class DisputedLabels:
    """absent: why there is nothing else, or nothing."""

    absent: str
    words: str
    images: tuple[DisputedImage, ...]
    scores: Table | None
    source: str


def disputed_labels(measured: Measurements) -> DisputedLabels:
    """What becomes of the accuracy when the labels in dispute are treated otherwise."""
    found = measured.evaluation_summary.disputed
    if found is None:
        absent = (
            "The list of disputed labels is of MNIST's test split, and this page is about other "
            "images, so there is nothing to compare. That does not mean that all labels here are "
            "right: `digitnn audit` looks for suspects in any split."
        )
        return DisputedLabels(absent, "", (), None, SOURCE)
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
        f"Of {n} images of this split, fewer than three of the five people who were shown them "
        f"confirmed the label. With these {n} labels nobody can score fairly: whoever reads all "
        f"{measured.evaluation_summary.evaluation.n:,} as labelled has "
        "learned some mistakes of the labellers."
    )
    return DisputedLabels(
        "",
        words,
        images,
        table(
            "The accuracy when disputed labels are treated otherwise",
            ("which images", "right", "accuracy", "95 % interval"),
            [
                _row(f"all but these {n}", found.without),
                _row("as most people see them, without those nobody agrees on", found.corrected),
                _row("these alone, as labelled", found.among),
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
