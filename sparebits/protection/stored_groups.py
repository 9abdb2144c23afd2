"""Stored words of a model, by group of its scheme: decoded whenever they are due, with counts of what was found."""

from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import numpy as np
import torch

from sparebits.decoding.bounded_distance import LISTED_BITS, decoder_for
from sparebits.errors import InputError
from sparebits.parameters import words_of
from sparebits.protection.code_words import joined
from sparebits.protection.encoding import (
    GroupReport,
    decode_group,
    encode_group,
    every_word,
    report_of,
    restore_group,
)
from sparebits.protection.scheme import Group

if TYPE_CHECKING:
    from sparebits.protection.wrapper import ModuleProtection


@dataclass(frozen=True)
class Counts:
    """Code words that were decoded, the flips corrected in them, the words these were in, and words beyond repair."""

    words: int = 0
    corrected_bits: int = 0
    corrected_words: int = 0
    detected_words: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.words + other.words,
            self.corrected_bits + other.corrected_bits,
            self.corrected_words + other.corrected_words,
            self.detected_words + other.detected_words,
        )


class StoredGroup:
    """The stored words of a group of the scheme, in a model.

    Attributes:
        tensors: their names.
        owners: of each tensor the module that has it, and its name there.
        report: of the last decoding; None before the first.
        last, total: counts of the last decoding, and of all since the model was protected.
        key: by which compiled graphs find it.
    """

    def __init__(self, protection: "ModuleProtection", index: int):
        # First, so that a deep copy meets the scheme before the reports that refer to it.
        self.protection = protection
        self.index = index
        self.tensors = protection.scheme.groups[index].tensors
        self.owners: list[tuple[torch.nn.Module, str]] = []
        self.encoded = False
        self.report: GroupReport | None = None
        self.last = self.total = Counts()
        self._held: list[torch.Tensor] | None = None
        self._kept: list[torch.Tensor] | None = None
        self._kept_in: int | None = None
        self._enter_register()

    @property
    def group(self) -> Group:
        return self.protection.scheme.groups[self.index]

    @property
    def stored(self) -> list[torch.Tensor]:
        """The stored words of each tensor, as bit patterns of the format; the model's own memory."""
        return [owner.parametrizations[name].original for owner, name in self.owners]

    def values(self) -> list[torch.Tensor]:
        """The decoded values of each tensor."""
        return self._held if self._held is not None else self._due()

    def hold(self, _module: torch.nn.Module, _args: tuple) -> None:
        """Hook of each owner, before its forward pass: one decoding serves every access in it."""
        self._held = self._due()

    def release(self, _module: torch.nn.Module, _args: tuple, _output: object) -> None:
        """Hook of each owner, after its forward pass."""
        self._held = None

    def forget(self) -> None:
        """Decode at the next access, whatever has been decoded in this pass."""
        self._held = self._kept = None

    def decode(self, stored: list[torch.Tensor], clock: int) -> list[torch.Tensor]:
        """Decoded values of each tensor, on its device: kept ones if they still serve.

        Args:
            stored: as `self.stored`.
            clock: of the model's forward passes.
        """
        every = self.protection.decode_every
        # The first pass, from clock 1 on, begins the first stretch; accesses before it have a stretch of their own.
        stretch = (clock - 1) // (2 * every)
        if every > 1 and self._kept is not None and self._kept_in == stretch:
            return self._kept
        # Kept values may serve a pass that records gradients of its input.
        with torch.inference_mode(False), torch.no_grad():
            # Memory of torch's own, whose alignment decides about the last bits of some of its operations.
            values = [torch.empty(place.shape, dtype=place.dtype) for place in stored]
            self._decode_into(
                [self._words_in(part) for part in values], [self._words_in(part) for part in stored], clock
            )
            values = [_placed(part, place) for part, place in zip(values, stored, strict=True)]
        if every > 1:
            self._kept, self._kept_in = values, stretch
        return values

    def encode(self, index: int, values: torch.Tensor) -> torch.Tensor:
        """Stored words of new values of one tensor; those of the group's other tensors follow in place.

        Raises:
            InputError: values of another shape.
        """
        stored = self.stored
        if values.shape != stored[index].shape:
            raise InputError(
                f"{self.tensors[index]} has the shape {tuple(stored[index].shape)}, got values of {tuple(values.shape)}"
            )
        parts = [self._words_in(place) for place in stored]
        if len(parts) > 1:
            parts = list(restore_group(self.group, decode_group(self.group, parts), parts, 0.0))
        parts[index] = words_of(values.to(stored[index].dtype))
        for place, words in zip(stored, encode_group(self.group, parts), strict=True):
            self.write(place, words)
        self.forget()
        return stored[index]

    def write(self, place: torch.Tensor, words: np.ndarray) -> None:
        """Put stored words, (values,), into a tensor."""
        # As integers, which no copy alters.
        fmt = self.group.layouts[0].fmt
        integers = torch.from_numpy(words.view(f"int{fmt.width}")).view(place.shape)
        place.detach().view(integers.dtype).copy_(integers)

    def _due(self) -> list[torch.Tensor]:
        if torch.jit.is_tracing():
            raise InputError("torch.jit.trace would keep decoded values as constants; use torch.compile instead")
        if torch.compiler.is_compiling():
            return decode_operator(self.stored, self.protection.clock, self.key)
        return self.decode(self.stored, int(self.protection.clock))

    def inspect(self) -> GroupReport:
        """What decoding finds now; not counted."""
        return report_of(self.group, decode_group(self.group, [self._words_in(place) for place in self.stored]))

    def _decode_into(self, values: list[np.ndarray], stored: list[np.ndarray], clock: int) -> None:
        """Decode, count, and restore by the group's policy."""
        group = self.group
        # One pass does it all unless posterior means of detected words follow, for which it leaves too little behind.
        if self._table is not None and not (group.policy == "posterior mean" and self.last.detected_words):
            words = joined(group, stored)
            found = decoder_for(group.code).decode_values(words, self._table, values[0])
            if not len(found.detected) or group.policy != "posterior mean":
                if group.policy != "keep":
                    values[0][found.detected] = self._table[group.medians[0] if group.policy == "median" else 0]
                self._count(GroupReport(group, len(words), *found))
                return
        decoded = decode_group(group, stored)
        self._count(report_of(group, decoded))
        needs_ber = group.policy == "posterior mean" and len(decoded.detected)
        parts = restore_group(group, decoded, stored, self.protection.ber_at(clock) if needs_ber else 0.0)
        for part, restored in zip(values, parts, strict=True):
            part[:] = restored

    def _count(self, report: GroupReport) -> None:
        self.report = report
        self.last = Counts(report.words, report.corrected_bits, report.corrected_words, len(report.detected))
        self.total += self.last

    @cached_property
    def _table(self) -> np.ndarray | None:
        """What every data word stands for, (2^k,), where one look-up decodes a word."""
        group = self.group
        if len(group.tensors) > 1 or group.code.k > LISTED_BITS or group.decoder != "bounded distance":
            return None
        return every_word(group.layouts[0])

    def _words_in(self, tensor: torch.Tensor) -> np.ndarray:
        """The words of a tensor, (values,), without a copy where it is contiguous and on the CPU."""
        fmt = self.group.layouts[0].fmt
        integers = tensor.detach().cpu().contiguous().view(getattr(torch, f"int{fmt.width}"))
        return integers.reshape(-1).numpy().view(fmt.word_dtype)

    def _enter_register(self) -> None:
        self.key = next(_KEYS)
        _GROUPS[self.key] = self

    def __setstate__(self, state: dict) -> None:
        """Of a deep copy, which gets a key of its own."""
        self.__dict__.update(state)
        self._enter_register()


@torch.library.custom_op("sparebits::decode", mutates_args=())
def decode_operator(stored: list[torch.Tensor], clock: torch.Tensor, key: int) -> list[torch.Tensor]:
    """`StoredGroup.decode` as one node of a compiled graph; the group is known by its key."""
    # Clones, as a compiled graph may reuse the memory of what an operator returns.
    return [value.clone() for value in _GROUPS[key].decode(stored, int(clock))]


@decode_operator.register_fake
def _(stored, clock, key):
    return [torch.empty_like(place) for place in stored]


_GROUPS: WeakValueDictionary[int, StoredGroup] = WeakValueDictionary()
_KEYS = count()


def _placed(values: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """Values on the device of a tensor and in its memory format."""
    values = values.to(place.device)
    return values if place.is_contiguous() else torch.empty_like(place).copy_(values)
