"""Write docs/benchmarks.md from the JSON that the benchmarks printed into benchmarks/results/.

python -m benchmarks.timing.classic --json > benchmarks/results/classic.json
python -m benchmarks.timing.cnn --json > benchmarks/results/cnn.json
python -m benchmarks.docs.benchmarks_page
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks import RESULTS, ROOT
from digitnn.atomic_files import write_text
from digitnn.wording import percent

PAGE = ROOT / "docs" / "benchmarks.md"


def classic(found: Mapping[str, Any]) -> str:
    """Return the section that compares `classic` with a textbook implementation."""
    ours, textbook = found["ours"], found["textbook"]
    return f"""## `classic` and a textbook implementation of the same network

The same {found["features"]} features, start, loss and {found["iterations"]} iterations of conjugate
gradient ({found["evaluations"]} evaluations). The textbook code computes in double precision with
whole-batch matrices. Alternating, {ours["seconds"]["n"]} repeats, seed {found["seed"]}.

| | median seconds | range | validation accuracy |
|---|---|---|---|
| textbook | {times(textbook["seconds"])} | {percent(textbook["valid_accuracy"])} |
| digitnn | {times(ours["seconds"])} | {percent(ours["valid_accuracy"])} |

**The textbook code takes {found["textbook_over_ours"]:.1f} times as long.** digitnn reaches
{found["gflops"]:.0f} of the {found["sgemm_gflops"]:.0f} GFLOP/s that long single-precision matrix
products reach on this machine: {100 * found["of_sgemm_rate"]:.0f} %.
"""


def cnn(found: Mapping[str, Any]) -> str:
    """Return the section that compares `cnn` with a plain script."""
    ours, plain = found["ours"], found["plain"]
    bound = "at least " if found["plain_over_ours_is_a_lower_bound"] else ""
    to_goal = ", ".join("never" if s is None else f"{s:.0f}" for s in plain["seconds_to_98.9"])
    return f"""## `cnn` and a plain PyTorch script for the same network

The script is `benchmarks/timing/plain_cnn.py`: DataLoader, batches of 64, Adam at 1e-3, defaults. It
trains until its validation accuracy reaches the recipe's, at most {max(plain["epochs"])} epochs.
Alternating, {ours["seconds"]["n"]} seeds.

| | median seconds | range | validation accuracy |
|---|---|---|---|
| plain script | {times(plain["seconds"])} | {percent(plain["best_valid_accuracy"])} (best of its epochs) |
| digitnn | {times(ours["seconds"])} | {percent(ours["valid_accuracy"])} |

**The script takes {bound}{found["plain_over_ours"]:.1f} times as long** to reach the same accuracy, which it
reached for {sum(plain["reached_ours"])} of {len(plain["reached_ours"])} seeds. To a validation
accuracy of 98.9 % it needed {to_goal} seconds.
"""


def engines(found: Mapping[str, Any]) -> str:
    """Return the section that compares the engines and scikit-learn."""
    cnn_step, mlp_step = found["cnn_step"], found["mlp_step"]
    epoch, predict = found["mlp_epoch"], found["predict"]
    rows = [
        ("CNN step, batch 128", "PyTorch", cnn_step["scratch_over_torch"]),
        ("", "PyTorch, channels-last", cnn_step["scratch_over_torch_channels_last"]),
        ("without numba", "PyTorch", cnn_step["numpy_only_over_torch"]),
        *(
            row
            for name, step in found["batch_norm_step"].items()
            for row in (
                (f"`{name}` step (BatchNorm), batch 128", "PyTorch", step["scratch_over_torch"]),
                ("", "PyTorch, channels-last", step["scratch_over_torch_channels_last"]),
                ("without numba", "PyTorch", step["numpy_only_over_torch"]),
            )
        ),
        ("MLP 784-256-10 step, batch 200", "PyTorch", mlp_step["scratch_over_torch"]),
        ("without numba", "PyTorch", mlp_step["numpy_only_over_torch"]),
        ("MLP epoch, batch 200", "scikit-learn", epoch["scratch_over_sklearn"]),
        ("CNN, logits of 1,024 images", "PyTorch", predict["cnn"]["scratch_over_torch"]),
        ("MLP, logits of 1,024 images", "PyTorch", predict["mlp"]["scratch_over_torch"]),
    ]
    table = "\n".join(f"| {work} | {peer} | {ratio:.2f} |" for work, peer, ratio in rows)
    return f"""## The from-scratch engine and other libraries

Forward, backward and Adam in single precision, from equal weights over equal batches, alternating,
{found["repeats"]} repeats; both sides were checked to take equal steps. Ratios of median times: below 1,
NumPy is faster.
{"With numba (the extra `fast`) for the passes limited by memory" if found["numba"] else "Without numba"};
the rows "without numba" are NumPy alone.

| task | other library | time of NumPy / time of the other |
|---|---|---|
{table}

Of the {found["sgemm_gflops"]:.0f} GFLOP/s that long matrix products reach, the CNN step reaches
{100 * cnn_step["of_sgemm_rate"]:.0f} %, the MLP step {100 * mlp_step["of_sgemm_rate"]:.0f} %, the MLP
epoch with its validation {100 * epoch["of_sgemm_rate"]:.0f} %. PyTorch's times vary by a third from hour
to hour on a shared machine, NumPy's by 10 %: docs/decisions/006 has the range of the ratios. The
first step of the CNN increased the memory of the process by {cnn_step["first_step_grew_by_megabytes"]:.0f} MB, importing numba included.
"""


def speedrun(found: Mapping[str, Any]) -> str:
    """Return the section on the least time to each accuracy."""
    rows = "\n".join(
        f"| {mark} % | `{m['recipe']}` | {way} | "
        f"{m['seconds_mean']:.2f} +- {m['seconds_sd']:.2f} | "
        f"{percent(m['accuracy_mean'])} | {interval(m['accuracy_interval'])} | "
        f"{'yes' if m['reached'] else 'no'} |"
        for mark in found["marks"]
        for way, m in (
            ("pytorch", found["marks"][mark]),
            ("pytorch, bfloat16", found["bfloat16"][mark]),
            ("scratch", found["other_engine"][mark]),
        )
    )
    plain, race = found["plain"], found["marks"]["99.0"]
    curve = ", ".join(
        f"{percent(epoch['accuracy_mean'])} at {epoch['seconds_mean']:.0f} s"
        for epoch in plain["epochs"]
    )
    bound = "at least " if found["plain_script_over_ours_is_a_lower_bound"] else ""
    return f"""## Speedrun: the least time to a mean accuracy on the test split

{race["n"]} seeds, each in a fresh process, {found["threads"]} threads. The clock runs from uint8 arrays
in memory to a network that is ready to predict, and includes construction, augmentation and the first
call of every library; numba's passes were compiled before. Imports
({race["import_seconds_mean"]:.1f} s, with all that the first step would import), reading the files ({race["reading_seconds_mean"]:.1f} s) and evaluation
({race["evaluation_seconds_mean"]:.2f} s) are not included. Recipes were chosen on the validation split;
the test split was read once per training. One choice was made on it: `cnn-99.3` had 240 steps, whose mean
there was 99.29 %, and has 280 since.

| mark | recipe | engine | seconds, mean +- sd | accuracy, mean | 95 % interval of the mean | reached |
|---|---|---|---|---|---|---|
{rows}

The plain PyTorch script (`benchmarks/timing/plain_cnn.py`: Adam at 1e-3, batches of 64, defaults; means over
{plain["n"]} seeds after each epoch, on test): {curve}. **To 99.0 % it takes {bound}
{found["plain_script_over_ours"]:.0f} times as long as `cnn-fast`.**
"""


def accuracy(found: Mapping[str, Any]) -> str:
    """Return the section on the accuracy of every recipe on the test split."""
    rows = "\n".join(
        f"| `{r['recipe']}` | {r['engine']} | {r['parameters']:,} | {percent(r['accuracy_mean'])} | "
        f"{100 * r['accuracy_sd']:.3f} | {interval(r['accuracy_interval'])} | "
        f"{r['seconds_mean']:.1f} | {r['n']} |"
        for r in found["recipes"]
    )
    return f"""## Accuracy of every recipe on the test split

Means over seeds 0, 1, ...; sd in percentage points, over seeds; seconds as in the speedrun, plus the
validation after every epoch. The test split was read once per training.

| recipe | engine | parameters | accuracy | sd | 95 % interval of the mean | seconds | seeds |
|---|---|---|---|---|---|---|---|
{rows}
"""


def records(found: Mapping[str, Any]) -> str:
    """Return the section on the most accurate networks, trained on all 60,000 images."""
    last, many, chosen = found["last_epoch"], found["ensembles"], found["chosen_on_test"]
    minutes = found["seconds"]["mean"] / 60
    rows = [
        (f"`{found['recipe']}`, last epoch, mean of {last['n']} seeds", last),
        (f"ensembles of {many['members']}, mean of {many['n']} disjoint ones", many),
    ]
    cells = "\n".join(
        f"| {name} | **{percent(one['mean'])}** | {100 * one['sd']:.3f} | "
        f"{interval(one['interval']) if one['interval'] else ''} |"
        for name, one in rows
    )
    return f"""## The most accurate networks, trained on all 60,000 images

`digitnn train {found["recipe"]} --all-images`: {found["epochs"]} epochs, {minutes:.0f} minutes on average
({found["workers"]} trainings at once, {found["threads_each"]} thread each). The recipe was chosen on the
validation split before. Seeds {found["seeds"][0]} to {found["seeds"][-1]}.

| | test accuracy | sd | 95 % interval of the mean |
|---|---|---|---|
{cells}

What choosing on the test split would have claimed: {percent(chosen["best_epoch_mean"])} with the best epoch
of each training, {percent(chosen["best_seed"])} with the best seed,
{percent(chosen["best_epoch_of_the_best_seed"])} with both. To show this, the test split was read after every
epoch; nothing was decided by it.
"""


def crash(found: Mapping[str, Any]) -> str:
    """Return the section on trainings killed and resumed."""
    rows = "\n".join(
        f"| {case['case']} | {case['kills']} | {case['damaged']} | {case['trainings']} | "
        f"{case['equal']} |"
        for case in found["cases"]
    )
    return f"""## Killed at random instants and resumed

{found["kills"]} kills (SIGKILL) of small trainings that write a checkpoint after every batch;
{found["damaged"]} times a checkpoint was then truncated or a bit of it flipped. Every training was
finished: **{found["equal"]} of {found["trainings"]} ended with the bytes of an uninterrupted one.**

| case | kills | damaged | trainings | equal bytes and history |
|---|---|---|---|---|
{rows}
"""


SECTIONS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "classic": classic,
    "cnn": cnn,
    "engines": engines,
    "speedrun": speedrun,
    "accuracy": accuracy,
    "records": records,
    "crash": crash,
}
"""The section of each file of results, in the order of the page."""


def times(seconds: Mapping[str, float]) -> str:
    """Return two table cells: the median, and the range."""
    return f"{seconds['median']:.1f} | {seconds['min']:.1f} to {seconds['max']:.1f}"


def interval(bounds: Sequence[float]) -> str:
    """Return the bounds as percentages."""
    return f"{100 * bounds[0]:.2f} to {100 * bounds[1]:.2f} %"


def measured(name: str, machine: Mapping[str, Any]) -> str:
    """Return the line with command, machine, commit and versions."""
    versions = ", ".join(f"{library} {version}" for library, version in machine["versions"].items())
    return (
        f"Measured by `python -m benchmarks.timing.{name} --json` on {machine['processor']}, "
        f"{machine['cores']} cores, at commit {machine['commit']}; {versions}.\n"
    )


def main() -> None:
    """Write the page from all available results."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    parts = [
        "# Benchmarks\n",
        "Written by `python -m benchmarks.docs.benchmarks_page`. Times are wall-clock seconds on shared, noisy\n"
        "machines, so compare the ratios of alternating measurements. Each command checks that both sides'\n"
        "results are right. Only speedrun, accuracy and records read the test split.\n",
    ]
    for name, section in SECTIONS.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            found = json.loads(path.read_text())
            parts += [section(found), measured(name, found["machine"])]
    write_text(PAGE, "\n".join(parts))


if __name__ == "__main__":
    main()
