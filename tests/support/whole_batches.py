"""The from-scratch engine's training mode, on a whole batch at once or cut into blocks."""

from digitnn.engines.protocols import Outcome
from digitnn.engines.scratch.losses import softmax_cross_entropy
from digitnn.engines.scratch.memory import Memories
from digitnn.engines.scratch.normalisation_in_blocks import centred, normalise
from digitnn.engines.scratch.training_gradient import Batch, training_gradient
from digitnn.network.layers import SoftmaxCrossEntropy


def norm_whole(layer, params, x, relu=False):
    """BatchNorm of a batch that is one block: y, the function from dy to dx and gradients, and the
    running statistics."""
    block = centred(x)
    norm, statistics = normalise(layer, params, [block], relu)
    y = norm.forward(block)

    def backward(dy):
        kept, gradients = norm.backward_sums(block, y, dy)
        return norm.backward(block, kept, gradients["weight"], gradients["bias"]), gradients

    return y, backward, statistics


def gradient_in_blocks(network, params, x, labels, kept, block):
    """The summed loss, the gradients of the mean loss, and the running statistics of a batch."""
    written, memories = {}, Memories()

    def loss(logits, at):
        value, dlogits = softmax_cross_entropy(SoftmaxCrossEntropy(), logits, labels[at])
        return Outcome(value, 0), dlogits / len(x)

    def write(gradients, number):
        written[number] = {name: gradient.copy() for name, gradient in gradients.items()}

    batch = Batch(len(x), block, lambda at: x[at], kept, loss, write, memories)
    outcome, statistics = training_gradient(network.layers, params, batch)
    order = list(range(-(-len(x) // block)))
    assert sorted(written) == order
    gradients = {name: sum(written[number][name] for number in order) for name in written[0]}
    return outcome.total, gradients, statistics
