"""Write docs/understanding.md and its pictures, from two runs, a ladder and an audit.

    digitnn train classic --snapshots --out runs/classic
    digitnn train cnn --out runs/cnn
    digitnn ladder --by-size --out ladder
    digitnn audit --out audit
    python -m benchmarks.docs.understanding_page runs/classic runs/cnn ladder audit

One validation image is followed, which the one network reads wrongly and the other right.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import ROOT
from digitnn.analysis.explain.plates import Plate, plates
from digitnn.atomic_files import write_text
from digitnn.plotting import write_figure
from digitnn.runs.evaluate_run import load_split_of
from digitnn.runs.experiment import load_training_data
from digitnn.runs.run import Run, load_single_run

PAGE = ROOT / "docs" / "understanding.md"
IMAGES = ROOT / "docs" / "images" / "understanding"
INDEX = 1863
"""A 9 whose top is faint: `classic` takes it for a 4."""


def draw(run: Run, names: Sequence[str], suffix: str = "") -> dict[str, str]:
    """Draw the plates of these names; the Markdown of each by its name."""
    data = run.about["data"]
    valid = load_split_of(run, "valid")
    train = load_training_data(data["collection"], None, data["split_seed"]).train
    pages = {}
    found = plates(run, valid.images[INDEX], train, valid, INDEX, with_map="map" in names)
    for plate in (plate for plate in found if plate.name in names):
        path = IMAGES / f"{plate.name}{suffix}.png"
        write_figure(path, plate.figure)
        pages[plate.name] = _section(plate, run, path)
    return pages


def _section(plate: Plate, run: Run, path: Path) -> str:
    title = f"{plate.title} (`{run.recipe}`)"
    return f"![{title}]({path.relative_to(PAGE.parent)})\n\n{plate.words}"


def recall(found: dict[str, Any]) -> str:
    """What the audit finds of the published list."""
    known = found["known"]
    shares = ", ".join(f"{one['found']} among the first {one['k']}" for one in known["recall"])
    return (
        f"Of the {known['recall'][0]['known']} test labels that people dispute "
        f"({known['source']}) it finds {shares} of its suspects in the test file."
    )


def page(classic: Run, cnn: Run, ladder: Path, audit: Path) -> str:
    """The page, its pictures drawn or copied."""
    of_classic = draw(classic, ("units", "over-epochs", "saliency"), "-classic")
    of_cnn = draw(cnn, ("filters", "stages", "saliency", "neighbours", "map"))
    for folder, names in ((ladder, ("ladder.png", "by_size.png")), (audit, ("suspects.png",))):
        for name in names:
            shutil.copy(folder / name, IMAGES / name)
    table = (ladder / "ladder.md").read_text().split("\n", 2)[2].strip()
    found = json.loads((audit / "audit.json").read_text())
    return f"""# Understanding what a network does

Written by `python -m benchmarks.docs.understanding_page`; change its template, not this page.

## One network, one image

```sh
digitnn understand runs/first                     # validation image 0
digitnn understand runs/first --image {INDEX}
digitnn understand runs/first --picture seven.jpg # a picture of your own, as `digitnn read` sees it
```

It draws what follows into a folder (`--out`, else `understanding/`) and says in words what each
picture shows; `--json` prints the numbers. Everything is computed by the from-scratch engine,
whichever engine trained the network. The map needs scikit-learn (`pip install 'digitnn[sklearn]'`)
and most of the time; `--no-map` leaves it out. To see how a *picture* becomes the image that the
network gets, there is `digitnn read --explain`.

The image below is number {INDEX} of the validation split. `classic` takes it for a 4, `cnn` for the
9 that it is.

### What the first layer looks for

{of_classic["units"]}

{of_cnn["filters"]}

### How its weights came to be

What a run that was trained with `--snapshots` has kept of the way:

{of_classic["over-epochs"]}

### The image on its way through the network

{of_cnn["stages"]}

### Which pixels the answer hangs on

The gradient of a logit by the pixels, by our own backpropagation
(`digitnn/scratch/input_gradient.py`, checked against PyTorch). First `classic`, which is wrong:

{of_classic["saliency"]}

And `cnn`, which is right:

{of_cnn["saliency"]}

A gradient answers a small question: what would a *little* more ink do? It does not say which pixels
the network "used", and two networks that read alike may have different gradients.

### The training images that it takes to be most alike

{of_cnn["neighbours"]}

### How it sorts the images

{of_cnn["map"]}

In Python each is a function of values and a function that draws them:

```python
from digitnn.runs.run import load_run
from digitnn.analysis.explain.saliency import draw_saliency, saliency

run = load_run("runs/first")
found = saliency(run.network, run.params, image)  # image: uint8 (28, 28), 0 paper to 255 ink
draw_saliency(found).savefig("saliency.png")
```

## The ladder

```sh
digitnn ladder                                    # every rung, on all training images
digitnn ladder --rungs logistic,cnn-fast --train 1000 --train 10000
digitnn ladder --by-size                          # 100, 300, 1,000, ... and all images
```

What does each step up cost, and what does it bring? Each rung is kept in `--out` once it is
measured: Ctrl-C and the same command go on. Rungs are asked for the validation split; `--split test`
asks once for the test split.

![The ladder](images/understanding/ladder.png)

![Error over the number of training images](images/understanding/by_size.png)

{table}

Times on a shared machine move by a third from hour to hour; [benchmarks.md](benchmarks.md) has times
that were measured with care.

## Which labels may be wrong?

```sh
digitnn audit                                     # 5 networks, each asked for what it has not seen
digitnn audit --recipe cnn-fast --folds 10 --out audit-fast
```

All images, of the training and of the test file, are dealt into folds; networks are trained on all
folds but one and asked for that one. `suspects.csv` lists each label that they contradict, the least
likely first, with part and index, label, proposal and probability; `suspects.png` shows the first 60.
The networks learn from test images too: none of them is kept, and no figure of this project rests on
them. A suspect is a question to a person, not a verdict.

![The contact sheet](images/understanding/suspects.png)

Here (`{found["recipe"]}`, {found["folds"]} folds, seed {found["seed"]}) {len(found["suspects"])} of {found["n"]:,} labels are contradicted. {recall(found)} Of those 15, five workers each were shown only
the label and one other digit, and the remaining 9,900 test labels were shown to nobody: the list is
not whole.
"""


def main() -> None:
    """Draw the pictures and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("classic", "cnn", "ladder", "audit"):
        parser.add_argument(name, type=Path, help="a folder, see the commands above")
    given = parser.parse_args()
    write_text(
        PAGE,
        page(load_single_run(given.classic), load_single_run(given.cnn), given.ladder, given.audit),
    )


if __name__ == "__main__":
    main()
