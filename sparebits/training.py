"""The recipe that trained the networks in `networks/`."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional
from tqdm import trange

from sparebits.datasets import digits_split, read_digits
from sparebits.images import apply_geometry
from sparebits.transforms import Geometry


@dataclass(frozen=True)
class Recipe:
    """How to train one network on the 899 training digits.

    Attributes:
        epochs: passes over the training images.
        learning_rate: peak of a one-cycle schedule of AdamW.
        seed: of initial weights, order and augmentation.
    """

    epochs: int
    learning_rate: float
    batch_size: int = 64
    weight_decay: float = 1e-2
    seed: int = 1


RECIPES = {
    "lenet5": Recipe(epochs=120, learning_rate=3e-3),
    "lenet5_tanh": Recipe(epochs=120, learning_rate=3e-3),
    "lenet5_softplus": Recipe(epochs=120, learning_rate=3e-3),
    "resnet8": Recipe(epochs=100, learning_rate=1e-2),
    "shufflenet_v2_x0_5": Recipe(epochs=150, learning_rate=5e-3),
}


def training_digits(geometry: Geometry) -> tuple[torch.Tensor, torch.Tensor]:
    """The 899 training digits, float32 (899, channels, height, width) in 0..1, and their labels, int64."""
    pixels, labels = read_digits()
    chosen = digits_split()[0]
    prepared = np.stack([apply_geometry(Image.fromarray(pixels[i]), geometry) for i in chosen])
    return torch.from_numpy(prepared).permute(0, 3, 1, 2).float() / 255, torch.from_numpy(labels[chosen])


def train(model: nn.Module, recipe: Recipe, images: torch.Tensor, labels: torch.Tensor, mean: list, std: list) -> None:
    """Train in place, on one thread, so that the same machine gives the same bits.

    Args:
        images: float32 (N, C, H, W) in 0..1, before normalisation by `mean` and `std` (one value a channel).
        labels: int64 (N,).
    """
    torch.manual_seed(recipe.seed)
    torch.set_num_threads(1)
    shape = (1, -1, 1, 1)
    mean, std = torch.tensor(mean).view(shape), torch.tensor(std).view(shape)
    for module in model.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=recipe.weight_decay)
    steps = recipe.epochs * (len(images) // recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, recipe.learning_rate, total_steps=steps)
    model.train()
    for _ in trange(recipe.epochs, unit="epoch", mininterval=2):
        order = torch.randperm(len(images))
        for start in range(0, len(images) - recipe.batch_size + 1, recipe.batch_size):
            chosen = order[start : start + recipe.batch_size]
            logits = model((_jitter(images[chosen]) - mean) / std)
            loss = functional.cross_entropy(logits, labels[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    model.eval()


def _jitter(images: torch.Tensor) -> torch.Tensor:
    """Turn each image by up to 12 degrees, scale it by up to 10 % and shift it by up to 8 %."""
    count = len(images)
    angle = (torch.rand(count) - 0.5) * (24 * torch.pi / 180)
    scale = 1 + (torch.rand(count) - 0.5) * 0.2
    shift = (torch.rand(count, 2) - 0.5) * 0.32
    rotation = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).view(count, 2, 2)
    matrix = torch.cat([rotation * scale.view(-1, 1, 1), shift.unsqueeze(2)], dim=2)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def accuracy(model: nn.Module, images: torch.Tensor, labels: torch.Tensor, mean: list, std: list) -> float:
    """Share of images, before normalisation, that the model classifies as labelled, in 0..1."""
    shape = (1, -1, 1, 1)
    with torch.inference_mode():
        logits = model((images - torch.tensor(mean).view(shape)) / torch.tensor(std).view(shape))
    return float((logits.argmax(dim=1) == labels).float().mean())
