"""What the layouts of a protected file keep beside the words: base and median, three times.

A record is the base (2 bytes, only of layouts with a window) and the median's data word (as few bytes as hold it): at
most 8 bytes. Records follow each other in the order of groups and their layouts, after a byte that says the version,
before a checksum (CRC-32). The whole is stored three times in hexadecimal; a majority of bits survives whatever happens
to one of the copies.
"""

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sparebits.errors import InputError
from sparebits.layouts.layout import Layout
from sparebits.protection.scheme import Group

VERSION = 1
COPIES = 3
_BASE_BYTES = 2
_CHECKSUM_BYTES = 4


def pack_records(groups: Sequence[Group]) -> bytes:
    """The records of all groups, once."""
    parts = [bytes([VERSION])]
    for group in groups:
        for layout, median in zip(group.layouts, group.medians, strict=True):
            if _has_base(layout):
                parts.append(layout.base.to_bytes(_BASE_BYTES, "little"))
            parts.append(median.to_bytes(_median_bytes(layout), "little"))
    content = b"".join(parts)
    return content + zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "little")


def unpack_records(records: bytes, groups: Sequence[Group]) -> tuple[Group, ...]:
    """The groups with the bases and medians of the records.

    Args:
        records: as from `pack_records`.
        groups: the same ones with any bases and medians.

    Raises:
        InputError: the records are of another version or number, or damaged.
    """
    expected = 1 + sum(record_bytes(layout) for group in groups for layout in group.layouts) + _CHECKSUM_BYTES
    if len(records) != expected:
        raise InputError(f"its records are {len(records)} bytes long, expected {expected}")
    content, checksum = records[:-_CHECKSUM_BYTES], records[-_CHECKSUM_BYTES:]
    if zlib.crc32(content).to_bytes(_CHECKSUM_BYTES, "little") != checksum:
        raise InputError("its records are damaged in more than one copy; protect the original again")
    if content[0] != VERSION:
        raise InputError(f"its records are of version {content[0]}, this sparebits reads {VERSION}")
    complete, position = [], 1
    for group in groups:
        layouts, medians = [], []
        for layout in group.layouts:
            record = content[position : position + record_bytes(layout)]
            position += len(record)
            base = len(record) - _median_bytes(layout)
            if base:
                layout = replace(layout, base=int.from_bytes(record[:base], "little"))
            layouts.append(layout)
            medians.append(int.from_bytes(record[base:], "little"))
        complete.append(replace(group, layouts=tuple(layouts), medians=tuple(medians)))
    return tuple(complete)


def as_copies(records: bytes) -> str:
    """The records three times, as text."""
    return records.hex() * COPIES


def majority(copies: str) -> tuple[bytes, int]:
    """The records by the majority of their copies, and how many bits of the text were outvoted.

    Votes are on the bits of the characters, so that a copy may hold anything.

    Raises:
        InputError: the text is not three times as long as a hexadecimal number, or a majority is none.
    """
    text = np.frombuffer(copies.encode("latin-1", errors="replace"), dtype=np.uint8)
    if len(text) % (2 * COPIES):
        raise InputError(f"its records have {len(text)} characters, which are not {COPIES} copies in hexadecimal")
    a, b, c = text.reshape(COPIES, -1)
    voted = a & b | a & c | b & c
    outvoted = sum(int(np.bitwise_count(copy ^ voted).sum()) for copy in (a, b, c))
    try:
        return bytes.fromhex(voted.tobytes().decode("ascii")), outvoted
    except ValueError:
        raise InputError("its records are damaged in more than one copy; protect the original again") from None


def record_bytes(layout: Layout) -> int:
    """Bytes of a layout's record, stored three times over."""
    return _BASE_BYTES * _has_base(layout) + _median_bytes(layout)


def _has_base(layout: Layout) -> bool:
    return hasattr(layout, "base")


def _median_bytes(layout: Layout) -> int:
    return -(-layout.data_bits // 8)
