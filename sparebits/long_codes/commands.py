"""What the commands inspect, verify, scrub and restore do with files that are stored in codes over many words."""

from pathlib import Path

import numpy as np
import pandas as pd

from sparebits.long_codes.checkpoint import LongCheckpoint, open_long, restore_long, scrub_long, verify_long
from sparebits.long_codes.storage import BlockReport
from sparebits.protection.header import without_protection
from sparebits.text_tables import print_table

SHOWN = 20
"""Blocks beyond repair that are listed."""


def inspect(path: str) -> int:
    """Print how a file is protected."""
    checkpoint = open_long(path)
    size, added = Path(path).stat().st_size, checkpoint.added_bytes
    partition = checkpoint.storage.partition
    print(
        f"{path}: {checkpoint.words:,} values of {checkpoint.fmt.name} in {len(checkpoint.tensors)} tensors, "
        f"{checkpoint.scheme.title}\n"
        f"{partition.blocks:,} blocks of {' or '.join(map(str, partition.lengths))} words in {checkpoint.storage.code}"
    )
    for key, text in without_protection(checkpoint.file.metadata).items():
        print(f"{key}: {text[:200]}")
    share = f"{100 * added / (size - added):.3g} %"
    print(f"header {checkpoint.header_bytes:,} bytes; {added:,} bytes ({share}) more than the original\n")
    layouts = checkpoint.scheme.layouts
    print_table(
        pd.DataFrame(
            [{"tensor": name, "layout": layout.title, "base": layout.base} for name, layout in layouts.items()]
        )
    )
    return 0


def verify(path: str) -> int:
    """Count the flips in a file; the exit code says whether blocks are beyond repair."""
    checkpoint = open_long(path)
    report = verify_long(checkpoint)
    _print_report(path, checkpoint, report)
    return _print_failed(checkpoint, report, "beyond repair")


def scrub(path: str) -> int:
    """Undo the flips in a file, in place; the exit code says whether blocks are beyond repair."""
    checkpoint = open_long(path)
    report, is_written = scrub_long(checkpoint)
    _print_report(path, checkpoint, report)
    print(f"{path} " + ("was repaired" if is_written else "has nothing to repair and was left as it is"))
    return _print_failed(checkpoint, report, "beyond repair, left as they are")


def restore(path: str, output: Path) -> int:
    """Write a file as an ordinary checkpoint, its values as the layouts keep them."""
    checkpoint = open_long(path)
    report = restore_long(checkpoint, output)
    _print_report(output, checkpoint, report)
    _print_failed(checkpoint, report, "beyond repair, what they lost is the median of its tensor's other values")
    return 0


def _print_report(path: str | Path, checkpoint: LongCheckpoint, report: BlockReport) -> None:
    print(f"{path}: blocks of {checkpoint.scheme.mode} mode")
    failed = len(report.failed)
    counts = {
        "blocks": report.blocks,
        "clean": report.blocks - report.corrected_blocks - failed,
        "corrected": report.corrected_blocks,
        "corrected bits": report.corrected_bits,
        "beyond repair": failed,
    }
    print_table(pd.DataFrame([{name: f"{count:,}" for name, count in counts.items()}]))
    if checkpoint.flips_outside:
        print(f"{checkpoint.flips_outside:,} flips in tensors of integers are told by the header's copy of them")
    if checkpoint.protection.damaged_digits:
        print(f"{checkpoint.protection.damaged_digits} digits of the records were corrected by their codes and copies")


def _print_failed(checkpoint: LongCheckpoint, report: BlockReport, what: str) -> int:
    """List blocks beyond repair, with the values in them; the exit code that says whether there are some."""
    if not len(report.failed):
        return 0
    print(f"{len(report.failed):,} blocks are {what}:")
    starts = checkpoint.storage.partition.starts
    for block in report.failed[:SHOWN]:
        print(f"  {block}: {_values_between(checkpoint, int(starts[block]), int(starts[block + 1]))}")
    if len(report.failed) > SHOWN:
        print(f"  ... and {len(report.failed) - SHOWN:,} more")
    return 1


def _values_between(checkpoint: LongCheckpoint, start: int, stop: int) -> str:
    """The tensors and indices of the values in a run of words."""
    parts = []
    for tensor in checkpoint.tensors:
        first, last = np.clip([start, stop], tensor.span.start, tensor.span.stop) - tensor.start
        if first < last:
            parts.append(f"{tensor.name} [{first}:{last}]")
    return ", ".join(parts)
