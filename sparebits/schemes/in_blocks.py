"""Networks stored in codes over many words: read after every block has been repaired, as at boot or after scrubbing."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from sparebits.faults.ber import METADATA, PARAMETERS
from sparebits.long_codes.bases import base_words, read_bases
from sparebits.long_codes.scheme import LongScheme
from sparebits.parameters import ParameterTensor
from sparebits.schemes.stored import Forgery, Memory, Reading, StoredNetwork


class InBlocks(StoredNetwork):
    """Words stored by a LongScheme; a code word is a block. The bases of the layouts are metadata, and hit too."""

    def __init__(self, name: str, scheme: LongScheme, words: np.ndarray, tensors: Sequence[ParameterTensor]):
        """Encode.

        Args:
            name: of the scheme.
            scheme: that covers the tensors.
            words: of the network, (values,).
            tensors: of the network, in the order of the scheme's layouts.
        """
        self.scheme, self._tensors = scheme, list(tensors)
        self._storage = scheme.storage(len(words))
        memory = {
            PARAMETERS: self._storage.encode(scheme.quantise(words, self._tensors)),
            METADATA: base_words(scheme.bases, scheme.fmt),
        }
        titles = " or ".join(dict.fromkeys(layout.title for layout in scheme.layouts.values()))
        super().__init__(name, titles, self._storage.code, "over many words", "median", memory)

    def read(self, memory: Memory) -> Reading:
        limits = [layout.base_limit for layout in self.scheme.layouts.values()]
        bases, _ = read_bases(memory[METADATA], limits, self.scheme.fmt)
        layouts = {
            name: replace(layout, base=base)
            for (name, layout), base in zip(self.scheme.layouts.items(), bases, strict=True)
        }
        stored = memory[PARAMETERS].copy()
        report = self._storage.repair(stored)
        data, lost = self._storage.data_of(stored, report.failed)
        words = replace(self.scheme, layouts=layouts).restore(data, lost, self._tensors)
        return Reading(words, report.corrected_bits, report.corrected_blocks, report.failed)

    @cached_property
    def code_word_of(self) -> np.ndarray:
        """The block of each value."""
        partition = self._storage.partition
        return np.repeat(np.arange(partition.blocks), np.diff(partition.starts))

    def forgeries(self, index: int) -> list[Forgery]:
        """None: a wrong value takes another code word of thousands of bits, and no light one is known."""
        return []
