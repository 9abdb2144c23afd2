"""An attacker who knows the scheme, its settings and its code: progressive search among forgeries.

The unit of the search is a forgery (schemes.stored): the fewest flips by which a value is read as another word and
nobody is told. So all flips are spent inside single code words, past what the decoder corrects.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from sparebits.attack.gains import first_order_gains
from sparebits.attack.loss import AttackLoss, Damage
from sparebits.attack.steps import Step, flip_bits
from sparebits.parameters import FlatParameters, doubles_of
from sparebits.schemes.stored import StoredNetwork

TRIED_TENSORS = 8
"""Tensors whose best forgery is tried in a step, those of greatest first-order gain a flip."""
FORGED_TENSORS, FORGED_VALUES = 24, 4
"""Tensors in which forgeries are looked for in a step, and values of each: those that promise most."""


class Options(NamedTuple):
    """What a value can be forged to: words, (forgeries,), and the flips that each takes, int64 (forgeries,)."""

    words: np.ndarray
    flips: np.ndarray


class Forger:
    """The forgeries of a scheme, each value's asked for once.

    Attributes:
        scheme: that is attacked.
    """

    def __init__(self, scheme: StoredNetwork, parameters: FlatParameters):
        self.scheme = scheme
        self._fmt = parameters.fmt
        self._known: dict[int, Options] = {}

    def options(self, index: int) -> Options:
        """What a value can be forged to."""
        if index not in self._known:
            # The flips themselves are asked for again where they are needed: all of them would take gigabytes.
            forgeries = self.scheme.forgeries(index)
            words = np.array([forgery.word for forgery in forgeries], dtype=self._fmt.word_dtype)
            flips = np.array([len(forgery.flips) for forgery in forgeries], dtype=np.int64)
            self._known[index] = Options(words, flips)
        return self._known[index]

    def step(self, index: int, option: int) -> Step:
        """The flips of one of the options."""
        return Step(index, self.scheme.forgeries(index)[option].flips)


class _Candidate(NamedTuple):
    """A forgery, and its first-order gain a flip."""

    index: int
    option: int
    word: int
    flips: int
    gain: float


class KnowingAttacker:
    """Progressive search among the forgeries of a scheme."""

    def __init__(self, forger: Forger, loss: AttackLoss, parameters: FlatParameters):
        """Prepare; the parameters are those of the network that the scheme stores."""
        self._forger, self._scheme, self._loss, self._fmt = forger, forger.scheme, loss, parameters.fmt
        self._spans = [tensor.span for tensor in parameters.tensors if tensor.values]
        magnitudes = np.abs(doubles_of(parameters.golden, parameters.fmt))
        self._largest = np.array([magnitudes[span].max() for span in self._spans])

    def steps(self, most_flips: int) -> Iterator[Step]:
        """Forgery after forgery, until the budget of flips is used up or nothing is left to gain.

        A step takes the gradient at the words as they are read. A scheme lets a value go about as far as its tensor's
        range, or anywhere: tensors are taken in turn by their largest |gradient| times their largest magnitude, and by
        their largest |gradient| alone. Of those that have any, forgeries are looked for in the first FORGED_TENSORS, of
        the FORGED_VALUES values of greatest |gradient| in each, as listing them takes long. The best forgery of each
        tensor, by first-order gain a flip, is a candidate; the TRIED_TENSORS best are tried, and kept is the one that
        raises the loss most a flip (or, if none does, lowers it least; of equal ones that of greater gain). Its flips
        are made and the memory is read again, whatever comes of it. No code word is attacked twice. A gradient that has
        vanished because the images still hit are beyond doubt is replaced by the last one that had not.
        """
        scheme, loss = self._scheme, self._loss
        memory = {plane: words.copy() for plane, words in scheme.memory.items()}
        code_word_of = scheme.code_word_of
        code_word_of = np.arange(len(scheme.clean)) if code_word_of is None else code_word_of
        free = np.ones(len(scheme.clean), dtype=bool)
        reading, last = scheme.read(memory), np.zeros(len(scheme.clean))
        damage = loss.measure(reading.words, reading.bounds)
        while most_flips > 0 and damage.hits:
            gradient = loss.gradient(reading.words, reading.bounds)
            last = gradient if gradient.any() else last
            found = self._candidates(last, reading.words, free, most_flips)
            if not found:
                return
            best = max(found, key=lambda one: self._raise_a_flip(one, reading.words, reading.bounds, damage))
            step = self._forger.step(best.index, best.option)
            yield step
            flip_bits(memory, step.flips)
            most_flips -= len(step.flips)
            free[code_word_of == code_word_of[best.index]] = False
            reading = scheme.read(memory)
            damage = loss.measure(reading.words, reading.bounds)

    def _candidates(
        self, gradient: np.ndarray, words: np.ndarray, free: np.ndarray, most_flips: int
    ) -> list[_Candidate]:
        """The best forgery of each tensor, by descending gain: TRIED_TENSORS at most, none that gains nothing."""
        magnitude = np.where(free, np.abs(gradient), 0.0)
        greatest = np.array([magnitude[span].max() for span in self._spans])
        orders = [np.argsort(-promise, kind="stable") for promise in (greatest * self._largest, greatest)]
        found, looked = [], 0
        for number in dict.fromkeys(np.stack(orders, axis=1).reshape(-1).tolist()):
            span = self._spans[number]
            most = [int(index) for index in _largest(magnitude[span], FORGED_VALUES) + span.start if magnitude[index]]
            of_tensor = [self._best_of(index, gradient, words, most_flips) for index in most]
            found += sorted(filter(None, of_tensor), key=lambda one: -one.gain)[:1]
            looked += any(len(self._forger.options(index).words) for index in most)
            if looked == FORGED_TENSORS:
                break
        return sorted(found, key=lambda one: -one.gain)[:TRIED_TENSORS]

    def _best_of(self, index: int, gradient: np.ndarray, words: np.ndarray, most_flips: int) -> _Candidate | None:
        """The forgery of a value with the greatest gain a flip, if one gains anything within the budget."""
        options = self._forger.options(index)
        gains = first_order_gains(gradient[index], words[index : index + 1], options.words, self._fmt) / options.flips
        gains = np.where(options.flips <= most_flips, gains, 0.0)
        if not gains.any() or gains.max() <= 0:
            return None
        option = int(gains.argmax())
        return _Candidate(index, option, int(options.words[option]), int(options.flips[option]), float(gains[option]))

    def _raise_a_flip(
        self, candidate: _Candidate, words: np.ndarray, bounds: np.ndarray | None, damage: Damage
    ) -> float:
        """By how much a forgery raises the loss a flip; where it lowers it, by how much in all."""
        forged = words.copy()
        forged[candidate.index] = candidate.word
        raised = self._loss.measure(forged, bounds).loss - damage.loss
        return raised / candidate.flips if raised > 0 else raised


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Places of the largest values, at most `count`, in descending order; of equal ones the first."""
    if len(values) > 64 * count:
        least = np.partition(values, len(values) - count)[len(values) - count]
        places = np.flatnonzero(values >= least)
        return places[np.argsort(-values[places], kind="stable")[:count]]
    return np.argsort(-values, kind="stable")[:count]
