"""Train the network of the recipe `cnn` as a plain PyTorch script does.

A DataLoader over float tensors, batches of 64, Adam at a constant 1e-3, NCHW, all else as by
default: a typical first script, and the peer of `benchmarks.timing.cnn`.
"""

from collections.abc import Iterator

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from digitnn.data.dataset import Dataset


def make_model() -> nn.Sequential:
    """Return two 5x5 convolutions with ReLU and max-pooling, 128 units, 10 logits."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1024, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def to_tensors(dataset: Dataset) -> TensorDataset:
    """Scale images to 0..1 and standardise them; labels become int64."""
    images = (torch.tensor(dataset.images).unsqueeze(1).float() / 255 - 0.1307) / 0.3081
    return TensorDataset(images, torch.tensor(dataset.labels).long())


def train_plain(train: Dataset, seed: int, epochs: int) -> Iterator[nn.Module]:
    """Train and yield the model, always the same object, after each epoch."""
    torch.manual_seed(seed)
    model = make_model()
    loader = DataLoader(to_tensors(train), batch_size=64, shuffle=True)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_function = nn.CrossEntropyLoss()
    for _ in range(epochs):
        model.train()
        for images, labels in loader:
            optimiser.zero_grad()
            loss = loss_function(model(images), labels)
            loss.backward()
            optimiser.step()
        yield model


def accuracy_of(model: nn.Module, dataset: Dataset) -> float:
    """Return the share of `dataset` that the model classifies correctly."""
    model.eval()
    correct = 0
    with torch.no_grad():
        for images, labels in DataLoader(to_tensors(dataset), batch_size=1000):
            correct += int((model(images).argmax(dim=1) == labels).sum())
    return correct / len(dataset)
