"""Checkpoints as files: ordinary ones, and protected ones of the same tensors, whose words are code words."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sparebits.errors import InputError
from sparebits.files import whole_file
from sparebits.formats import FORMATS, FloatFormat
from sparebits.parameters import ParameterTensor, named_tensors
from sparebits.protection.header import (
    Protection,
    is_protected,
    protection_metadata,
    read_protection,
    without_protection,
)
from sparebits.protection.scheme import Scheme
from sparebits.tensor_files import TensorFile, read_tensors, write_tensors


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds, and its parameters.

    Attributes:
        tensors: its floating-point tensors, in the order in which they lie in the file.
        words: of these, (values,): untouched ones, or stored ones of a protected file.
    """

    file: TensorFile
    fmt: FloatFormat
    tensors: list[ParameterTensor]
    words: np.ndarray


@dataclass(frozen=True)
class ProtectedCheckpoint(Checkpoint):
    """A checkpoint whose words are stored by a scheme."""

    protection: Protection

    @property
    def scheme(self) -> Scheme:
        return self.protection.scheme

    @property
    def header_bytes(self) -> int:
        return len(self.file.header())

    @property
    def added_bytes(self) -> int:
        """What the protection adds to the file."""
        return self.header_bytes - len(replace(self.file, metadata=without_protection(self.file.metadata)).header())


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Read an ordinary checkpoint.

    Raises:
        InputError: the file is missing, damaged, protected already, or not a checkpoint of one floating-point format.
    """
    file = read_tensors(path)
    if is_protected(file.metadata):
        raise InputError(f"{path} is protected already; look at it with inspect, or restore it first")
    return _checkpoint(file, path)


def read_protected(path: str | Path) -> ProtectedCheckpoint:
    """Read a protected checkpoint; its words are as they are stored.

    Raises:
        InputError: the file is missing, damaged or not protected, or its scheme does not fit its tensors.
    """
    file = read_tensors(path)
    checkpoint = _checkpoint(file, path)
    try:
        names = {tensor.name for tensor in file.tensors}
        protection = read_protection(file.metadata, checkpoint.tensors, checkpoint.fmt, names)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return ProtectedCheckpoint(file, checkpoint.fmt, checkpoint.tensors, checkpoint.words, protection)


def write_protected(
    path: str | Path, original: TensorFile, scheme: Scheme, tensors: Sequence[ParameterTensor], stored: np.ndarray
) -> None:
    """Write a protected checkpoint: the original's tensors and metadata, with other words and two more metadata.

    Args:
        path: must end in .safetensors.
        original: file of the network.
        scheme: by which the words were stored.
        tensors: of the network, in any order.
        stored: words, (values,), where the tensors say.

    Raises:
        InputError: the path has another suffix, or the scheme does not cover the file's tensors.
    """
    if Path(path).suffix != ".safetensors":
        raise InputError(f"{path}: a protected checkpoint is a .safetensors file")
    uncovered = {tensor.name for tensor in original.tensors if tensor.is_floating_point} ^ set(scheme.group_of)
    if uncovered:
        raise InputError(f"{path}: the scheme and the original differ in their tensors, as in {min(uncovered)}")
    protected = with_words(original, tensors, stored)
    metadata = {**original.metadata, **protection_metadata(scheme, original.tied)}
    write_tensors(path, TensorFile(protected.tensors, metadata))


def write_repaired(path: str | Path, checkpoint: ProtectedCheckpoint, stored: np.ndarray) -> None:
    """Put a protected file with repaired words and records in the place of the damaged one, at once.

    Args:
        path: file that `checkpoint` was read from; a link stays one.
        stored: repaired words, (values,).
    """
    path = Path(path).resolve()
    repaired = with_words(checkpoint.file, checkpoint.tensors, stored)
    # Each entry keeps its place, so that an undamaged file is written again byte for byte.
    metadata = repaired.metadata | protection_metadata(checkpoint.scheme, checkpoint.protection.tied)
    with whole_file(path) as temporary:
        write_tensors(temporary, replace(repaired, metadata=metadata))
        shutil.copymode(path, temporary)


def write_restored(path: str | Path, checkpoint: ProtectedCheckpoint, words: np.ndarray) -> None:
    """Write an ordinary checkpoint: .safetensors with the original's metadata, or .pt or .pth.

    Args:
        words: decoded ones, (values,).
    """
    restored = with_words(checkpoint.file, checkpoint.tensors, words)
    metadata = without_protection(restored.metadata)
    write_tensors(path, TensorFile(restored.tensors, metadata, checkpoint.protection.tied))


def format_of(file: TensorFile, path: str | Path) -> FloatFormat:
    """The one format of a file's floating-point tensors.

    Raises:
        InputError: there are several, none, or one that is not known.
    """
    values: dict[str, int] = {}
    for tensor in file.tensors:
        if tensor.is_floating_point:
            values[tensor.dtype] = values.get(tensor.dtype, 0) + len(tensor.data)
    if not values:
        raise InputError(f"{path} has no floating-point tensors")
    dtype = max(values, key=values.get)
    others = [tensor for tensor in file.tensors if tensor.is_floating_point and tensor.dtype != dtype]
    if others:
        named = ", ".join(f"{tensor.name} ({tensor.dtype})" for tensor in others[:10])
        more = f" and {len(others) - 10} more" if len(others) > 10 else ""
        raise InputError(f"{path} is {dtype} but for {named}{more}; convert them to one dtype first")
    if dtype not in FORMATS:
        raise InputError(f"{path} is {dtype}, expected one of {', '.join(FORMATS)}")
    return FORMATS[dtype]


def floating_tensors(file: TensorFile) -> list[ParameterTensor]:
    """The floating-point tensors of a file, in the order in which they lie there."""
    return named_tensors({tensor.name: tensor.shape for tensor in file.tensors if tensor.is_floating_point})


def with_words(file: TensorFile, tensors: Sequence[ParameterTensor], words: np.ndarray) -> TensorFile:
    """The file with other words, (values,), where the tensors say."""
    spans = {tensor.name: tensor.span for tensor in tensors}
    return replace(
        file,
        tensors=tuple(
            tensor.with_words(words[spans[tensor.name]]) if tensor.name in spans else tensor for tensor in file.tensors
        ),
    )


def _checkpoint(file: TensorFile, path: str | Path) -> Checkpoint:
    fmt, tensors = format_of(file, path), floating_tensors(file)
    floats = [tensor for tensor in file.tensors if tensor.is_floating_point]
    words = np.empty(sum(tensor.values for tensor in tensors), dtype=fmt.word_dtype)
    for tensor, content in zip(tensors, floats, strict=True):
        words[tensor.span] = content.words(fmt.word_dtype)
    return Checkpoint(file, fmt, tensors, words)
