"""Attackers who know the network but not how it is stored: their flips are chosen on its own words.

They do not read back what their flips did, so one sequence of flips, computed once, meets every scheme.
"""

from collections.abc import Iterator

import numpy as np

from sparebits.attack.gains import best_flips, strongest_bits
from sparebits.attack.loss import AttackLoss, Damage
from sparebits.attack.steps import Step
from sparebits.faults.ber import PARAMETERS
from sparebits.parameters import FlatParameters
from sparebits.schemes.stored import Flip

TRIED_TENSORS = 8
"""Tensors whose best flip is tried in a step, those of greatest first-order gain."""
SEARCHED_FLIPS = 50
"""Flips that are searched one by one; the following ones are taken in bulk."""


def strongest_bit_attack(loss: AttackLoss, parameters: FlatParameters, most_flips: int) -> list[Step]:
    """The strongest bit (gains.strongest_bits) of one value after the other, by descending magnitude of the gradient.

    The gradient is that of the untouched network, of all its values, and nothing is tried. Values whose exponent field
    is full have no such bit and are passed over.

    Args:
        loss: on the attacker's images.
        parameters: of the network; its untouched words are attacked.
        most_flips: length of the sequence, at most.
    """
    words, fmt = parameters.golden, parameters.fmt
    bits = strongest_bits(words, fmt)
    order = np.argsort(-np.abs(loss.gradient(words)), kind="stable")
    return [_step(index, bits[index]) for index in order[bits[order] >= 0][:most_flips]]


def progressive_bit_search(loss: AttackLoss, parameters: FlatParameters, most_flips: int) -> list[Step]:
    """Progressive bit search: A. S. Rakin, Z. He, D. Fan, "Bit-flip attack", ICCV 2019, on the format's own words.

    A step takes the gradient, finds in each tensor the flip of greatest first-order gain, measures the loss with the
    best flip of each of the TRIED_TENSORS tensors that promise most, and keeps the flip of the greatest loss (of equal
    ones that of greater gain). Where the search has brought the attacked images to chance, or raises the loss no more,
    the attacker, who does not see the effect, supposes that all was undone and begins anew at the untouched network,
    with words that were not flipped yet. After SEARCHED_FLIPS flips the rest is taken without trials by gain on the
    untouched network, tensors in turn.

    Args: as `strongest_bit_attack`.
    """
    search = _Search(loss, parameters)
    steps = []
    for index, bit in search.rounds():
        if len(steps) >= min(SEARCHED_FLIPS, most_flips):
            break
        steps.append(_step(index, bit))
    rest = search.in_bulk([step.index for step in steps], most_flips - len(steps))
    return steps + [_step(index, bit) for index, bit in rest]


class _Search:
    """What is known of the untouched network, and searches that begin there."""

    def __init__(self, loss: AttackLoss, parameters: FlatParameters):
        self._loss, self._fmt, self._words = loss, parameters.fmt, parameters.golden
        self._spans = [tensor.span for tensor in parameters.tensors]
        self._untouched = loss.measure(self._words)
        self._bits, self._gains = best_flips(self._words, loss.gradient(self._words), self._fmt)
        self._tried: dict[int, Damage] = {}

    def rounds(self) -> Iterator[tuple[int, int]]:
        """Index and bit of flip after flip."""
        taken = np.zeros(len(self._words), dtype=bool)
        while True:
            words, damage, bits, gains, tried = (
                self._words.copy(),
                self._untouched,
                self._bits,
                self._gains,
                self._tried,
            )
            found_any = False
            while damage.hits > self._loss.constant_hits:
                index, after = self._step(words, bits, np.where(taken, 0.0, gains), tried)
                if index is None or after.loss <= damage.loss:
                    break
                found_any = taken[index] = True
                yield index, int(bits[index])
                words[index] ^= words.dtype.type(1 << int(bits[index]))
                damage = after
                bits, gains = best_flips(words, self._loss.gradient(words), self._fmt)
                tried = {}
            if not found_any:
                return

    def in_bulk(self, taken: list[int], count: int) -> list[tuple[int, int]]:
        """Index and bit of the best flips of the untouched network: the best of each tensor, then the second best, …"""
        gains = self._gains.copy()
        gains[taken] = 0.0
        ranks, indices = [], []
        for span in self._spans:
            order = np.argsort(-gains[span], kind="stable")[:count]
            order = order[gains[span][order] > 0]
            ranks.append(np.arange(len(order)))
            indices.append(order + span.start)
        ranks, indices = np.concatenate(ranks), np.concatenate(indices)
        chosen = indices[np.lexsort((-gains[indices], ranks))][:count]
        return [(int(index), int(self._bits[index])) for index in chosen]

    def _step(
        self, words: np.ndarray, bits: np.ndarray, gains: np.ndarray, tried: dict[int, Damage]
    ) -> tuple[int | None, Damage]:
        """The flip of greatest loss, and what it does; those in `tried` are not measured again."""
        best = [span.start + int(gains[span].argmax()) for span in self._spans]
        best = sorted((index for index in best if gains[index] > 0), key=lambda index: -gains[index])
        found, most = None, Damage(-1.0, 0)
        for index in best[:TRIED_TENSORS]:
            if index not in tried:
                mask = words.dtype.type(1 << int(bits[index]))
                words[index] ^= mask
                tried[index] = self._loss.measure(words)
                words[index] ^= mask
            if tried[index].loss > most.loss:
                found, most = index, tried[index]
        return found, most


def _step(index: int, bit: int) -> Step:
    return Step(int(index), (Flip(PARAMETERS, int(index), int(bit)),))
