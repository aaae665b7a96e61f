"""A network on images that are not as they should be, as far as a page has time for."""

from functools import partial

from digitnn.analysis.robustness.adversarial import IMAGES, attack
from digitnn.analysis.robustness.corrupted import SEED, CorruptionSummary, evaluate_corruptions
from digitnn.analysis.robustness.corruptions.suite import CORRUPTIONS, corrupt
from digitnn.analysis.robustness.reference import find_reference
from digitnn.analysis.robustness.sweeps import measure_curves
from digitnn.data.dataset import Dataset
from digitnn.engines.scratch.input_gradient import pixel_gradient
from digitnn.evaluation.evaluation import evaluate
from digitnn.network.network import Classifier
from digitnn.report.measured import Fragility
from digitnn.runs.protocol import Trained
from digitnn.runs.run import Run
from digitnn.wording import Notify, count

SAMPLES = 5
"""Images of a corruption that are shown."""


def measure_fragility(
    run: Trained, classifier: Classifier, part: Dataset, notify: Notify
) -> Fragility:
    """Corruptions, sweeps and adversarial steps on all of `part`."""
    n = count(len(part), "image")
    notify(f"{len(CORRUPTIONS)} corruptions of {n}")
    reference = find_reference(part.fingerprint())
    rows = tuple(evaluate_corruptions(classifier, part, reference))
    some = part.images[:SAMPLES]
    samples = {name: corrupt(some, name, SEED) for name in CORRUPTIONS}
    notify(f"shifts, turns, sizes and thicknesses of {n}")
    plain = evaluate(classifier, part)
    curves = tuple(measure_curves(classifier, part, plain))
    attacks = None
    if isinstance(run, Run):
        notify(f"adversarial steps on {count(min(len(part), IMAGES), 'image')}")
        gradient = partial(pixel_gradient, run.network, run.params)
        attacks = tuple(attack(run.classifier("scratch"), gradient, part))
    return Fragility(
        n=len(part),
        accuracy=plain.accuracy,
        corruptions=CorruptionSummary(rows, reference),
        samples=samples,
        curves=curves,
        attacks=attacks,
    )
