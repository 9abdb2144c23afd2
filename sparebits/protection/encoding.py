"""A network's words encoded by a scheme, and recovered from stored words that may have been hit."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sparebits.codes.packing import packed_dtype
from sparebits.decoding.bit_error_rate import estimate_ber
from sparebits.decoding.bounded_distance import DecodedWords, decoder_for
from sparebits.decoding.majority import decode_majority
from sparebits.decoding.maximum_likelihood import decode_nearest
from sparebits.decoding.posterior import posterior_means, prior_of
from sparebits.layouts.layout import Layout
from sparebits.parameters import ParameterTensor, doubles_of, nearest_words
from sparebits.protection.code_words import joined, parted
from sparebits.protection.fusion import fused_words, unfused_words
from sparebits.protection.scheme import Group, Scheme

LISTED_LAYOUT_BITS = 12
"""Data bits of a layout up to which its words are listed for decoding: 16 KiB in binary32."""


@dataclass(frozen=True)
class GroupReport:
    """What decoding found in a group.

    Attributes:
        words: code words.
        corrected_bits: flips corrected, in all of them.
        corrected_words: that had any.
        detected: ascending indices of code words beyond repair, int64.
    """

    group: Group
    words: int
    corrected_bits: int
    corrected_words: int
    detected: np.ndarray


@dataclass(frozen=True)
class Recovered:
    """A network's words after decoding.

    Attributes:
        words: (values,), as the layouts keep them.
        groups: a report for each group of the scheme.
        ber: bit error rate estimated from the corrected bits of all groups.
    """

    words: np.ndarray
    groups: list[GroupReport]
    ber: float

    @property
    def corrected_bits(self) -> int:
        return sum(report.corrected_bits for report in self.groups)

    @property
    def corrected_words(self) -> int:
        return sum(report.corrected_words for report in self.groups)

    @property
    def detected_words(self) -> int:
        return sum(len(report.detected) for report in self.groups)


def protect_words(scheme: Scheme, words: np.ndarray, tensors: Sequence[ParameterTensor]) -> np.ndarray:
    """Every word as its data bits and check bits: the same shape and dtype.

    Args:
        scheme: that covers the tensors.
        words: of the network, (values,).
        tensors: of the network.
    """
    by_name = {tensor.name: tensor for tensor in tensors}
    stored = np.empty_like(words)
    for group in scheme.groups:
        spans = [by_name[name].span for name in group.tensors]
        for span, part in zip(spans, encode_group(group, [words[span] for span in spans]), strict=True):
            stored[span] = part
    return stored


def recover_words(scheme: Scheme, stored: np.ndarray, tensors: Sequence[ParameterTensor]) -> Recovered:
    """Decode all stored words; words beyond repair become what their group's policy says.

    Args:
        scheme: by which they were stored.
        stored: words, (values,), of the format's unsigned integer type.
        tensors: of the network.
    """
    by_name = {tensor.name: tensor for tensor in tensors}
    spans = [[by_name[name].span for name in group.tensors] for group in scheme.groups]
    decoded = [
        decode_group(group, [stored[span] for span in of_group])
        for group, of_group in zip(scheme.groups, spans, strict=True)
    ]
    reports = [report_of(group, found) for group, found in zip(scheme.groups, decoded, strict=True)]
    ber = estimated_ber(reports)
    words = np.empty_like(stored)
    for group, of_group, found in zip(scheme.groups, spans, decoded, strict=True):
        for span, part in zip(of_group, restore_group(group, found, [stored[s] for s in of_group], ber), strict=True):
            words[span] = part
    return Recovered(words, reports, ber)


def repair_words(
    scheme: Scheme, stored: np.ndarray, tensors: Sequence[ParameterTensor]
) -> tuple[np.ndarray, list[GroupReport]]:
    """The stored words with every flip undone that the codes can place; words beyond repair stay as they are.

    Args:
        scheme: by which they were stored.
        stored: words, (values,), of the format's unsigned integer type.
        tensors: of the network.

    Returns:
        words (values,), and a report for each group. Flips of bits that a code leaves without use count as corrected.
    """
    by_name = {tensor.name: tensor for tensor in tensors}
    words, reports = np.empty_like(stored), []
    for group in scheme.groups:
        spans = [by_name[name].span for name in group.tensors]
        parts, report = _repair_group(group, [stored[span] for span in spans])
        for span, part in zip(spans, parts, strict=True):
            words[span] = part
        reports.append(report)
    return words, reports


def encode_group(group: Group, parts: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The stored words of each tensor of a group, given its words; each (values,)."""
    return parted(group, _encode(group, _data_of(group, parts)))


def quantise_group(group: Group, parts: Sequence[np.ndarray]) -> tuple[np.ndarray, ...]:
    """The words of each tensor of a group as its layouts keep them, no code and no fault involved."""
    return _words_of(group, _data_of(group, parts), np.empty(0, dtype=np.int64))


def decode_group(group: Group, stored: Sequence[np.ndarray]) -> DecodedWords:
    """The data words of a group's code words, given the stored words of each of its tensors."""
    together = joined(group, stored)
    if group.decoder == "maximum likelihood":
        return decode_nearest(group.code, together)
    if group.decoder == "majority":
        return decode_majority(group.code, together)
    return decoder_for(group.code).decode(together)


def restore_group(
    group: Group, decoded: DecodedWords, stored: Sequence[np.ndarray], ber: float
) -> tuple[np.ndarray, ...]:
    """The words of each tensor of a group.

    Args:
        decoded: from `decode_group`.
        stored: what was decoded.
        ber: bit error rate, for posterior means.
    """
    parts = _words_of(group, decoded.data, decoded.detected)
    if group.policy == "posterior mean" and len(decoded.detected):
        parts[0][decoded.detected] = _posterior_words(group, decoded, stored, ber)
    return parts


def estimated_ber(reports: Sequence[GroupReport]) -> float:
    """Bit error rate by the flips that bounded-distance decoding corrected in these groups.

    Codes that correct some words with more than t flips do not count: how many flips theirs had is another law.
    """
    counts = [
        (report.group.code.n, report.group.code.t, report.words - len(report.detected), report.corrected_bits)
        for report in reports
        if report.group.decoder == "bounded distance" and report.group.code.adjacent_doubles != "corrected"
    ]
    return estimate_ber(counts)


def report_of(group: Group, decoded: DecodedWords) -> GroupReport:
    """The counts of a group's decoding."""
    return GroupReport(group, len(decoded.data), decoded.corrected_bits, decoded.corrected_words, decoded.detected)


def _encode(group: Group, data: np.ndarray) -> np.ndarray:
    """The code words of data words, packed."""
    # A decoder by distance has tables that majority voting can do without.
    return group.code.encode(data) if group.decoder == "majority" else decoder_for(group.code).encode(data)


def _repair_group(group: Group, stored: Sequence[np.ndarray]) -> tuple[list[np.ndarray], GroupReport]:
    decoded = decode_group(group, stored)
    repaired = parted(group, _encode(group, decoded.data))
    flips = np.zeros(len(decoded.data), dtype=np.int64)
    for part, as_stored in zip(repaired, stored, strict=True):
        part[decoded.detected] = as_stored[decoded.detected]
        flips += np.bitwise_count(part ^ as_stored)
    report = GroupReport(group, len(flips), int(flips.sum()), int(np.count_nonzero(flips)), decoded.detected)
    return repaired, report


@lru_cache(maxsize=128)
def every_word(layout: Layout) -> np.ndarray:
    """What every data word of a layout stands for, (2^data_bits,); not to be written to."""
    return layout.restore(np.arange(1 << layout.data_bits, dtype=packed_dtype(layout.data_bits)))


def _data_of(group: Group, parts: Sequence[np.ndarray]) -> np.ndarray:
    """The data words of a group's code words, given the words of each of its tensors."""
    if group.eps is not None:
        parts = fused_words(*parts, group.eps, group.layouts[0].fmt)
    data, shift = np.zeros(len(parts[0]), dtype=packed_dtype(group.code.k)), 0
    for layout, part in zip(group.layouts, parts, strict=True):
        data |= layout.quantise(part).astype(data.dtype) << data.dtype.type(shift)
        shift += layout.data_bits
    return data


def _words_of(group: Group, data: np.ndarray, detected: np.ndarray) -> tuple[np.ndarray, ...]:
    """The words of each tensor of a group; detected ones by the policies that need only the tensor's median."""
    kind, parts, shift = data.dtype.type, [], 0
    for layout, median in zip(group.layouts, group.medians, strict=True):
        own = (data >> kind(shift)) & kind((1 << layout.data_bits) - 1)
        own = own.astype(packed_dtype(layout.data_bits))
        shift += layout.data_bits
        if group.policy in ("median", "zero"):
            own[detected] = median if group.policy == "median" else 0
        # Listed where that takes little memory: one look-up a word.
        parts.append(every_word(layout)[own] if layout.data_bits <= LISTED_LAYOUT_BITS else layout.restore(own))
    return unfused_words(*parts, group.eps, group.layouts[0].fmt) if group.eps is not None else tuple(parts)


def _posterior_words(group: Group, decoded: DecodedWords, stored: Sequence[np.ndarray], ber: float) -> np.ndarray:
    layout, code = group.layouts[0], group.code
    undetected = np.delete(decoded.data, decoded.detected)
    values = doubles_of(every_word(layout), layout.fmt)
    means = posterior_means(
        code.codewords(),
        joined(group, [part[decoded.detected] for part in stored]),
        values,
        prior_of(undetected, layout.order(), negatives=int(np.signbit(values).sum())),
        ber,
    )
    return nearest_words(means, layout.fmt)
