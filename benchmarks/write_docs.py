"""Write docs/benchmarks.md from the JSON that the benchmarks printed into benchmarks/results/.

python -m benchmarks.classic --json > benchmarks/results/classic.json
python -m benchmarks.cnn --json > benchmarks/results/cnn.json
python -m benchmarks.write_docs
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from digitnn.atomic import write_text
from digitnn.wording import percent

RESULTS = Path(__file__).parent / "results"
PAGE = Path("docs/benchmarks.md")


def classic(found: Mapping[str, Any]) -> str:
    """The recipe `classic` beside the textbook."""
    ours, textbook = found["ours"], found["textbook"]
    return f"""## `classic` and the same network as a textbook writes it

The same {found["features"]} features, start, loss and {found["iterations"]} iterations of conjugate
gradient ({found["evaluations"]} evaluations); the textbook computes in double precision with
whole-batch matrices. In turns, {ours["seconds"]["n"]} repeats, seed {found["seed"]}.

| | median seconds | least to most | validation accuracy |
|---|---|---|---|
| textbook | {times(textbook["seconds"])} | {percent(textbook["valid_accuracy"])} |
| digitnn | {times(ours["seconds"])} | {percent(ours["valid_accuracy"])} |

**The textbook takes {found["textbook_over_ours"]:.1f} times as long.** digitnn reaches
{found["gflops"]:.0f} of the {found["sgemm_gflops"]:.0f} GFLOP/s that long single-precision matrix
products reach on this machine: {100 * found["of_sgemm_rate"]:.0f} %.
"""


def cnn(found: Mapping[str, Any]) -> str:
    """The recipe `cnn` beside a plain script."""
    ours, plain = found["ours"], found["plain"]
    bound = "at least " if found["plain_over_ours_is_a_lower_bound"] else ""
    to_goal = ", ".join("never" if s is None else f"{s:.0f}" for s in plain["seconds_to_98.9"])
    return f"""## `cnn` and a plain PyTorch script for the same network

The script is `benchmarks/plain_cnn.py`: DataLoader, batches of 64, Adam at 1e-3, defaults. It
trains until its validation accuracy reaches the recipe's, at most {max(plain["epochs"])} epochs here. In
turns, {ours["seconds"]["n"]} seeds.

| | median seconds | least to most | validation accuracy |
|---|---|---|---|
| plain script | {times(plain["seconds"])} | {percent(plain["best_valid_accuracy"])} (best of its epochs) |
| digitnn | {times(ours["seconds"])} | {percent(ours["valid_accuracy"])} |

**The script takes {bound}{found["plain_over_ours"]:.1f} times as long** to be as accurate; it came
that far for {sum(plain["reached_ours"])} of {len(plain["reached_ours"])} seeds. To a validation
accuracy of 98.9 % it needed {to_goal} seconds.
"""


def engines(found: Mapping[str, Any]) -> str:
    """The two engines beside each other."""
    cnn_step, mlp_step = found["cnn_step"], found["mlp_step"]
    epoch, predict = found["mlp_epoch"], found["predict"]
    rows = [
        ("CNN step, batch 128", "PyTorch", cnn_step["scratch_over_torch"]),
        ("", "PyTorch, channels-last", cnn_step["scratch_over_torch_channels_last"]),
        ("MLP 784-256-10 step, batch 200", "PyTorch", mlp_step["scratch_over_torch"]),
        ("MLP epoch, batch 200", "scikit-learn", epoch["scratch_over_sklearn"]),
        ("CNN, logits of 1,024 images", "PyTorch", predict["cnn"]["scratch_over_torch"]),
        ("MLP, logits of 1,024 images", "PyTorch", predict["mlp"]["scratch_over_torch"]),
    ]
    table = "\n".join(f"| {work} | {peer} | {ratio:.2f} |" for work, peer, ratio in rows)
    return f"""## The from-scratch engine and its peers

Forward, backward and Adam in single precision, from equal weights over equal batches, in turns,
{found["repeats"]} repeats; both sides were seen to take equal steps before they were timed. Ratios of
median times: below 1, NumPy is the faster.

| work | peer | NumPy's time over the peer's |
|---|---|---|
{table}

Of the {found["sgemm_gflops"]:.0f} GFLOP/s that long matrix products reach, the CNN step reaches
{100 * cnn_step["of_sgemm_rate"]:.0f} %, the MLP step {100 * mlp_step["of_sgemm_rate"]:.0f} %, the MLP
epoch with its validation {100 * epoch["of_sgemm_rate"]:.0f} %.
"""


SECTIONS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "classic": classic,
    "cnn": cnn,
    "engines": engines,
}
"""What each file of results becomes, in the order of the page."""


def times(seconds: Mapping[str, float]) -> str:
    """Two cells: the median, and the range."""
    return f"{seconds['median']:.1f} | {seconds['min']:.1f} to {seconds['max']:.1f}"


def measured(name: str, machine: Mapping[str, Any]) -> str:
    """By which command, on what."""
    versions = ", ".join(f"{library} {version}" for library, version in machine["versions"].items())
    return (
        f"Measured by `python -m benchmarks.{name} --json` on {machine['processor']}, "
        f"{machine['cores']} cores, at commit {machine['commit']}; {versions}.\n"
    )


def main() -> None:
    """Write the page from all results that are there."""
    parts = [
        "# Benchmarks\n",
        "Written by `python -m benchmarks.write_docs`. Times are wall-clock seconds on shared, noisy\n"
        "machines: the ratios of times taken in turns are what counts. Each command checks that\n"
        "both sides' answers are right, and none of them reads the test split.\n",
    ]
    for name, section in SECTIONS.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            found = json.loads(path.read_text())
            parts += [section(found), measured(name, found["machine"])]
    write_text(PAGE, "\n".join(parts))


if __name__ == "__main__":
    main()
