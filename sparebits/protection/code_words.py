"""The words of tensors as code words of a group, and back."""

from collections.abc import Sequence

import numpy as np

from sparebits.codes.packing import LIMB_BITS, limbs_of, packed_dtype
from sparebits.protection.scheme import Group


def joined(group: Group, parts: Sequence[np.ndarray]) -> np.ndarray:
    """The code words that the stored words of a group's tensors make up.

    Position i of a code word is bit i of the first tensor's word; the other tensors' words follow. A code shorter than
    the words leaves bits above it without use, and what they hold is dropped unless they share a limb with the code.

    Args:
        parts: of each tensor, (N,), of the format's unsigned integer type.

    Returns:
        packed (N,), or (N, 2) where n > 64.
    """
    words = parts[0]
    if len(parts) > 1:
        stacked = np.stack(parts, axis=1).astype(parts[0].dtype.newbyteorder("<"), copy=False)
        words = stacked.view("<u8").astype(np.uint64, copy=False)
        words = words if group.code.n > LIMB_BITS else words[:, 0]
    return words if group.code.n > LIMB_BITS else words.astype(packed_dtype(group.code.n), copy=False)


def parted(group: Group, words: np.ndarray) -> list[np.ndarray]:
    """The inverse of `joined`, with zeros in the bits that the code does not use."""
    dtype, tensors = group.layouts[0].fmt.word_dtype, len(group.tensors)
    if tensors == 1:
        return [words.astype(dtype, copy=False)]
    limbs = np.zeros((len(words), limbs_of(8 * dtype.itemsize * tensors)), dtype="<u8")
    limbs[:, : limbs_of(group.code.n)] = words.reshape(len(words), -1)
    return [np.ascontiguousarray(part, dtype=dtype) for part in limbs.view(dtype.newbyteorder("<")).T]
