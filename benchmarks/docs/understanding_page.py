"""Write docs/understanding.md and its pictures, from two runs, a ladder and an audit.

    digitnn train classic --snapshots --out runs/classic
    digitnn train cnn --out runs/cnn
    digitnn ladder --by-size --out ladder
    digitnn audit --out audit
    python -m benchmarks.docs.understanding_page runs/classic runs/cnn ladder audit

It follows one validation image that `classic` misclassifies and `cnn` does not.
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
"""A 9 with a faint top, which `classic` classifies as 4."""


def draw(run: Run, names: Sequence[str], suffix: str = "") -> dict[str, str]:
    """Draw the plates of these names and return the Markdown of each."""
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
    """Return the recall of the published list as a sentence."""
    known = found["known"]
    shares = ", ".join(f"{one['found']} among the first {one['k']}" for one in known["recall"])
    return (
        f"Of the {known['recall'][0]['known']} disputed test labels ({known['source']}), the audit "
        f"finds {shares} of its suspects in the test file."
    )


def page(classic: Run, cnn: Run, ladder: Path, audit: Path) -> str:
    """Return the page; its pictures are drawn or copied."""
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
digitnn understand runs/first --picture seven.jpg # your own picture, prepared as by `digitnn read`
```

It draws the figures below into a folder (`--out`, else `understanding/`) and describes each in words;
`--json` prints the numbers. The from-scratch engine computes everything, whichever engine trained the
network. The map needs scikit-learn (`pip install 'digitnn[sklearn]'`) and takes most of the time;
`--no-map` leaves it out. `digitnn read --explain` shows how a *picture* becomes the image that the
network classifies.

The image below is number {INDEX} of the validation split. `classic` classifies
it as 4, `cnn` correctly as 9.

### Weights of the first layer

{of_classic["units"]}

{of_cnn["filters"]}

### Weights over the epochs

From the snapshots of a run trained with `--snapshots`:

{of_classic["over-epochs"]}

### The image through the network

{of_cnn["stages"]}

### Saliency

The gradient of a logit with respect to the pixels, by our own backpropagation (`input_gradient` in
`engines/scratch`, checked against PyTorch). First `classic`, which is wrong:

{of_classic["saliency"]}

Then `cnn`, which is right:

{of_cnn["saliency"]}

A gradient answers a narrow question: what would a *little* more ink change? It does not show which
pixels the network "used", and two networks with the same predictions may have different gradients.

### The nearest training images

{of_cnn["neighbours"]}

### Map of images

{of_cnn["map"]}

In Python, one function computes the values of each figure and another draws them:

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

The ladder shows the accuracy and the cost of each rung. Each rung is kept in `--out` once it is
measured: after Ctrl-C, the same command continues. Rungs are evaluated on the validation split, with
`--split test` on the test split.

![The ladder](images/understanding/ladder.png)

![Error over the number of training images](images/understanding/by_size.png)

{table}

Times on a shared machine vary by a third from hour to hour; [benchmarks.md](benchmarks.md) has
controlled measurements.

## Which labels may be wrong?

```sh
digitnn audit                                     # 5 networks, each predicts its held-out fold
digitnn audit --recipe cnn-fast --folds 10 --out audit-fast
```

All images of the training and test files are divided into folds; for each fold, a network is trained
on the others and predicts it. `suspects.csv` lists each label that the predictions contradict, least
likely first, with part and index, label, proposal and probability; `suspects.png` shows the first 60.
The networks train on test images too, so none of them is kept and no result of this project uses
them. A person has to decide whether a suspect's label is wrong.

![The contact sheet](images/understanding/suspects.png)

With `{found["recipe"]}`, {found["folds"]} folds and seed {found["seed"]}, {len(found["suspects"])} of {found["n"]:,} labels are contradicted. {recall(found)} The list is
incomplete: five annotators per image saw only the label and one other digit, and 9,900 test labels
were not shown to anyone.
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
