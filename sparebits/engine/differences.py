"""Which images of two results differ, and by how much."""

import numba
import numpy as np
import torch

_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def differ(first: torch.Tensor, second: torch.Tensor) -> np.ndarray:
    """Whether two results of one shape differ in any bit, image by image, bool (images,)."""
    first, second = (tensor.view(_INTEGERS[tensor.element_size()]) for tensor in (first, second))
    if first.device.type != "cpu" or not _rows_are_blocks(first, second):
        return (first != second).reshape(len(first), -1).any(dim=1).cpu().numpy()
    # Most images that differ do so early, and the rest of them need not be read.
    return _rows_differ(_as_rows(first), _as_rows(second))


def distances(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Euclidean distances, image by image, never below the exact ones, (images,)."""
    return norms(first - second)


def norms(values: torch.Tensor) -> torch.Tensor:
    """Euclidean norms, image by image, never below the exact ones, (images,)."""
    if values.dim() == 4:
        # Contiguous in channels-last order, so that flattening copies nothing.
        values = values.permute(0, 2, 3, 1) if values.stride(1) == 1 else values
    # The smallest squares underflow.
    return values.flatten(1).norm(dim=1) * (1 + 1e-3) + 1e-18


def _rows_are_blocks(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether each image's values lie side by side in memory, in the same order in both."""
    return first.stride() == second.stride() and all(
        tensor.is_contiguous() or (tensor.dim() == 4 and tensor.is_contiguous(memory_format=torch.channels_last))
        for tensor in (first, second)
    )


def _as_rows(tensor: torch.Tensor) -> np.ndarray:
    if not tensor.is_contiguous():
        tensor = tensor.permute(0, 2, 3, 1)
    return tensor.reshape(len(tensor), -1).numpy()


@numba.njit(cache=True, nogil=True)
def _rows_differ(first, second):
    found = np.zeros(len(first), dtype=np.bool_)
    for row in range(len(first)):
        for place in range(first.shape[1]):
            if first[row, place] != second[row, place]:
                found[row] = True
                break
    return found
