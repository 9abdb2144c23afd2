"""Decode, resize and crop every image once, into one memory-mapped array of bytes."""

import csv
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as transforms
from tqdm import tqdm

from sparebits.datasets import LabelledImages
from sparebits.errors import InputError
from sparebits.files import whole_file
from sparebits.transforms import Geometry


def apply_geometry(image: Image.Image, geometry: Geometry) -> np.ndarray:
    """The image as uint8 (height, width, channels), by the same operations as torchvision's Resize and CenterCrop."""
    image = image.convert("RGB" if geometry.channels == 3 else "L")
    if geometry.resize:
        image = transforms.resize(image, geometry.resize, InterpolationMode(geometry.interpolation))
    if geometry.crop:
        image = transforms.center_crop(image, geometry.crop)
    return np.asarray(image).reshape(image.height, image.width, geometry.channels)


def prepare_images(images: LabelledImages, geometry: Geometry, output: str | Path, threads: int) -> None:
    """Write all images as one uint8 array (images, height, width, channels) in .npy format.

    Memory stays bounded: the array is written through a memory map, `threads` images are decoded at a time.

    Raises:
        InputError: names an image that cannot be decoded, or whose size differs from the first one's.
    """
    first = apply_geometry(images.load(0), geometry)

    def prepare(i: int) -> None:
        pixels = apply_geometry(images.load(i), geometry)
        if pixels.shape != first.shape:
            raise InputError(
                f"{images.ids[i]} has {pixels.shape[1]} x {pixels.shape[0]} pixels after the transform, the first "
                f"image {first.shape[1]} x {first.shape[0]}; set transform.resize and transform.crop"
            )
        array[i] = pixels

    with whole_file(output) as temporary:
        shape = (len(images), *first.shape)
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.uint8, shape=shape)
        # On a full disk this fails with a word; a page of the map that finds no room would end the process without one.
        with open(temporary, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, temporary.stat().st_size)
        with ThreadPoolExecutor(threads) as pool:
            try:
                for _ in tqdm(pool.map(prepare, range(len(images))), total=len(images), unit="image", mininterval=2):
                    pass
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        array.flush()


def write_labels(images: LabelledImages, output: str | Path) -> None:
    """Write labels.csv: image_id, label, in the order of the array."""
    with whole_file(output) as temporary, open(temporary, "w", newline="", encoding="utf-8") as lines:
        rows = csv.writer(lines, lineterminator="\n")
        rows.writerow(["image_id", "label"])
        rows.writerows(zip(images.ids, images.labels, strict=True))
