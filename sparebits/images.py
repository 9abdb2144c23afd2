"""Decode, resize and crop every image once, into one memory-mapped array of bytes."""

import csv
import io
import json
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL
import torchvision
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as transforms
from tqdm import tqdm

from sparebits.datasets import LabelledImages
from sparebits.errors import InputError
from sparebits.files import continued_file, whole_file
from sparebits.transforms import Geometry


def apply_geometry(image: Image.Image, geometry: Geometry) -> np.ndarray:
    """The image as uint8 (height, width, channels), by the same operations as torchvision's Resize and CenterCrop."""
    image = image.convert("RGB" if geometry.channels == 3 else "L")
    if geometry.resize:
        image = transforms.resize(image, geometry.resize, InterpolationMode(geometry.interpolation))
    if geometry.crop:
        image = transforms.center_crop(image, geometry.crop)
    return np.asarray(image).reshape(image.height, image.width, geometry.channels)


def prepare_images(
    images: LabelledImages, geometry: Geometry, output: str | Path, threads: int, source: str = ""
) -> None:
    """Write all images as one uint8 array (images, height, width, channels) in .npy format.

    Memory stays bounded: a few images a thread are held at a time, and written in their order. After a kill the same
    call goes on with the first image that was not written.

    Args:
        images: labelled.
        geometry: of the result.
        output: the array to write.
        threads: that decode.
        source: what says where the images come from, so that others of the same names are not taken for them.

    Raises:
        InputError: names an image that cannot be decoded, or whose size differs from the first one's.
    """
    first = apply_geometry(images.load(0), geometry)

    def prepare(i: int) -> np.ndarray:
        pixels = apply_geometry(images.load(i), geometry)
        if pixels.shape != first.shape:
            raise InputError(
                f"{images.ids[i]} has {pixels.shape[1]} x {pixels.shape[0]} pixels after the transform, the first "
                f"image {first.shape[1]} x {first.shape[0]}; set transform.resize and transform.crop"
            )
        return pixels

    setup = [source, geometry.slug, list(images.ids), PIL.__version__, torchvision.__version__]
    with continued_file(output, json.dumps(setup) + Path(__file__).read_text(encoding="utf-8")) as file:
        done = _whole_images(file, _header((len(images), *first.shape)), first.nbytes)
        progress = tqdm(total=len(images), initial=done, unit="image", mininterval=2)
        try:
            for pixels in _in_order(prepare, range(done, len(images)), threads):
                file.write(pixels.tobytes())
                progress.update()
                if progress.n % IMAGES_A_SYNC == 0:
                    file.flush()
                    os.fsync(file.fileno())
        except InputError:
            Path(file.name).unlink()
            raise


IMAGES_A_SYNC = 512
"""After so many images they are on disk, also should the power fail."""
IMAGES_A_THREAD = 4
"""Images that are decoded ahead of the one to be written, for each thread."""


def _in_order(prepare: Callable[[int], np.ndarray], indices: Sequence[int], threads: int) -> Iterator[np.ndarray]:
    """What `prepare` gives for each index, in their order, computed by threads a little ahead."""
    waiting: deque[Future] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for i in indices:
                waiting.append(pool.submit(prepare, i))
                if len(waiting) >= IMAGES_A_THREAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _header(shape: tuple[int, ...]) -> bytes:
    """That of a uint8 array in .npy format."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return header.getvalue()


def _whole_images(file: BinaryIO, header: bytes, image_bytes: int) -> int:
    """How many images a file holds, of which all but whole ones is cut off; an empty one gets a header."""
    size = file.seek(0, os.SEEK_END)
    if size < len(header):
        file.truncate(0)
        file.write(header)
        return 0
    done = (size - len(header)) // image_bytes
    file.truncate(len(header) + done * image_bytes)
    return done


def write_labels(images: LabelledImages, output: str | Path) -> None:
    """Write labels.csv: image_id, label, in the order of the array."""
    with whole_file(output) as temporary, open(temporary, "w", newline="", encoding="utf-8") as lines:
        rows = csv.writer(lines, lineterminator="\n")
        rows.writerow(["image_id", "label"])
        rows.writerows(zip(images.ids, images.labels, strict=True))
