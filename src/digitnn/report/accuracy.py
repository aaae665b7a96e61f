"""The sections on accuracy: digits, confusions, confident mistakes, and disputed labels."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from digitnn.evaluation.disputed_labels import SOURCE
from digitnn.evaluation.scores import ClassScore
from digitnn.evaluation.statistics import Interval
from digitnn.evaluation.summary import noun_of
from digitnn.report.charts import draw_classes
from digitnn.report.elements import Chart, Table, ink, inline_svg
from digitnn.report.measured import Measurements
from digitnn.wording import count, percent, percent_range


def accuracy_section(measured: Measurements) -> dict[str, Any]:
    """Return the accuracy section.

    confusion: row i, column j: images of digit i classified as j; shades: the same mistakes from 0
    to 100, relative to the most frequent one.
    """
    evaluation_summary = measured.evaluation_summary
    names = measured.dataset.classes
    confusion = evaluation_summary.evaluation.confusion
    mistakes = confusion - np.diag(np.diag(confusion))
    shades = np.rint(100 * mistakes / max(1, mistakes.max())).astype(int)
    wrong = [
        {
            "picture": ink(
                measured.dataset.images[[one.index]],
                f"Image {one.index}, labelled {names[one.label]}, "
                f"classified as {names[one.predicted]}",
                zoom=3,
            ),
            "label": names[one.label],
            "predicted": names[one.predicted],
            "probability": percent(one.probability),
        }
        for one in evaluation_summary.most_wrong
    ]
    return {
        "digits": _digits(evaluation_summary.classes, noun_of(names)),
        "noun": noun_of(names),
        "names": names,
        "confusion": confusion.tolist(),
        "shades": shades.tolist(),
        "confusion_words": _confusion_words(mistakes, names),
        "wrong": wrong,
        "wrong_words": _wrong_words(len(wrong), evaluation_summary.evaluation.errors),
    }


def _digits(classes: tuple[ClassScore, ...], noun: str) -> Chart:
    known = [(one.recall, one) for one in classes if one.recall is not None]
    recall, hardest = min(known, key=lambda pair: pair[0])
    absent = [one.name for one in classes if not one.images]
    words = (
        f"Recall is the share of a {noun}'s images that are classified as it; precision is the "
        f"share of the images classified as a {noun} that show it. The lines are 95 % intervals: "
        "where they overlap widely, two may be equally hard. "
        f"{noun.title()} {hardest.name} has the lowest recall: {percent(recall)} of "
        f"{count(hardest.images, 'image')}."
    )
    if absent:
        words += f" There is no image of {', '.join(absent)}, so their recall is unknown."
    label = f"Recall and precision of each {noun} with intervals; the table below has the numbers."
    rows = [
        (
            one.name,
            f"{one.images:,}",
            *_share(one.recall, one.recall_interval),
            *_share(one.precision, one.precision_interval),
            *_share(one.f1, one.f1_interval),
        )
        for one in classes
    ]
    head = (noun, "images", "recall", "interval", "precision", "interval", "F1", "interval")
    return Chart(
        inline_svg(draw_classes(classes, noun), "digits", label),
        words,
        Table(f"Recall, precision and F1 of each {noun}, with 95 % intervals", head, rows),
    )


def _share(share: float | None, interval: Interval | None) -> tuple[str, str]:
    if share is None or interval is None:
        return "none", "none"
    return percent(share), percent_range(interval)


def _confusion_words(mistakes: Int[ndarray, "k k"], names: Sequence[str]) -> str:
    words = (
        "A row is the true label, a column the predicted one; the diagonal is correct. The "
        "stronger the colour, the more frequent the mistake."
    )
    most = int(mistakes.max())
    if not most:
        return words + " There were none."
    most_frequent = [
        f"{names[i]} classified as {names[j]}" for i, j in np.argwhere(mistakes == most)
    ]
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


def disputed_labels_section(measured: Measurements) -> dict[str, Any]:
    """Return the section: the accuracy with disputed labels left out or corrected."""
    found = measured.evaluation_summary.disputed
    if found is None:
        absent = (
            "The list of disputed labels covers MNIST's test split, and this page is about other "
            "images. Their labels may contain mistakes too: `digitnn audit` looks for suspects in "
            "any split."
        )
        return {"absent": absent}
    predictions = measured.evaluation_summary.evaluation.predictions
    images = [
        {
            "picture": ink(
                measured.dataset.images[[one.index]],
                f"Image {one.index}, labelled {one.given}",
                zoom=3,
            ),
            "label": one.given,
            "people": one.correction,
            "predicted": int(predictions[one.index]),
        }
        for one in found.labels
    ]
    n = len(images)
    words = (
        f"For {n} images of this split, fewer than three of five annotators confirmed the label. A "
        f"network that agrees with all {measured.evaluation_summary.evaluation.n:,} labels has "
        "learned some of the labellers' mistakes."
    )
    scores = [
        (
            name,
            f"{share.right:,} of {share.n:,}",
            percent(share.accuracy),
            percent_range(share.interval),
        )
        for name, share in (
            (f"all except these {n}", found.without),
            (
                "with the annotators' majority label, without those that have none",
                found.corrected,
            ),
            ("only these, as labelled", found.among),
        )
    ]
    return {
        "words": words,
        "images": images,
        "scores": Table(
            "Accuracy with disputed labels left out or corrected",
            ("images", "correct", "accuracy", "95 % interval"),
            scores,
        ),
        "source": SOURCE,
    }
