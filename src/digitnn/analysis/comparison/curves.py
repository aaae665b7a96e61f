"""Draw learning curves of several runs: error and loss, over epochs and over seconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from digitnn.errors import RunError
from digitnn.plotting import COLOURS, GREY, new_figure, plot_known, use_log_scale
from digitnn.runs.histories import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.5, 1.2, 1.5)))
"""Line styles: the first for as many runs as there are colours, then the second, and so on."""
MARKERS_BELOW = 30
"""A line of fewer points shows a marker at each."""
TRAINING: dict[str, Any] = {"linewidth": 1.0, "alpha": 0.55}
VALIDATION: dict[str, Any] = {"linewidth": 2.0}


def draw_curves(histories: Sequence[History]) -> Figure:
    """Draw each run in one colour and dash in four panels; bold is validation.

    Upper row: error in percent, lower row: loss in nats; left: over epochs, right: over seconds.
    Raises `RunError` for a history without an epoch, `MissingExtraError` without matplotlib.
    """
    for history in histories:
        if not history.records:
            raise RunError(f"{history.path} has no finished epoch: nothing to draw")
    columns = 1 if len(histories) == 1 else 2
    figure = new_figure(11, 7.2 + 0.23 * -(-len(histories) // columns))
    panels = figure.subplots(2, 2, sharex="col", sharey="row")
    for number, history in enumerate(histories):
        seconds = [record.seconds for record in history.records]
        for (error, loss), positions in zip(panels.T, (history.epochs, seconds), strict=True):
            _draw_history(error, loss, positions, history, number)
    for axes in panels.flat:
        axes.grid(alpha=0.3, which="both")
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlim(left=0)
    for axes in panels[:, 0]:
        use_log_scale(axes)
    error, loss = panels[:, 0]
    error.set_ylabel("error rate (%)")
    loss.set(ylabel="loss (nats per image)", xlabel=_unit(histories))
    panels[1, 1].set_xlabel("seconds of training")
    _add_legends(figure, error, histories, columns)
    return figure


def _draw_history(
    error: Axes, loss: Axes, positions: Sequence[float], history: History, number: int
) -> None:
    """Draw one run in a panel for its error and in one for its loss."""
    records = history.records
    look = _look(number) | {
        "marker": "o" if len(records) < MARKERS_BELOW else None,
        "markersize": 4,
    }
    for style, errors, losses in (
        (TRAINING, [1 - r.accuracy for r in records], [r.loss for r in records]),
        (VALIDATION, [r.valid_error for r in records], [r.valid_loss for r in records]),
    ):
        plot_known(error, positions, errors, 100, **look, **style)
        plot_known(loss, positions, losses, **look, **style)


def _add_legends(figure: Figure, axes: Axes, histories: Sequence[History], columns: int) -> None:
    """Explain bold and thin in the first panel, and the colours below all panels."""
    from matplotlib.lines import Line2D

    kinds = [
        Line2D([], [], color=GREY, label=label, **style)
        for label, style in (("validation", VALIDATION), ("training", TRAINING))
    ]
    axes.legend(handles=kinds, frameon=False)
    runs = [
        Line2D([], [], label=label, **_look(i), **VALIDATION)
        for i, label in enumerate(run_labels(histories))
    ]
    legend = figure.legend(
        handles=runs, loc="outside lower center", ncols=columns, frameon=False, handlelength=3
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a path may hold dollar signs


def run_labels(histories: Sequence[History]) -> list[str]:
    """Return recipe, engine and seed of each, with the path where two would be the same."""
    names = [f"{one.recipe.name} ({one.engine}), seed {one.seed}" for one in histories]
    return [
        f"{name}: {_end_of(str(one.path))}" if names.count(name) > 1 else name
        for name, one in zip(names, histories, strict=True)
    ]


def _end_of(path: str, max_characters: int = 40) -> str:
    return path if len(path) <= max_characters else "…" + path[1 - max_characters :]


def _look(number: int) -> dict[str, Any]:
    """Return the colour and dash of a run."""
    n = len(COLOURS)
    return {"color": COLOURS[number % n], "linestyle": DASHES[number // n % len(DASHES)]}


def _unit(histories: Sequence[History]) -> str:
    """Return the unit of the horizontal axis."""
    kinds = {history.recipe.is_full_batch for history in histories}
    if kinds == {True}:
        return "iterations"
    return "epochs" if kinds == {False} else "epochs (full batch: iterations)"
