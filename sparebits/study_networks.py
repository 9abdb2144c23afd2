"""Networks that the studies compare with those of the default experiment, for `architecture:` in a config."""

from torch import nn

from sparebits import architectures
from sparebits.errors import InputError, nearest

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "softplus": nn.Softplus}
"""Activations of a LeNet5: one that is linear in parts and two transcendental ones, of which tanh is bounded."""


class LeNet5(architectures.LeNet5):
    """The LeNet-5 of `sparebits.architectures` with another activation and the same parameter tensors.

    Args:
        channels: of images.
        classes: number of logits.
        activation: one of ACTIVATIONS.

    Raises:
        InputError: there is no such activation.
    """

    def __init__(self, channels: int, classes: int, activation: str):
        super().__init__(channels, classes)
        if activation not in ACTIVATIONS:
            raise InputError(
                f"activation is one of {', '.join(ACTIVATIONS)}, not {activation!r}"
                f"{nearest(str(activation), ACTIVATIONS)}"
            )
        for part in (self.features, self.classifier):
            for place, module in enumerate(part):
                if isinstance(module, nn.ReLU):
                    part[place] = ACTIVATIONS[activation]()
