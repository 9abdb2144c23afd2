"""From how many images on the steps of a network give the bits of the whole batch, so that others may leave it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from sparebits.engine.differences import differ
from sparebits.engine.golden import GoldenBatch, StepKinds, rows_of
from sparebits.engine.graph import Graph, Step, tensors_in

_PRODUCTS = (torch.matmul, torch.mm, torch.addmm, functional.linear, "matmul", "mm", "addmm", "__matmul__")


@dataclass(frozen=True)
class Leaving:
    """What holds if only some images of a batch are left.

    Attributes:
        smallest: fewest images from which on no result depends on their number; None if no image may leave.
        whole: places of steps that depend on it at some number, and that are therefore run for the whole batch always.
    """

    smallest: int | None
    whole: frozenset[int] = frozenset()


def next_count(count: int) -> int:
    """The next number of three significant bits or fewer: for each number of images kernels are prepared anew."""
    step = 1 << max(0, count.bit_length() - 3)
    return -(-count // step) * step


def try_leaving(graph: Graph, kinds: StepKinds, batches: Iterable[GoldenBatch]) -> Leaving:
    """Try each number of images that can be left, from the largest down to the first that gives other bits.

    Products of matrices with a row an image are the exception: libraries of linear algebra choose their kernels by the
    number of rows, and running these steps whole costs little.

    Args:
        batches: one of each length that will be run.
    """
    if not kinds.go_by_image:
        return Leaving(None)
    smallest, whole = 2, set()
    for golden in batches:
        agreeing = None
        for count in reversed([count for count in range(2, golden.images) if next_count(count) == count]):
            differing = _differing(graph, kinds, golden, count)
            if not all(_is_product_of_rows(step, golden) for step in differing):
                break
            agreeing = count
            whole.update(step.place for step in differing)
        if agreeing is None:
            return Leaving(None)
        smallest = max(smallest, agreeing)
        # Before the next one takes memory.
        del golden
    return Leaving(smallest, frozenset(whole))


def _differing(graph: Graph, kinds: StepKinds, golden: GoldenBatch, count: int) -> list[Step]:
    """The steps that, for some of the images only, do not give the bits that they give in the batch."""
    device = golden.results[0].device
    chosen = np.random.default_rng(count).permutation(golden.images)[:count]
    rows = torch.from_numpy(np.sort(chosen)).to(device)
    results: list[Any] = []
    found = []
    for step in graph.steps:
        if step.place in kinds.numbers or step.place in kinds.constants:
            results.append(golden.rows(step.place, rows))
            continue
        result = graph.run(step.place, results.__getitem__, rows_of(golden.results[0], rows))
        expected = golden.rows(step.place, rows)
        pairs = zip(tensors_in(result), tensors_in(expected), strict=True)
        if any(differ(new, old).any() for new, old in pairs):
            found.append(step)
            # What follows is judged by itself.
            result = expected
        results.append(result)
    return found


def _is_product_of_rows(step: Step, golden: GoldenBatch) -> bool:
    """Whether a step multiplies a matrix of one row an image by another matrix."""
    result = golden.results[step.place]
    taken = golden.results[step.inputs[0]]
    are_matrices = all(isinstance(value, torch.Tensor) and value.dim() == 2 for value in (taken, result))
    return are_matrices and (isinstance(step.module, nn.Linear) or step.node.target in _PRODUCTS)
