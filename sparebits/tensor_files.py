"""Tensors in a file as the bytes they are: safetensors files, and torch state dicts read and written alike.

A safetensors file is the length of its header (8 bytes, little-endian), the header (JSON: for each tensor its dtype,
shape and place) and the tensors' bytes, without gaps. Bytes never become numbers here, so NaN patterns keep their bits.
"""

import json
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path

import numpy as np
import torch

from sparebits.errors import InputError
from sparebits.files import whole_file
from sparebits.state_dicts import read_state_dict

SUFFIXES = (".safetensors", ".pt", ".pth")
LARGEST_HEADER = 100_000_000
"""Bytes; the safetensors library has the same limit."""

METADATA = "__metadata__"
DTYPES = {
    **{f"F{width}": f"float{width}" for width in (16, 32, 64)},
    **{f"I{width}": f"int{width}" for width in (8, 16, 32, 64)},
    **{f"U{width}": f"uint{width}" for width in (8, 16, 32, 64)},
    **{"BF16": "bfloat16", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "BOOL": "bool", "C64": "complex64"},
}
"""torch's names of the dtypes that safetensors knows."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor's bytes.

    Attributes:
        dtype: torch's name of it, such as float32.
        data: uint8 (bytes,), little-endian and row-major.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: np.ndarray

    @property
    def is_floating_point(self) -> bool:
        return getattr(torch, self.dtype).is_floating_point

    def words(self, dtype: np.dtype) -> np.ndarray:
        """The bit patterns as unsigned integers (values,); a copy."""
        return self.data.view(dtype.newbyteorder("<")).astype(dtype)

    def with_words(self, words: np.ndarray) -> "StoredTensor":
        """The same tensor with other bit patterns, unsigned integers (values,) of its width."""
        return replace(self, data=words.astype(words.dtype.newbyteorder("<"), copy=False).view(np.uint8))


@dataclass(frozen=True)
class TensorFile:
    """What a file holds.

    Attributes:
        tensors: in the order in which their bytes lie in the file.
        metadata: of a safetensors file; torch's have none.
        tied: of a torch file, further names of tensors, and the first name of each, under which it is in `tensors`.
    """

    tensors: tuple[StoredTensor, ...]
    metadata: dict[str, str] = field(default_factory=dict)
    tied: dict[str, str] = field(default_factory=dict)

    def header(self) -> bytes:
        """The header of a safetensors file with these tensors and metadata, as the safetensors library writes it."""
        entries: dict[str, dict] = {METADATA: self.metadata} if self.metadata else {}
        names = {name: code for code, name in DTYPES.items()}
        end = 0
        for tensor in self.tensors:
            start, end = end, end + len(tensor.data)
            entries[tensor.name] = {
                "dtype": names[tensor.dtype],
                "shape": list(tensor.shape),
                "data_offsets": [start, end],
            }
        text = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
        # Spaces up to the next multiple of 8, so that the tensors are aligned.
        return text + b" " * (-len(text) % 8)


def read_tensors(path: str | Path) -> TensorFile:
    """The tensors of a file; those of a safetensors file are not read before they are used.

    Raises:
        InputError: the file is missing, damaged, or holds something else.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise InputError(f"{path}: expected a file of tensors, {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    if path.suffix != ".safetensors":
        return _from_state_dict(read_state_dict(path), path)
    try:
        return _read_safetensors(path)
    except InputError as error:
        raise InputError(f"{path} is no whole safetensors file: {error}") from None


def write_tensors(path: str | Path, file: TensorFile) -> None:
    """Write a file of tensors, whole or not at all: safetensors, or a torch state dict if the suffix says so.

    In safetensors, tied tensors are written once under each name; torch's keep being one. torch's have no metadata.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        state = {tensor.name: _as_torch(tensor) for tensor in file.tensors}
        state |= {name: state[first] for name, first in file.tied.items()}
        with whole_file(path) as temporary:
            torch.save(state, temporary)
        return
    by_name = {tensor.name: tensor for tensor in file.tensors}
    tied = tuple(replace(by_name[first], name=name) for name, first in file.tied.items())
    whole = TensorFile(file.tensors + tied, file.metadata)
    header = whole.header()
    with whole_file(path) as temporary, open(temporary, "wb") as output:
        output.write(len(header).to_bytes(8, "little"))
        output.write(header)
        for tensor in whole.tensors:
            output.write(tensor.data)


def _read_safetensors(path: Path) -> TensorFile:
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, LARGEST_HEADER):
            raise InputError(f"its {size} bytes do not hold a header of {length} bytes; it may be truncated or foreign")
        entries = _parsed(file.read(length))
    metadata = entries.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise InputError("its metadata are no texts by name")
    places = _gapless({name: _place(name, entry) for name, entry in entries.items()}, size - 8 - length)
    content = np.asarray(np.memmap(path, dtype=np.uint8, mode="r"))[8 + length :]
    tensors = [
        StoredTensor(name, DTYPES[entries[name]["dtype"]], tuple(entries[name]["shape"]), content[place])
        for name, place in places.items()
    ]
    return TensorFile(tuple(tensors), metadata)


def _parsed(header: bytes) -> dict:
    def unique(pairs: list[tuple]) -> dict:
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            raise InputError("a name stands twice in its header")
        return dict(pairs)

    try:
        entries = json.loads(header.decode(), object_pairs_hook=unique)
        json.dumps(entries, ensure_ascii=False).encode()  # lone surrogates cannot be written again
    except InputError:
        raise
    except (ValueError, RecursionError):
        raise InputError("its header is not JSON; it may be damaged or foreign") from None
    if not isinstance(entries, dict):
        raise InputError("its header is not a mapping of tensors; it may be foreign")
    return entries


def _place(name: str, entry) -> slice:
    """Where a tensor's bytes lie, after its entry in the header has been checked."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise InputError(f"the entry of {name} is not a dtype, a shape and data_offsets")
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in DTYPES:
        raise InputError(f"{name} has the dtype {entry['dtype']!r}; known are {', '.join(DTYPES)}")
    for key in ("shape", "data_offsets"):
        numbers = entry[key]
        if not isinstance(numbers, list) or not all(type(number) is int and number >= 0 for number in numbers):
            raise InputError(f"the {key} of {name} are {numbers!r}, expected a list of natural numbers")
    # Even where one of them is 0, the others have a product that array libraries can count.
    if prod(max(size, 1) for size in entry["shape"]) >= 1 << 60:
        raise InputError(f"{name} has the impossible shape {entry['shape']}")
    expected = prod(entry["shape"]) * getattr(torch, DTYPES[entry["dtype"]]).itemsize
    if len(entry["data_offsets"]) != 2 or entry["data_offsets"][1] - entry["data_offsets"][0] != expected:
        raise InputError(f"the data_offsets of {name} are {entry['data_offsets']}, expected {expected} bytes")
    return slice(*entry["data_offsets"])


def _gapless(places: dict[str, slice], size: int) -> dict[str, slice]:
    """The places in ascending order, after a check that they fill the content."""
    ascending = dict(sorted(places.items(), key=lambda item: (item[1].start, item[1].stop)))
    end = 0
    for name, place in ascending.items():
        if place.start != end:
            raise InputError(f"{name} begins at byte {place.start}, expected {end}: tensors overlap or leave a gap")
        end = place.stop
    if end != size:
        raise InputError(f"its tensors have {end} bytes, {size} are there; it may be truncated")
    return ascending


def _from_state_dict(state: dict[str, torch.Tensor], path: Path) -> TensorFile:
    tensors, tied, first_names = [], {}, {}
    for name, value in state.items():
        if not isinstance(name, str) or name == METADATA:
            raise InputError(f"{path}: a tensor's name is {name!r}; rename it")
        dtype = str(value.dtype).removeprefix("torch.")
        if value.layout != torch.strided or value.is_quantized or dtype not in DTYPES.values():
            raise InputError(f"{path}: {name} is a {dtype} tensor ({value.layout}), expected a plain one; convert it")
        place = (value.data_ptr(), value.dtype, value.shape, value.stride())
        if value.numel() and first_names.setdefault(place, name) != name:
            tied[name] = first_names[place]
            continue
        data = value.detach().contiguous().reshape(-1).view(torch.uint8).numpy()
        tensors.append(StoredTensor(name, dtype, tuple(value.shape), data))
    # Widest first, as the safetensors library does, so that each tensor is aligned to its words.
    tensors.sort(key=lambda tensor: -getattr(torch, tensor.dtype).itemsize)
    return TensorFile(tuple(tensors), {}, tied)


def _as_torch(tensor: StoredTensor) -> torch.Tensor:
    dtype = getattr(torch, tensor.dtype)
    if not len(tensor.data):  # bytes without strides have no view of another width
        return torch.empty(tensor.shape, dtype=dtype)
    return torch.from_numpy(np.array(tensor.data)).view(dtype).reshape(tensor.shape)
