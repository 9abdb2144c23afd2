"""What a campaign of single faults injects: entries of the config, and the trials that they come to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sparebits.errors import InputError, nearest
from sparebits.faults.base import FaultModel
from sparebits.faults.cells import SingleBit, StuckAt
from sparebits.faults.draws import draw_bits
from sparebits.faults.entries import check_count, check_keys
from sparebits.faults.flips import Flips
from sparebits.faults.models import model_from_dict
from sparebits.faults.neighbours import WipedWords
from sparebits.faults.rates import AccumulatingStuckAt, Asymmetric
from sparebits.faults.sites import STRATA, Region, Site
from sparebits.faults.targets import Target, target_from_dict
from sparebits.formats import FloatFormat
from sparebits.parameters import ParameterTensor

WHERE = ("parameters", "activations")
"""Persistent faults, in parameters and BatchNorm buffers; transient ones, in activations and images."""
_KEYS = ("where", "fault", "target", "strata", "trials")
_NEED_STORED_WORDS = (Asymmetric, AccumulatingStuckAt, WipedWords)


@dataclass(frozen=True)
class Injection:
    """An entry of the config's `faults.injections`.

    Attributes:
        name: of the entry.
        where: one of WHERE.
        model: of the fault of a trial.
        target: what it may hit.
        strata: "none", or by what the target is divided; each part gets as many trials.
        trials: in all, or of each stratum.
    """

    name: str
    where: str
    model: FaultModel
    target: Target
    strata: str
    trials: int

    def sites(self, memory: Sequence[ParameterTensor | Region], fmt: FloatFormat) -> dict[str, Site]:
        """What may be hit, by stratum.

        Raises:
            InputError: the target matches nothing, or the fault does not fit into it.
        """
        where = f"faults.injections.{self.name}"
        try:
            site = self.target.resolve(memory, fmt)
            sites = {"all": site} if self.strata == "none" else site.strata(self.strata)
            for part in sites.values():
                self.model.check(part)
            if isinstance(self.model, SingleBit) and self.strata == "none" and self.trials > site.bits_count:
                raise InputError(f"{self.trials} different bits cannot be drawn from {site.bits_count}")
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        return sites


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        number: in the table of all injections.
        injection: that it belongs to.
        cells: which bits are hit.
        seed: of its draw.
        image: of a transient fault, its place among those that are used; else -1.
    """

    number: int
    injection: Injection
    cells: Flips
    seed: int
    image: int

    @property
    def stuck(self) -> int | None:
        """The value that the cells are stuck at; None if they flip."""
        return self.injection.model.value if isinstance(self.injection.model, StuckAt) else None

    def flips(self, stored: np.ndarray) -> Flips:
        """The bits that really flip in a memory of these words."""
        if self.stuck is None:
            return self.cells
        wanted = self.cells.masks if self.stuck else np.zeros_like(self.cells.masks)
        masks = (stored[self.cells.indices] ^ wanted) & self.cells.masks
        return Flips(self.cells.indices[masks != 0], masks[masks != 0], self.cells.words)


def injection_from_dict(name: str, entry: dict) -> Injection:
    """The injection of an entry of the config.

    Raises:
        InputError: a key, model, target or number is wrong.
    """
    where = f"faults.injections.{name}"
    try:
        check_keys("entry", entry, _KEYS)
        injection = Injection(
            name=name,
            where=entry.get("where", "parameters"),
            model=model_from_dict(entry.get("fault", "single_bit")),
            target=target_from_dict(entry.get("target", "all")),
            strata=entry.get("strata", "none"),
            trials=entry.get("trials", 0),
        )
        check_count("trials", injection.trials)
        if injection.where not in WHERE:
            raise InputError(f"where is {' or '.join(WHERE)}, not {injection.where}{nearest(injection.where, WHERE)}")
        if injection.strata not in ("none", *STRATA):
            raise InputError(f"strata are none, {', '.join(STRATA)}, not {injection.strata}")
        if injection.where == "activations" and isinstance(injection.model, _NEED_STORED_WORDS):
            raise InputError(f"the fault model {injection.model.name} is for stored words, so for parameters only")
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    return injection


def trials_of(
    injections: Sequence[Injection],
    memories: dict[str, tuple[Sequence[ParameterTensor | Region], FloatFormat, np.ndarray | None]],
    images: int,
    seed: int,
) -> Iterator[Trial]:
    """All trials, in their order.

    Single bits are drawn without replacement over all trials of an injection, or of its strata; other faults trial by
    trial. Of an injection alone depends what it draws, not of the others.

    Args:
        injections: of the config.
        memories: by where faults strike, what lies there, its format, and the stored words (None for activations).
        images: of which transient faults hit one each.
        seed: of the experiment.
    """
    number = 0
    for injection in injections:
        memory, fmt, stored = memories[injection.where]
        base = _seed_of(injection, seed)
        random = np.random.default_rng(base)
        for part in injection.sites(memory, fmt).values():
            for cells, drawn_by in _draws(injection, part, stored, base, random):
                image = int(random.integers(images)) if injection.where == "activations" else -1
                yield Trial(number, injection, cells, drawn_by, image)
                number += 1


def _draws(
    injection: Injection, site: Site, stored: np.ndarray | None, base: int, random: np.random.Generator
) -> Iterator[tuple[Flips, int]]:
    if isinstance(injection.model, SingleBit):
        ordinals = draw_bits(site.bits_count, min(injection.trials, site.bits_count), random)
        for index, bit in zip(*site.locate(ordinals), strict=True):
            yield Flips.at([index], [bit], site.memory_words, site.word_dtype), base
        return
    model = injection.model
    if isinstance(model, StuckAt):
        # All its cells, whatever they hold.
        words = np.full(site.memory_words, 0 if model.value else (1 << site.width) - 1, dtype=site.word_dtype)
    else:
        words = np.zeros(site.memory_words, dtype=site.word_dtype) if stored is None else stored
    for _ in range(injection.trials):
        own = int(random.integers(1 << 63))
        mask = model.mask(words, site, own)
        yield mask if isinstance(mask, Flips) else Flips.of(mask), own


def _seed_of(injection: Injection, seed: int) -> int:
    """Of the injection's name and the experiment: an entry more or less changes no other one's trials."""
    digest = np.frombuffer(injection.name.encode(), dtype=np.uint8)
    return int(np.random.default_rng([seed, len(digest), *digest]).integers(1 << 63))
