"""Flips in the tensors of a safetensors file, for trying out what protects them."""

import shutil
from pathlib import Path

import numpy as np

from sparebits.errors import InputError
from sparebits.faults.ber import PARAMETERS, ber_mask, count_flips
from sparebits.files import whole_file
from sparebits.tensor_files import read_tensors

CHUNK = 1 << 24
"""Bytes that are hit at a time."""


def flip_file(path: str | Path, ber: float, seed: int) -> int:
    """Flip every bit after the header of a file with the same probability; it is replaced at once, a link stays one.

    Args:
        path: a .safetensors file.
        ber: probability, in 0..1; the address of a bit is its byte after the header.
        seed: of the fault map.

    Returns:
        how many bits were flipped.

    Raises:
        InputError: it is no whole safetensors file, or an argument is out of its range.
    """
    if Path(path).suffix != ".safetensors":
        raise InputError(f"{path}: bits are flipped in .safetensors files, whose tensors are bytes as they are")
    read_tensors(path)
    path, flips, address = Path(path).resolve(), 0, 0
    with whole_file(path) as temporary:
        with open(path, "rb") as source, open(temporary, "wb") as target:
            length = source.read(8)
            target.write(length + source.read(int.from_bytes(length, "little")))
            while content := source.read(CHUNK):
                mask = ber_mask(seed, PARAMETERS, len(content), 8, ber, address)
                target.write(np.frombuffer(content, dtype=np.uint8) ^ mask)
                flips, address = flips + count_flips(mask), address + len(content)
        shutil.copymode(path, temporary)
    return flips
