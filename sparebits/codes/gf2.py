"""Linear algebra over GF(2) on uint8 matrices of zeros and ones."""

import numpy as np


def row_reduce(matrix: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    """Reduced row echelon form without its zero rows, and the pivot columns, ascending.

    Args:
        matrix: uint8 (rows, columns).

    Returns:
        uint8 (rank, columns) with an identity at the pivot columns, and the rank pivots.
    """
    matrix = np.array(matrix, dtype=np.uint8)
    pivots = []
    for column in range(matrix.shape[1]):
        row = len(pivots)
        candidates = np.flatnonzero(matrix[row:, column])
        if not len(candidates):
            continue
        pivot_row = row + candidates[0]
        matrix[[row, pivot_row]] = matrix[[pivot_row, row]]
        others = np.flatnonzero(matrix[:, column])
        matrix[others[others != row]] ^= matrix[row]
        pivots.append(column)
        if len(pivots) == len(matrix):
            break
    return matrix[: len(pivots)], tuple(pivots)


def rank(matrix: np.ndarray) -> int:
    """Dimension of the row space."""
    return len(row_reduce(matrix)[1])


def null_space(matrix: np.ndarray) -> np.ndarray:
    """A basis, uint8 (columns - rank, columns), of the vectors v with matrix v^T = 0: the dual of the row space.

    For a reduced matrix (I | A) it is (A^T | I), columns in their places.
    """
    reduced, pivots = row_reduce(matrix)
    columns = matrix.shape[1]
    free = [column for column in range(columns) if column not in pivots]
    basis = np.zeros((len(free), columns), dtype=np.uint8)
    basis[np.arange(len(free)), free] = 1
    basis[:, list(pivots)] = reduced[:, free].T
    return basis
