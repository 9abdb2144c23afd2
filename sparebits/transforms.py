"""Which transform a network's images go through: the config's, or that of its torchvision weights."""

import re
from dataclasses import dataclass

from sparebits.errors import InputError


@dataclass(frozen=True)
class Geometry:
    """What happens to an image before its pixels become numbers.

    Attributes:
        resize: the shorter side becomes this long; None leaves the size alone.
        crop: side of the square cut out of the centre; None cuts nothing.
        interpolation: torchvision's name, "bilinear" or "bicubic".
        channels: 3 (RGB) or 1 (grey).
    """

    resize: int | None
    crop: int | None
    interpolation: str
    channels: int

    @property
    def slug(self) -> str:
        """The geometry as the name of a folder, for example resize256-crop224-bilinear-3."""
        return f"resize{self.resize or 0}-crop{self.crop or 0}-{self.interpolation}-{self.channels}"

    @classmethod
    def from_slug(cls, slug: str) -> "Geometry":
        """The inverse of `slug`."""
        resize, crop, interpolation, channels = re.fullmatch(r"resize(\d+)-crop(\d+)-([a-z]+)-(\d)", slug).groups()
        return cls(int(resize) or None, int(crop) or None, interpolation, int(channels))


def geometry_of(config: dict, network: str) -> Geometry:
    """The geometry of a network's images; errors as `transform_of`."""
    transform = transform_of(config, network)
    return Geometry(transform["resize"], transform["crop"], transform["interpolation"], len(transform["mean"]))


def transform_of(config: dict, network: str) -> dict:
    """The transform of a network's images: resize, crop, interpolation, mean and std.

    Raises:
        InputError: if the data set says `transform: weights` and the weights are none of torchvision's.
    """
    entry = config["networks"][network]
    transform = config["datasets"][entry["dataset"]]["transform"]
    if transform != "weights":
        return transform
    # Takes seconds to import, and most configs do not need it.
    from sparebits.weights import weights_enum

    enum = weights_enum(entry["weights"], entry["architecture"])
    if enum is None:
        raise InputError(
            f"networks.{network}: its data set has `transform: weights`, but {entry['weights']} is not a file that "
            "torchvision publishes for its architecture; write the transform out"
        )
    preset = enum.transforms()
    return {
        "resize": preset.resize_size[0],
        "crop": preset.crop_size[0],
        "interpolation": preset.interpolation.value,
        "mean": list(preset.mean),
        "std": list(preset.std),
    }
