"""Networks whose words are code words in their own place: any layouts, codes, decoders and policies."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from sparebits.codes.linear import LinearCode
from sparebits.faults.ber import METADATA, PARAMETERS
from sparebits.parameters import FlatParameters, ParameterTensor
from sparebits.protection.encoding import protect_words, recover_words
from sparebits.protection.fitting import fit_scheme
from sparebits.protection.plan import Plan
from sparebits.protection.records import groups_of_metadata, metadata_words
from sparebits.protection.scheme import Group, Scheme
from sparebits.protection.windows import batchnorm_eps, words_of_window
from sparebits.schemes.forging import forge
from sparebits.schemes.stored import Forgery, Memory, Reading, StoredNetwork


class Coded(StoredNetwork):
    """Words stored by a scheme. What decoding needs to know of a tensor, base or median, is metadata, and hit too."""

    def __init__(self, name: str, scheme: Scheme, words: np.ndarray, tensors: Sequence[ParameterTensor]):
        """Encode.

        Args:
            name: of the scheme.
            scheme: that covers the tensors.
            words: to be stored, (values,): the network's, or those of a network that computes the same.
            tensors: of the network.
        """
        self.scheme, self._tensors = scheme, list(tensors)
        self._recorded = [group for group in scheme.groups if _needs_record(group)]
        memory = {PARAMETERS: protect_words(scheme, words, self._tensors)}
        if self._recorded:
            memory[METADATA] = metadata_words(self._recorded)
        described = (
            self._by_role(lambda group: " + ".join(layout.title for layout in group.layouts)),
            self._by_role(lambda group: "none" if group.code.n == group.code.k else group.code.name),
            self._by_role(lambda group: group.decoder),
            self._by_role(lambda group: group.policy),
        )
        super().__init__(name, *described, memory)

    def read(self, memory: Memory) -> Reading:
        scheme, outvoted = self.scheme, 0
        if self._recorded and not np.array_equal(memory[METADATA], self.memory[METADATA]):
            known, outvoted = groups_of_metadata(memory[METADATA], self._recorded)
            read = dict(zip(map(id, self._recorded), known, strict=True))
            scheme = replace(scheme, groups=tuple(read.get(id(group), group) for group in scheme.groups))
        recovered = recover_words(scheme, memory[PARAMETERS], self._tensors)
        detected = [
            report.detected + first for report, first in zip(recovered.groups, self._first_code_words, strict=True)
        ]
        corrected_bits = recovered.corrected_bits + outvoted
        return Reading(recovered.words, corrected_bits, recovered.corrected_words, np.concatenate(detected or [_NONE]))

    @cached_property
    def code_word_of(self) -> np.ndarray | None:
        if self.code == "none":
            return None
        numbers = np.empty(len(self.memory[PARAMETERS]), dtype=np.int64)
        for group, first in zip(self.scheme.groups, self._first_code_words, strict=True):
            for name in group.tensors:
                span = self._by_name[name].span
                numbers[span] = first + np.arange(span.stop - span.start)
        return numbers

    @property
    def coded_words(self) -> list[tuple[LinearCode, str, int]]:
        if self.code == "none":
            return []
        return [(group.code, group.decoder, count) for group, count in self._code_words]

    @property
    def _code_words(self) -> list[tuple[Group, int]]:
        """Each group with the number of its code words."""
        return [(group, self._by_name[group.tensors[0]].values) for group in self.scheme.groups]

    def forgeries(self, index: int) -> list[Forgery]:
        tensor = self._tensor_at(index)
        group = self.scheme.group_of[tensor.name]
        spans = [self._by_name[name].span for name in group.tensors]
        return forge(group, group.tensors.index(tensor.name), index - tensor.start, spans, self.memory[PARAMETERS])

    def group_at(self, index: int) -> Group:
        """The group of a value."""
        return self.scheme.group_of[self._tensor_at(index).name]

    def _tensor_at(self, index: int) -> ParameterTensor:
        return next(tensor for tensor in self._tensors if tensor.span.start <= index < tensor.span.stop)

    @cached_property
    def _by_name(self) -> dict[str, ParameterTensor]:
        return {tensor.name: tensor for tensor in self._tensors}

    @cached_property
    def _first_code_words(self) -> np.ndarray:
        counts = [count for _, count in self._code_words]
        return np.concatenate([[0], np.cumsum(counts)])[:-1].astype(np.int64)

    def _by_role(self, describe: Callable[[Group], str]) -> str:
        """What describes the groups; where roles differ each is named: weights …; batchnorm …."""
        found: dict[str, dict[str, None]] = {}
        for tensor in self._tensors:
            found.setdefault(tensor.role, {})[describe(self.scheme.group_of[tensor.name])] = None
        texts = {role: " or ".join(of_role) for role, of_role in found.items()}
        if len(set(texts.values())) == 1:
            return next(iter(texts.values()))
        return "; ".join(f"{role} {text}" for role, text in texts.items())


def planned(name: str, plan: Plan, parameters: FlatParameters) -> Coded:
    """A plan fitted to the network's words, which are first scaled by channel where the plan says so.

    Raises:
        InputError: the plan does not fit the network.
    """
    words = words_of_window(plan.window, parameters)
    eps = batchnorm_eps(parameters.model)
    return Coded(name, fit_scheme(plan, parameters.tensors, words, parameters.fmt, eps), words, parameters.tensors)


def _needs_record(group: Group) -> bool:
    """Whether decoding needs a base or a median of the group; a window of all exponents has no base to know."""
    narrow = any(
        hasattr(layout, "base") and layout.exponent_bits < layout.fmt.exponent_bits for layout in group.layouts
    )
    return narrow or group.policy == "median"


_NONE = np.empty(0, dtype=np.int64)
