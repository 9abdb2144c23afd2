"""Targets: which bits of a memory faults may hit, by kind, layer, layer type and bit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sparebits.errors import InputError, nearest
from sparebits.faults.entries import check_keys
from sparebits.faults.sites import Region, Site, regions_of
from sparebits.formats import FloatFormat
from sparebits.parameters import KINDS, ParameterTensor

_WORDS_OF_KEYS = {"kind": "kind", "layer": "layer", "layer_type": "layer type"}
"""What texts call the keys that choose tensors."""
_SHOWN = 8
"""Names that an error message lists."""


@dataclass(frozen=True)
class Target:
    """Which bits may be hit: all of them, or those to which every given restriction applies.

    Attributes:
        kind: of the tensors, as ParameterTensor.kind.
        layer: a module that owns tensors ("layer1.0.conv1"), one above such modules ("layer1") or a tensor
            ("layer1.0.conv1.weight").
        layer_type: of the tensors, as ParameterTensor.layer_type.
        bits: lowest and highest bit of every word, both included.

    Raises:
        InputError: a restriction is of the wrong type, or the bits are reversed.
    """

    kind: str | None = None
    layer: str | None = None
    layer_type: str | None = None
    bits: tuple[int, int] | None = None

    def __post_init__(self):
        for key in _WORDS_OF_KEYS:
            value = getattr(self, key)
            if value is not None and (not isinstance(value, str) or not value):
                raise InputError(f"target: {key}: expected a name, got {value!r}")
        if self.bits is not None:
            object.__setattr__(self, "bits", _bit_range(self.bits))

    @property
    def name(self) -> str:
        """The text of tables' `target` column: "all", "kind weight", "layer conv1, bits 23-30"."""
        parts = [f"{text} {getattr(self, key)}" for key, text in _WORDS_OF_KEYS.items() if getattr(self, key)]
        if self.bits is not None:
            low, high = self.bits
            parts.append(f"bit {low}" if low == high else f"bits {low}-{high}")
        return ", ".join(parts) or "all"

    def resolve(self, tensors: Iterable[ParameterTensor | Region], fmt: FloatFormat) -> Site:
        """The bits of a memory that the target means.

        Args:
            tensors: all that the memory holds: a network's parameter tensors, or the regions of its activations.
            fmt: of the words.

        Raises:
            InputError: a kind, layer or layer type does not occur, or not together with the others; a bit lies outside
                the word.
        """
        low, high = self.bits or (0, fmt.width - 1)
        if high >= fmt.width:
            raise InputError(
                f"target {self.name}: {fmt.name} has {fmt.width}-bit words, whose bits are 0 to {fmt.width - 1}"
            )
        regions = regions_of(tensors)
        if not regions:
            raise InputError(f"target {self.name}: there is no tensor with a value to hit")
        hit = regions
        for key in _WORDS_OF_KEYS:
            if (value := getattr(self, key)) is not None:
                alone = [region for region in regions if _matches(region, key, value)]
                if not alone:
                    raise InputError(f"target {self.name}: {_unknown(key, value, regions)}")
                hit = [region for region in hit if region in alone]
        if not hit:
            raise InputError(f"target {self.name}: no tensor is all of this; {self._near_misses(regions)}")
        return Site.over(self.name, hit, low, high, fmt.width, memory_words=regions[-1].stop)

    def _near_misses(self, regions: Sequence[Region]) -> str:
        key = "layer" if self.layer else "kind"
        value = getattr(self, key)
        near = [region for region in regions if _matches(region, key, value)]
        listed = [f"{region.name} (kind {region.kind}, layer type {region.layer_type})" for region in near]
        return f"{key} {value} has {_listed(listed)}"


def target_from_dict(entry: dict | str) -> Target:
    """The target of a config's entry with any of the keys kind, layer, layer_type and bits; "all" or {} is everything.

    Raises:
        InputError: an unknown key, or a value that Target refuses.
    """
    if entry == "all":
        return Target()
    check_keys("target", entry, [*_WORDS_OF_KEYS, "bits"])
    target = Target(**entry)
    return replace(target, kind=None) if target.kind == "all" else target


def _bit_range(bits) -> tuple[int, int]:
    pair = tuple(bits) if isinstance(bits, list | tuple) else ()
    if len(pair) != 2 or not all(type(bit) is int and bit >= 0 for bit in pair):
        raise InputError(f"target: bits: expected the lowest and the highest bit, such as [23, 30], got {bits!r}")
    if pair[0] > pair[1]:
        raise InputError(f"target: bits: {list(pair)} is reversed; the lowest bit comes first")
    return pair


def _matches(region: Region, key: str, value: str) -> bool:
    if key == "layer":
        return value in (region.layer, region.name) or region.name.startswith(f"{value}.")
    return getattr(region, key) == value


def _unknown(key: str, value: str, regions: Sequence[Region]) -> str:
    text = _WORDS_OF_KEYS[key]
    if key == "layer":
        layers = list(dict.fromkeys(region.layer for region in regions))
        hint = nearest(value, dict.fromkeys([*_paths(regions), *(region.name for region in regions)]))
        return f"there is no {text} or tensor {value}{hint or f'; there are the layers {_listed(layers)}'}"
    present = list(dict.fromkeys(getattr(region, key) for region in regions))
    if key == "kind":
        present.sort(key=lambda kind: KINDS.index(kind) if kind in KINDS else len(KINDS))
    return f"there is no {text} {value}; there are {_listed(present)}{nearest(value, present)}"


def _paths(regions: Sequence[Region]) -> list[str]:
    """The layers and all modules above them."""
    parts = [region.layer.split(".") for region in regions]
    return [".".join(path[: depth + 1]) for path in parts for depth in range(len(path))]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
