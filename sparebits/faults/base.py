"""What every fault model has."""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import ClassVar

import numpy as np

from sparebits.errors import InputError
from sparebits.faults.ber import PARAMETERS
from sparebits.faults.entries import check_count, check_rate, check_seed
from sparebits.faults.flips import Flips
from sparebits.faults.sites import Site


@dataclass(frozen=True)
class FaultModel(ABC):
    """A way in which stored bits go wrong.

    Every model says its faults as XOR masks on the stored words, so undoing a trial is applying it again.

    Attributes:
        name: as in a config's `model` key and tables' `fault_model` column.
    """

    name: ClassVar[str]

    def mask(
        self, stored: np.ndarray, site: Site, seed: int | np.random.Generator, plane: int = PARAMETERS
    ) -> Flips | np.ndarray:
        """The flips of one trial; of one seed they are the same wherever they are drawn.

        Args:
            stored: words of the memory, unsigned integers (site.memory_words,); they stay as they are.
            site: which bits may be hit.
            seed: of the trial, in 0..2^64 - 1; models that give `Flips` also take a generator.
            plane: which memory it is, as in `sparebits.faults.ber`; each has faults of its own.

        Returns:
            `Flips`, or of models that give every bit a probability a mask of the words' type and shape.

        Raises:
            InputError: what `check` says, the seed is none, or the words are not those of the site's memory.
        """
        site.check(stored)
        self.check(site)
        return self._mask(stored, site, seed, plane)

    def check(self, site: Site) -> None:
        """Raise InputError if the faults do not fit into a site; to be asked before any work."""
        obstacle = self._obstacle(site)
        if obstacle:
            raise InputError(f"fault model {self.name}: {obstacle}")

    @abstractmethod
    def _mask(self, stored: np.ndarray, site: Site, seed: int | np.random.Generator, plane: int) -> Flips | np.ndarray:
        """`mask`, of what has been checked."""

    def _obstacle(self, site: Site) -> str | None:
        """Why the faults do not fit into a site, if they do not."""
        return None

    def as_dict(self) -> dict:
        """The config's entry; `sparebits.faults.models.model_from_dict` is the inverse."""
        return {"model": self.name, **asdict(self)}

    @property
    def label(self) -> str:
        """Name and parameters, for readers: "burst, length 8"."""
        own = [f"{key.replace('_', ' ')} {value}" for key, value in self.as_dict().items() if key != "model"]
        return ", ".join([self.name, *own])

    def _check_count(self, key: str, least: int = 1) -> None:
        check_count(f"fault model {self.name}: {key}", getattr(self, key), least)

    def _check_rate(self, key: str) -> None:
        check_rate(f"fault model {self.name}: {key}", getattr(self, key))

    def _check_bit_value(self) -> None:
        """Raise InputError if `value` is neither 0 nor 1."""
        if type(self.value) is not int or self.value not in (0, 1):
            raise InputError(f"fault model {self.name}: value: expected 0 or 1, got {self.value!r}")


def generator_of(seed: int | np.random.Generator, plane: int) -> np.random.Generator:
    """The generator of a seed and a plane; one that is given, as it is."""
    if isinstance(seed, np.random.Generator):
        return seed
    check_seed(seed)
    return np.random.default_rng([seed, plane])
