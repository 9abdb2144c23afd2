"""The parameter tensors of a network, and all their words in one flat buffer."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from sparebits.formats import FORMATS, FloatFormat

KINDS = ("weight", "bias", "running_mean", "running_var", "other")


@dataclass(frozen=True)
class ParameterTensor:
    """One floating-point entry of `state_dict()` and where its words lie in the flat buffer.

    Attributes:
        kind: the last component of the name if it is one of KINDS, else "other".
        role: what protection goes by: "weights" (two or more dimensions), "batchnorm" (beside a running_mean), "other".
        layer_type: of the module that owns it, see `layer_type_of`.
        start: index of its first word.
    """

    name: str
    kind: str
    role: str
    layer_type: str
    shape: tuple[int, ...]
    start: int

    @property
    def values(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def span(self) -> slice:
        """Its words in the flat buffer."""
        return slice(self.start, self.start + self.values)


def parameter_tensors(model: nn.Module) -> list[ParameterTensor]:
    """The floating-point entries of the state dict, in its order; a tied tensor counts once, under its first name."""
    modules = dict(model.named_modules())
    shapes, layer_types, seen = {}, {}, set()
    for name, value in model.state_dict(keep_vars=True).items():
        if value.is_floating_point() and id(value) not in seen:
            seen.add(id(value))
            shapes[name] = tuple(value.shape)
            layer_types[name] = layer_type_of(modules.get(name.rpartition(".")[0]))
    return named_tensors(shapes, layer_types)


def named_tensors(
    shapes: Mapping[str, tuple[int, ...]], layer_types: Mapping[str, str] | None = None
) -> list[ParameterTensor]:
    """The parameter tensors of a network of which only names and shapes are known, such as a bare checkpoint's.

    Args:
        shapes: of the floating-point entries by name, in the order of the flat buffer; tied ones once.
        layer_types: by name; "unknown" where it has no entry.
    """
    tensors, start = [], 0
    for name, shape in shapes.items():
        owner, _, last = name.rpartition(".")
        tensor = ParameterTensor(
            name=name,
            kind=last if last in KINDS else "other",
            role=_role(shape, f"{owner}.running_mean" if owner else "running_mean", shapes),
            layer_type=(layer_types or {}).get(name, "unknown"),
            shape=shape,
            start=start,
        )
        tensors.append(tensor)
        start += tensor.values
    return tensors


def _role(shape: tuple[int, ...], running_mean: str, shapes: Mapping[str, tuple[int, ...]]) -> str:
    if running_mean in shapes:
        return "batchnorm"
    return "weights" if len(shape) >= 2 else "other"


def layer_type_of(module: nn.Module | None) -> str:
    """A module's class; a Conv2d with one input channel a group is a "DepthwiseConv2d"."""
    if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
        return "DepthwiseConv2d"
    return type(module).__name__


def kinds_of(tensors: list[ParameterTensor]) -> list[str]:
    """The kinds that occur, in the order of KINDS."""
    present = {tensor.kind for tensor in tensors}
    return [kind for kind in KINDS if kind in present]


def words_of(tensor: torch.Tensor) -> np.ndarray:
    """A copy of the tensor's bit patterns: unsigned integers of the format's width, one-dimensional."""
    fmt = FORMATS[str(tensor.dtype).removeprefix("torch.")]
    integers = tensor.detach().cpu().contiguous().view(getattr(torch, f"int{fmt.width}"))
    return integers.flatten().numpy().view(fmt.word_dtype).copy()


def values_of(words: np.ndarray, fmt: FloatFormat) -> torch.Tensor:
    """The words' values as a tensor of the format's dtype that shares their memory; same shape."""
    integers = torch.from_numpy(words.view(f"int{fmt.width}"))
    return integers.view(getattr(torch, fmt.dtype))


def doubles_of(words: np.ndarray, fmt: FloatFormat) -> np.ndarray:
    """The words' values as float64, exact in every format; same shape."""
    return values_of(words if words.flags.writeable else words.copy(), fmt).double().numpy()


def nearest_words(doubles: np.ndarray, fmt: FloatFormat) -> np.ndarray:
    """The words of the format's values nearest to these float64 ones, one-dimensional."""
    return words_of(torch.from_numpy(doubles).to(getattr(torch, fmt.dtype)))


class FlatParameters:
    """All words of a network in one flat buffer, and the model that computes with their values.

    The model's parameters become views into one flat tensor on its device, so that one copy loads a variant.
    16-bit formats are stored in 16 bits and computed in float32; the others compute in their own dtype.

    Attributes:
        tensors: what lies where in the buffer.
        fmt: format of the words.
        golden: the untouched words, (values,), read-only.
    """

    def __init__(self, model: nn.Module, state: dict[str, torch.Tensor], device: str = "cpu"):
        """Take over the parameters of `model`.

        Args:
            model: in float32 or float64, whichever computes.
            state: its parameter tensors by name, in the format they are stored in.
            device: torch's name of the device that computes.
        """
        self.model = model.to(device).eval()
        self.tensors = parameter_tensors(model)
        self.fmt = FORMATS[str(state[self.tensors[0].name].dtype).removeprefix("torch.")]
        self.golden = np.concatenate([words_of(state[tensor.name]) for tensor in self.tensors])
        self.golden.flags.writeable = False
        parameters = model.state_dict(keep_vars=True)
        self.compute_dtype = parameters[self.tensors[0].name].dtype
        self._values = torch.empty(len(self.golden), dtype=self.compute_dtype, device=device)
        stored_dtype = getattr(torch, self.fmt.dtype)
        self._stored = self._values if stored_dtype == self.compute_dtype else self._values.to(stored_dtype)
        for tensor in self.tensors:
            parameters[tensor.name].data = self._values[tensor.span].view(tensor.shape)
        self.load(self.golden)

    def load(self, words: np.ndarray) -> None:
        """Let the model compute with these words, (values,), of the format's unsigned integer type."""
        loaded = values_of(words if words.flags.writeable else words.copy(), self.fmt)
        self._stored.copy_(loaded)
        if self._stored is not self._values:
            self._values.copy_(self._stored)

    def flip(self, indices: np.ndarray, masks: np.ndarray) -> None:
        """Flip bits of the words loaded last, in place; doing so again undoes it.

        Args:
            indices: of words, int64 (hit,), each once.
            masks: what each is XORed with, of the format's unsigned integer type, (hit,).
        """
        integers = self._stored.view(getattr(torch, f"int{self.fmt.width}"))
        places = torch.from_numpy(indices).to(integers.device)
        integers[places] ^= torch.from_numpy(masks.view(f"int{self.fmt.width}")).to(integers.device)
        if self._stored is not self._values:
            self._values[places] = self._stored[places].to(self.compute_dtype)

    @contextmanager
    def flipped(self, indices: np.ndarray, masks: np.ndarray) -> Iterator[None]:
        """Flip bits for the duration of a block, however it ends; as `flip`."""
        self.flip(indices, masks)
        try:
            yield
        finally:
            self.flip(indices, masks)

    def tensors_at(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """By the name of each tensor that holds some of these words, their places in the flattened tensor, int64."""
        starts = np.array([tensor.start for tensor in self.tensors])
        owners = np.searchsorted(starts, indices, side="right") - 1
        return {
            self.tensors[owner].name: indices[owners == owner] - self.tensors[owner].start
            for owner in np.unique(owners)
        }

    def spans(self, kind: str) -> Iterator[slice]:
        """The tensors of a kind in the buffer; all of them, as one span, for "all"."""
        if kind == "all":
            yield slice(0, len(self.golden))
            return
        for tensor in self.tensors:
            if tensor.kind == kind:
                yield tensor.span
