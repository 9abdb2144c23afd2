"""Checkpoints as files, stored in codes over many words: written whole, repaired piece by piece.

Verifying and scrubbing read a stretch of blocks at a time, so that memory does not grow with the file.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from sparebits.errors import InputError
from sparebits.files import whole_file
from sparebits.formats import FloatFormat
from sparebits.long_codes.header import LongProtection, long_metadata, read_long_protection
from sparebits.long_codes.scheme import LongScheme
from sparebits.long_codes.storage import BlockReport, Storage, joined
from sparebits.parameters import ParameterTensor
from sparebits.protection.checkpoint import Checkpoint, floating_tensors, format_of, with_words
from sparebits.protection.header import without_protection
from sparebits.tensor_files import StoredTensor, TensorFile, read_tensors, write_tensors

MOST_COPIED = 1 << 16
"""Bytes of tensors of integers, such as a BatchNorm's counters, that the header has a copy of."""
STRETCH = 1 << 19
"""Words that are repaired at a time, or one block if it is longer."""


@dataclass(frozen=True)
class LongCheckpoint:
    """A file whose words are stored in blocks; its tensors are not in memory.

    Attributes:
        tensors: its floating-point tensors, in the order in which they lie in the file.
    """

    path: Path
    file: TensorFile
    fmt: FloatFormat
    tensors: list[ParameterTensor]
    protection: LongProtection

    @property
    def scheme(self) -> LongScheme:
        return self.protection.scheme

    @property
    def words(self) -> int:
        return sum(tensor.values for tensor in self.tensors)

    @cached_property
    def storage(self) -> Storage:
        return self.scheme.storage(self.words)

    @property
    def header_bytes(self) -> int:
        return len(self.file.header())

    @property
    def added_bytes(self) -> int:
        """What the protection adds to the file."""
        return self.header_bytes - len(replace(self.file, metadata=without_protection(self.file.metadata)).header())

    @cached_property
    def flips_outside(self) -> int:
        """Flips in tensors of integers, as far as the header has a copy of them."""
        own = {content.name: content.data for content in self.file.tensors}
        return sum(
            int(np.bitwise_count(own[name] ^ np.frombuffer(copy, dtype=np.uint8)).sum())
            for name, copy in self.protection.copied.items()
        )

    def outside(self) -> Iterator[tuple[int, bytes]]:
        """Where tensors of integers lie, byte after the header, and what the header says of them."""
        for offset, content in self._offsets():
            if content.name in self.protection.copied:
                yield offset, self.protection.copied[content.name]

    def stretches(self) -> Iterator[tuple[int, int, slice]]:
        """All blocks, a stretch at a time: the first, the one after the last, and their words."""
        starts = self.storage.partition.starts
        first, blocks = 0, self.storage.partition.blocks
        while first < blocks:
            last = int(np.searchsorted(starts, starts[first] + STRETCH, side="right")) - 1
            last = min(max(last, first + 1), blocks)
            yield first, last, slice(int(starts[first]), int(starts[last]))
            first = last

    def read(self, span: slice) -> np.ndarray:
        """Stored words of a stretch: a copy."""
        words = np.empty(span.stop - span.start, dtype=self.fmt.word_dtype)
        for tensor, content in self._contents(span):
            own = slice(max(tensor.start, span.start), min(tensor.span.stop, span.stop))
            source = content.data.view(self.fmt.word_dtype.newbyteorder("<"))
            words[own.start - span.start : own.stop - span.start] = source[
                own.start - tensor.start : own.stop - tensor.start
            ]
        return words

    def places(self, span: slice) -> Iterator[tuple[int, slice]]:
        """Where the words of a stretch lie: byte after the header, and the words from the stretch's first on."""
        offsets = {content.name: offset for offset, content in self._offsets()}
        size = self.fmt.width // 8
        for tensor, _ in self._contents(span):
            start, stop = max(tensor.start, span.start), min(tensor.span.stop, span.stop)
            yield offsets[tensor.name] + size * (start - tensor.start), slice(start - span.start, stop - span.start)

    def _offsets(self) -> Iterator[tuple[int, StoredTensor]]:
        """All tensors and the byte after the header at which each begins."""
        end = 0
        for content in self.file.tensors:
            yield end, content
            end += len(content.data)

    def _contents(self, span: slice) -> Iterator[tuple[ParameterTensor, StoredTensor]]:
        by_name = {content.name: content for content in self.file.tensors}
        for tensor in self.tensors:
            if tensor.start < span.stop and tensor.span.stop > span.start:
                yield tensor, by_name[tensor.name]


def open_long(path: str | Path) -> LongCheckpoint:
    """Open a file that is stored in a code over many words.

    Raises:
        InputError: the file is missing, damaged or stored otherwise, or its description does not fit its tensors.
    """
    file = read_tensors(path)
    fmt, tensors = format_of(file, path), floating_tensors(file)
    try:
        protection = read_long_protection(file.metadata, tensors, fmt, {tensor.name for tensor in file.tensors})
        _check_copies(protection.copied, file)
        checkpoint = LongCheckpoint(Path(path), file, fmt, tensors, protection)
        _ = checkpoint.storage
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return checkpoint


def write_long(path: str | Path, original: Checkpoint, scheme: LongScheme) -> None:
    """Write a checkpoint in the scheme's mode: the original's tensors and metadata, with other words.

    Args:
        path: must end in .safetensors.

    Raises:
        InputError: the path has another suffix.
    """
    if Path(path).suffix != ".safetensors":
        raise InputError(f"{path}: a protected checkpoint is a .safetensors file")
    data = scheme.quantise(original.words, original.tensors)
    stored = scheme.storage(len(data)).encode(data)
    protected = with_words(original.file, original.tensors, stored)
    metadata = {**original.file.metadata, **long_metadata(scheme, original.file.tied, _copies(original.file))}
    write_tensors(path, TensorFile(protected.tensors, metadata))


def verify_long(checkpoint: LongCheckpoint) -> BlockReport:
    """Count the flips in a file; it stays as it is."""
    storage = checkpoint.storage
    return joined([storage.repair(checkpoint.read(span), first, last) for first, last, span in checkpoint.stretches()])


def scrub_long(checkpoint: LongCheckpoint) -> tuple[BlockReport, bool]:
    """Undo the flips in a file. The repaired file takes the place of the damaged one at once; a link stays one.

    Returns:
        the report, and whether the file was written anew.
    """
    path, reports, protection = checkpoint.path.resolve(), [], checkpoint.protection
    metadata = checkpoint.file.metadata | long_metadata(protection.scheme, protection.tied, protection.copied)
    header = replace(checkpoint.file, metadata=metadata).header()
    with ExitStack() as stack:
        repaired = None
        if protection.damaged_digits or checkpoint.flips_outside:
            repaired = stack.enter_context(_Copy(path, header))
            for offset, content in checkpoint.outside():
                repaired.write(offset, np.frombuffer(content, dtype=np.uint8))
        for first, last, span in checkpoint.stretches():
            words = checkpoint.read(span)
            report = checkpoint.storage.repair(words, first, last)
            reports.append(report)
            if report.corrected_bits:
                if repaired is None:
                    repaired = stack.enter_context(_Copy(path, header))
                for offset, own in checkpoint.places(span):
                    repaired.write(offset, words[own])
        return joined(reports), repaired is not None


def restore_long(checkpoint: LongCheckpoint, output: str | Path) -> BlockReport:
    """Write an ordinary checkpoint, its values as the layouts keep them: .safetensors, or .pt or .pth."""
    stored = checkpoint.read(slice(0, checkpoint.words))
    report = checkpoint.storage.repair(stored)
    data, lost = checkpoint.storage.data_of(stored, report.failed)
    words = checkpoint.scheme.restore(data, lost, checkpoint.tensors)
    restored = with_words(checkpoint.file, checkpoint.tensors, words)
    copied = {name: np.frombuffer(copy, dtype=np.uint8) for name, copy in checkpoint.protection.copied.items()}
    tensors = tuple(
        replace(tensor, data=copied[tensor.name]) if tensor.name in copied else tensor for tensor in restored.tensors
    )
    metadata = without_protection(restored.metadata)
    write_tensors(output, TensorFile(tensors, metadata, checkpoint.protection.tied))
    return report


def _check_copies(copied: dict[str, bytes], file: TensorFile) -> None:
    sizes = {tensor.name: len(tensor.data) for tensor in file.tensors if not tensor.is_floating_point}
    for name, content in copied.items():
        if sizes.get(name) != len(content):
            raise InputError(
                f"its copy of {name} has {len(content)} bytes, the tensor {sizes.get(name, 'is not there')}"
            )


def _copies(file: TensorFile) -> dict[str, bytes]:
    """The tensors of integers, the first ones as far as there is room."""
    copies, size = {}, 0
    for tensor in file.tensors:
        if not tensor.is_floating_point and size + len(tensor.data) <= MOST_COPIED:
            copies[tensor.name] = tensor.data.tobytes()
            size += len(tensor.data)
    return copies


class _Copy:
    """A copy of a file with another header and name, for now; it takes the file's place if the block ends well."""

    def __init__(self, path: Path, header: bytes):
        self._path, self._header = path, header
        self._stack = ExitStack()

    def __enter__(self) -> "_Copy":
        with self._stack as stack:
            temporary = stack.enter_context(whole_file(self._path))
            with open(self._path, "rb") as source, open(temporary, "wb") as target:
                target.write(len(self._header).to_bytes(8, "little") + self._header)
                source.seek(8 + int.from_bytes(source.read(8), "little"))
                shutil.copyfileobj(source, target, 1 << 20)
            shutil.copymode(self._path, temporary)
            self._file = stack.enter_context(open(temporary, "r+b"))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> bool | None:
        return self._stack.__exit__(*error)

    def write(self, offset: int, words: np.ndarray) -> None:
        """Write words at a byte after the header."""
        os.pwrite(
            self._file.fileno(),
            np.ascontiguousarray(words, dtype=words.dtype.newbyteorder("<")).tobytes(),
            8 + len(self._header) + offset,
        )
