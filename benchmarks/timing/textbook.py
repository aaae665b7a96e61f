"""Train `classic` as in a textbook: float64, full-batch matrices, one-hot targets.

The peer of the recipe: the same features, initial weights, loss and iterations, nothing optimised.
Axes: n images, f features, u hidden units, k classes.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Float64, UInt8
from numpy import ndarray
from scipy.optimize import minimize


def sigmoid(z: Float[ndarray, "n u"]) -> Float[ndarray, "n u"]:
    """Return 1 / (1 + exp(-z))."""
    return 1.0 / (1.0 + np.exp(-z))


def train_textbook(
    start: dict[str, ndarray],
    x: Float64[ndarray, "n f"],
    labels: UInt8[ndarray, " n"],
    l2: float,
    iterations: int,
) -> dict[str, ndarray]:
    """Minimise mean softmax cross-entropy + l2 / (2 n) * sum of squared weights by CG."""
    n = len(x)
    shapes = {name: p.shape for name, p in start.items()}
    targets = np.eye(10)[labels]

    def unpack(vector: ndarray) -> dict[str, ndarray]:
        params, begin = {}, 0
        for name, shape in shapes.items():
            end = begin + int(np.prod(shape))
            params[name] = vector[begin:end].reshape(shape)
            begin = end
        return params

    def objective(vector: ndarray) -> tuple[float, ndarray]:
        p = unpack(vector)
        w1, b1, w2, b2 = (p[name] for name in shapes)
        hidden = sigmoid(x @ w1.T + b1)
        z = hidden @ w2.T + b2
        exponentials = np.exp(z - z.max(axis=1, keepdims=True))
        probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
        loss = -np.sum(targets * np.log(probabilities)) / n
        loss += l2 / (2 * n) * (np.sum(w1**2) + np.sum(w2**2))
        dz = (probabilities - targets) / n
        dw2 = dz.T @ hidden + l2 / n * w2
        dhidden = dz @ w2 * hidden * (1 - hidden)
        dw1 = dhidden.T @ x + l2 / n * w1
        gradient = [dw1, dhidden.sum(axis=0), dw2, dz.sum(axis=0)]
        return loss, np.concatenate([g.ravel() for g in gradient])

    vector = np.concatenate([p.ravel() for p in start.values()]).astype(float)
    options: Any = {"maxiter": iterations, "gtol": 0.0}
    found = minimize(objective, vector, jac=True, method="CG", options=options)
    return unpack(found.x)
