"""The page about a search: its trials, what matters, and what its winner is worth."""

from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digitnn.atomic_files import replace_file
from digitnn.data.fetch.catalogue import collection_named
from digitnn.machine.describe import describe_machine
from digitnn.recipes.toml_writer import recipe_to_toml
from digitnn.report.elements import Chart, Table, inline_svg
from digitnn.report.page import environment
from digitnn.report.summary import machine_words, versions_words
from digitnn.report.tuning_charts import draw_claim, draw_history, draw_importance, draw_pareto
from digitnn.scaling.tuning.folder import PAGE
from digitnn.scaling.tuning.ranges import CHOICE, Choice, Range
from digitnn.scaling.tuning.results import SearchResult, TrialResult
from digitnn.scaling.tuning.searching import Setting
from digitnn.scaling.tuning.worker import Plan
from digitnn.wording import count, percent, percent_range

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NONE = "none"


def write_tuning_page(result: SearchResult, plan: Plan, setting: Setting) -> Path:
    """Write the page into the folder of the search and return its path."""
    path = setting.folder / PAGE
    page = render_tuning_page(result, plan, setting)
    with replace_file(path) as file:
        file.write(page)
    return path


def render_tuning_page(result: SearchResult, plan: Plan, setting: Setting) -> bytes:
    """Return the page in UTF-8. Raises `MissingExtraError` without Jinja2 or matplotlib."""
    template = environment().get_template("tuning.html.j2")
    return template.render(
        title=result.name,
        lead=_lead(result),
        figures=_figures(result),
        winner=_winner(result),
        claim=_claim(result) if result.accuracies else None,
        claim_words=_claim_words(result),
        history=_history(result),
        importance=_importance(result) if result.importance else None,
        ranges=_ranges(plan.search.ranges, result),
        pareto=_pareto(result),
        trials=_trials(result),
        failures=_failures(result),
        recipe=recipe_to_toml(result.recipe),
        command=setting.command,
        facts_list=_facts(result, plan, setting),
    ).encode()


def _lead(result: SearchResult) -> str:
    n = len(result.trials)
    subject = f"Of {n:,} trials, the best" if n > 1 else "The only trial"
    lead = (
        f"{subject} classifies {percent(result.claimed)} of {result.n_valid:,} validation images "
        "correctly."
    )
    if result.mean is None and n == 1:
        return f"{lead} It was not trained anew."
    if result.mean is None:
        return f"{lead} That is the best of many, and therefore too high: it was not trained anew."
    seeds = count(len(result.accuracies), "fresh seed")
    if result.interval is None:
        return f"{lead} Trained anew with {seeds}, it reaches {percent(result.mean)}."
    low_high = percent_range(result.interval)
    return f"{lead} Trained anew with {seeds}, it reaches {percent(result.mean)} ({low_high})."


def _figures(result: SearchResult) -> list[tuple[str, str, str]]:
    found = [
        (percent(result.claimed), "claimed by the search", f"the best of {len(result.trials)}")
    ]
    if result.mean is not None:
        note = percent_range(result.interval) if result.interval else "one seed, no interval"
        n = len(result.accuracies)
        found.append((percent(result.mean), f"mean of {count(n, 'fresh seed')}", note))
    if result.optimism is not None:
        found.append(
            (f"{100 * result.optimism:+.2f}", "optimism of the claim", "percentage points")
        )
    ended = (len(result.having("pruned")), len(result.having("failed")))
    found.append(
        (
            f"{len(result.trials):,}",
            "trials" if len(result.trials) > 1 else "trial",
            f"{ended[0]} ended early, {ended[1]} failed",
        )
    )
    return found


def _winner(result: SearchResult) -> Table:
    rows = [(name, _value(value)) for name, value in result.best.draws.items()]
    return Table(f"The values of trial {result.best.number}", ("field", "value"), rows, True)


def _claim(result: SearchResult) -> Chart:
    runs = [run for run in result.final if run.accuracy is not None]
    rows = [
        (f"seed {run.seed}", percent(run.accuracy or 0.0), f"{run.seconds:.1f}") for run in runs
    ]
    words = (
        "The dashed line is the accuracy of the trial that won, each point the same recipe with "
        "another seed, the square their mean with its 95 % interval (Student)."
    )
    head = ("seed", "validation accuracy", "seconds")
    return _chart(
        draw_claim(result), "claim", words, Table("The winner with fresh seeds", head, rows)
    )


def _claim_words(result: SearchResult) -> list[str]:
    words = []
    if failed := [run for run in result.final if run.accuracy is None]:
        seeds = ", ".join(str(run.seed) for run in failed)
        words.append(f"Training failed with {count(len(failed), 'seed')} ({seeds}).")
    if not result.final:
        words.append("The winner was not trained anew: `--final-seeds 0`.")
    words.append(
        "The best of many trials is partly the luckiest one. Fresh seeds take away the luck of the "
        "seed, but the validation images are those that the winner was chosen by. What is left of "
        "the optimism only a test split shows: `digitnn evaluate --split test`, once, at the end."
    )
    return words


def _history(result: SearchResult) -> Chart:
    words = (
        "Each circle is a trial trained to its end, each cross one that successive halving ended, "
        "with the error rate that it had then. The line is the best of the complete trials so far."
    )
    rows = [
        (str(trial.number), percent(trial.accuracy or 0.0), trial.outcome)
        for trial in result.having("complete", "pruned")
    ]
    table = Table("Trials in order", ("trial", "validation accuracy", "outcome"), rows)
    return _chart(draw_history(result), "history", words, table)


def _importance(result: SearchResult) -> Chart:
    words = (
        "How much each field matters within its range, by PED-ANOVA over the complete trials: how "
        "far the best trials' values of a field differ from those of all. Few trials say little."
    )
    pairs = sorted(result.importance.items(), key=lambda pair: -pair[1])
    rows = [(name, percent(share)) for name, share in pairs]
    table = Table("Importance of each field", ("field", "importance"), rows)
    return _chart(draw_importance(pairs), "importance", words, table)


def _ranges(ranges: tuple[Range, ...], result: SearchResult) -> Table:
    rows = [
        (one.name, _words(one), _value(result.best.draws.get(one.name, NONE))) for one in ranges
    ]
    return Table("The ranges, and the winner's values", ("field", "range", "winner"), rows, True)


def _words(one: Range) -> str:
    if isinstance(one, Choice):
        return f"{CHOICE} of {', '.join(map(_value, one.labels))}"
    return f"{one.kind}, {one.low:g} to {one.high:g}"


def _pareto(result: SearchResult) -> Chart:
    words = (
        "No other complete trial is both faster and more accurate than one on the front. Workers "
        "that share a machine slow one another down: compare times within one search only."
    )
    rows = [
        (str(trial.number), f"{trial.seconds or 0.0:.2f}", percent(trial.accuracy or 0.0))
        for trial in result.pareto()
    ]
    table = Table("The Pareto front", ("trial", "seconds", "validation accuracy"), rows)
    return _chart(draw_pareto(result), "pareto", words, table)


def _trials(result: SearchResult) -> Table:
    names = list(dict.fromkeys(name for trial in result.trials for name in trial.draws))
    head = ("trial", "outcome", "accuracy", "seconds", "parameters", *names)
    rows = [
        (
            str(trial.number),
            trial.outcome,
            NONE if trial.accuracy is None else percent(trial.accuracy),
            NONE if trial.seconds is None else f"{trial.seconds:.1f}",
            NONE if trial.parameters is None else f"{trial.parameters:,}",
            *(_value(trial.draws.get(name, NONE)) for name in names),
        )
        for trial in sorted(result.trials, key=_rank)
    ]
    return Table("All trials, the most accurate first", head, rows)


def _rank(trial: TrialResult) -> tuple[int, float, int]:
    return (
        ("complete", "pruned", "failed").index(trial.outcome),
        -(trial.accuracy or 0.0),
        trial.number,
    )


def _failures(result: SearchResult) -> Table | None:
    failed = result.having("failed")
    if not failed:
        return None
    rows = [(str(trial.number), trial.reason or "") for trial in failed]
    return Table("Trials that failed", ("trial", "reason"), rows, True)


def _facts(result: SearchResult, plan: Plan, setting: Setting) -> list[tuple[str, str]]:
    machine, data = describe_machine(), plan.identity["data"]
    killed = sum(trial.kills for trial in result.trials)
    return [
        ("Made on", datetime.now(UTC).isoformat(timespec="seconds")),
        ("Storage", str(plan.storage)),
        ("Sampler and pruner", f"{plan.sampler}, {plan.pruner}; Optuna {version('optuna')}"),
        ("Seed", f"{plan.seed}, of the draws and of every trial's training"),
        ("Workers at the end", f"{setting.workers}; killed before: {killed}"),
        (
            "Data",
            f"{data['collection']}: training and validation split; the test split is not read",
        ),
        ("By", collection_named(data["collection"]).credit),
        ("Fingerprint of the validation images", data["valid"]),
        ("Commit", str(machine.get("commit") or "an installed package, no commit")),
        ("Machine", machine_words(machine)),
        ("Versions", versions_words(machine)),
    ]


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _chart(figure: "Figure", name: str, words: str, table: Table) -> Chart:
    return Chart(inline_svg(figure, name, words), words, table)
