"""Trainings that take no time: small networks, and an engine that answers by rote."""

from dataclasses import replace

import numpy as np

from digitnn.engines.find import find_engine
from digitnn.engines.protocols import Outcome
from digitnn.network.layers import Conv2d, Dense, Flatten, MaxPool2d, Relu, Sigmoid
from digitnn.recipes.builtin import RECIPES
from digitnn.recipes.optimisers import Adam
from digitnn.recipes.schedules import OneCycle
from digitnn.training.training import Training

CLASSIC = replace(
    RECIPES["classic"], layers=(Flatten(), Dense(12), Sigmoid(), Dense(10)), epochs=10
)
CNN = replace(
    RECIPES["cnn"],
    layers=(Conv2d(4, 5), Relu(), MaxPool2d(4), Flatten(), Dense(10)),
    optimiser=Adam(0.01, schedule=OneCycle(0.3)),
    epochs=4,
    batch_size=50,
)
BY_ROTE = replace(CNN, optimiser=Adam(0.5, schedule=OneCycle(0.25)), epochs=2, batch_size=40)


class RoteEngine:
    """Learns nothing and writes down what it is given; step s costs s nats an image.

    Its parameters are the start plus the number of steps; its classifier reads every image as 0.
    """

    def __init__(self, bad_step=None):
        self.bad_step = bad_step
        self.steps = []

    def classifier(self, network, params):
        return self

    def logits(self, images):
        return np.zeros((len(images), 10), np.float32)

    def trainer(self, network, params, optimiser, loss, seed):
        self.start, self.loss = params, loss
        return self

    def step(self, images, labels, learning_rate):
        self.steps.append((images, labels, learning_rate))
        if len(self.steps) == self.bad_step:
            return Outcome(float("nan"), 0)
        return Outcome(float(len(self.steps) * len(labels)), 10)

    def parameters(self):
        return {name: p + np.float32(len(self.steps)) for name, p in self.start.items()}

    def state(self):
        return {"steps": np.array(len(self.steps)), **self.start}

    def restore(self, state):
        self.start = {name: p for name, p in state.items() if name != "steps"}
        self.steps = [None] * int(state["steps"])

    def objective(self, network, features, labels, loss):
        self.features, self.labels, self.loss = features, labels, loss
        return self

    def __call__(self, params):
        self.start = params
        return Outcome(float("nan"), 0), {name: p * 0 for name, p in params.items()}


def training_of(recipe, engine, digits, seed=0, n=400, stopping=None):
    """A training on the first n digits, validated on the last 200."""
    engine = find_engine(engine) if isinstance(engine, str) else engine
    return Training(recipe, engine, digits[:n], digits[400:], seed, stopping)


def trained(recipe, engine, digits, seed=0):
    training = training_of(recipe, engine, digits, seed)
    return training, list(training)


def bits(params):
    return {name: p.tobytes() for name, p in params.items()}
