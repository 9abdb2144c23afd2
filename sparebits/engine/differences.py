"""Which images of two results differ, and by how much."""

import math

import numba
import numpy as np
import torch

_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_SLACK, _UNDERFLOW = 1 + 1e-3, 1e-18
"""By what norms are enlarged: they were computed in floating point themselves, and the smallest squares underflow."""
_BLOCK = 1024
"""Values that are looked at before it is asked whether more matter."""


def differ(first: torch.Tensor, second: torch.Tensor) -> np.ndarray:
    """Whether two results of one shape differ in any bit, image by image, bool (images,)."""
    first, second = (tensor.view(_INTEGERS[tensor.element_size()]) for tensor in (first, second))
    if first.device.type != "cpu" or not _rows_are_blocks(first, second):
        return (first != second).reshape(len(first), -1).any(dim=1).cpu().numpy()
    # Most images that differ do so early, and the rest of them need not be read.
    return _rows_differ(_as_rows(first), _as_rows(second))


def compare(
    new: torch.Tensor, old: torch.Tensor, rows: np.ndarray | None, limits: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How two results differ, image by image, reading no more than it takes.

    Args:
        new: (images, ...).
        old: of more images, of the same shape otherwise.
        rows: which of them are meant, int64 (images,); None if they are the same.
        limits: distances beyond which it does not matter how far it is, float64 (images,).

    Returns:
        whether any bit differs, bool (images,), and Euclidean distances, never below the exact ones, float64 (images,);
        infinite or NaN beyond the limits.
    """
    if new.device.type == "cpu" and new.is_floating_point() and _rows_are_blocks(new, old):
        moved, squares = np.zeros(len(new), dtype=bool), np.zeros(len(new))
        words = (_as_rows(tensor.view(_INTEGERS[tensor.element_size()])) for tensor in (new, old))
        rows = np.arange(len(new)) if rows is None else rows
        bounds = np.where(limits >= 0, limits**2, -1.0)
        _compare_rows(*words, _as_rows(new), _as_rows(old), rows, bounds, moved, squares)
        return moved, np.sqrt(squares) * _SLACK + _UNDERFLOW * moved
    if rows is not None:
        old = old.index_select(0, torch.from_numpy(rows).to(old.device))
    moved = differ(new, old)
    if not new.is_floating_point():
        return moved, np.where(moved, math.inf, 0.0)
    return moved, distances(new, old).double().cpu().numpy() * moved


def distances(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Euclidean distances, image by image, never below the exact ones, (images,)."""
    return norms(first - second)


def norms(values: torch.Tensor) -> torch.Tensor:
    """Euclidean norms, image by image, never below the exact ones, (images,)."""
    if values.dim() == 4:
        # Contiguous in channels-last order, so that flattening copies nothing.
        values = values.permute(0, 2, 3, 1) if values.stride(1) == 1 else values
    return values.flatten(1).norm(dim=1) * _SLACK + _UNDERFLOW


def as_blocks(tensor: torch.Tensor) -> tuple[np.ndarray, bool] | None:
    """An image-like tensor's memory: (images, pixels, channels) and true, or (images, channels, pixels) and false.

    None if it is neither.
    """
    if tensor.dim() != 4:
        return None
    if tensor.is_contiguous(memory_format=torch.channels_last):
        images, channels, height, width = tensor.shape
        return tensor.permute(0, 2, 3, 1).view(images, height * width, channels).numpy(), True
    if tensor.is_contiguous():
        return tensor.view(*tensor.shape[:2], -1).numpy(), False
    return None


def _rows_are_blocks(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether each image's values lie side by side in memory, in the same order in both."""
    return first.stride()[1:] == second.stride()[1:] and all(
        tensor.is_contiguous() or (tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last))
        for tensor in (first, second)
    )


def _as_rows(tensor: torch.Tensor) -> np.ndarray:
    if not tensor.is_contiguous():
        tensor = tensor.permute(0, 2, 3, 1)
    return tensor.reshape(len(tensor), -1).numpy()


def _kernel(function):
    # The order of sums is free; NaN and infinities count.
    return numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})(function)


@_kernel
def _differ_somewhere(new, old):
    found = new.dtype.type(0)
    for place in range(len(new)):
        found |= new[place] ^ old[place]
    return found != 0


@_kernel
def _square_of_distance(new, old):
    total = new.dtype.type(0)
    for place in range(len(new)):
        change = new[place] - old[place]
        total += change * change
    return total


@_kernel
def _rows_differ(first, second):
    found = np.zeros(len(first), dtype=np.bool_)
    for row in range(len(first)):
        for start in range(0, first.shape[1], _BLOCK):
            stop = min(start + _BLOCK, first.shape[1])
            if _differ_somewhere(first[row, start:stop], second[row, start:stop]):
                found[row] = True
                break
    return found


@_kernel
def _compare_rows(new_words, old_words, new, old, rows, bounds, moved, squares):
    values = new.shape[1]
    for row in range(len(new)):
        new_row, old_row = new[row], old[rows[row]]
        new_row_words, old_row_words = new_words[row], old_words[rows[row]]
        total, different = 0.0, False
        for start in range(0, values, _BLOCK):
            stop = min(start + _BLOCK, values)
            different |= _differ_somewhere(new_row_words[start:stop], old_row_words[start:stop])
            if different:
                total += _square_of_distance(new_row[start:stop], old_row[start:stop])
                if not total <= bounds[row]:
                    total = np.inf
                    break
        moved[row], squares[row] = different, total
