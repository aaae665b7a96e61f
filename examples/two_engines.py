"""One network, two engines: NumPy with derivatives by hand, and PyTorch.

    python examples/two_engines.py [--images 50000] [--epochs 1]

A network is data: a description and named arrays. So both engines can start from equal weights,
take equal batches, and be compared number by number.
"""

import argparse

import numpy as np

import digitnn
from digitnn.network.initialisation import initial_parameters
from digitnn.network.layers import Dense, Flatten, Relu, SoftmaxCrossEntropy
from digitnn.recipes.optimisers import Adam

BATCH = 128
ADAM = Adam(learning_rate=0.001)

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--images", type=int, default=50_000, help="training images")
parser.add_argument("--epochs", type=int, default=1, help="passes over them")
options = parser.parse_args()

# The data: 50,000 images to learn from, 10,000 to validate on. The test split stays unread.
train, valid = digitnn.split(digitnn.load("mnist", "train"), n_valid=10_000)
train = train[: options.images]

# The network: a description without numbers, and its initial parameters as a dict of arrays.
network = digitnn.Network((Flatten(), Dense(128), Relu(), Dense(10)))
start = initial_parameters(network, "he", np.random.default_rng(0))

# One trainer per engine, both from the same parameters.
engines = {name: digitnn.find_engine(name) for name in ("scratch", "pytorch")}
trainers = {
    name: engine.trainer(network, start, ADAM, SoftmaxCrossEntropy(), seed=0)
    for name, engine in engines.items()
}

# Equal batches for both: shuffle once per epoch, then step both trainers side by side.
rng = np.random.default_rng(1)
for _ in range(options.epochs):
    order = rng.permutation(len(train))
    for batch in np.split(order, range(BATCH, len(order), BATCH)):
        for trainer in trainers.values():
            trainer.step(train.images[batch], train.labels[batch], ADAM.learning_rate)

# Both networks on the same validation images.
logits = {}
for name, engine in engines.items():
    classifier = engine.classifier(network, trainers[name].parameters())
    print(f"{name:8} {digitnn.evaluate(classifier, valid).accuracy:.2%} of {len(valid):,} correct")
    logits[name] = classifier.logits(valid.images)
difference = np.abs(logits["scratch"] - logits["pytorch"]).max()
print(f"largest difference of logits: {difference:.1e}, of {np.abs(logits['scratch']).max():.0f}")
