"""The section on disputed labels, for MNIST's test split only."""

from dataclasses import dataclass

from digitnn.evaluation.disputed_labels import SOURCE, Proportion
from digitnn.report.elements import Pixels, Table, ink, table
from digitnn.report.measured import Measurements
from digitnn.wording import percent, percent_range


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
