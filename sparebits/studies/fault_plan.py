"""The faults that the studies of layers, of positions and of neurons share: one campaign, drawn for all three.

Most failures come of few bits: sign and exponent. They are drawn bit by bit, so that places are compared at equal bit;
of the mantissa fewer are drawn, as it hardly ever fails. A rate over all bits of a word weights both by their bits.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import pandas as pd

from sparebits.campaign.injections import Injection
from sparebits.errors import InputError
from sparebits.faults.cells import MultipleBits, SingleBit
from sparebits.faults.entries import check_count, check_keys
from sparebits.faults.sites import Region, regions_of
from sparebits.faults.targets import Target
from sparebits.formats import FloatFormat
from sparebits.parameters import ParameterTensor

PART, LAYER, POSITION, IMAGE, OUTPUT, LOGITS = "part", "layer", "position", "image", "output", "logits"
"""What an injection is for, the first word of its name. In parameters: each part (the tensors of one kind in layers of
one type), each layer, the whole network. In activations: the image, what each operation gives, the logits."""
_LEAST = 12
"""Faults of sign and exponent in a layer's parameters, or in what an operation gives."""


@dataclass(frozen=True)
class FaultCounts:
    """How many faults are drawn of each place.

    Attributes:
        part, position, transient: of each bit of sign and exponent: in each part, in the whole network's parameters,
            and both in the image and in the logits. Of transient faults four times as many, all bits together, in the
            mantissa of these, and twenty times as many in that of all other activations.
        mantissa: of each mantissa bit in the whole network; five times as many, all bits together, in each part.
        layers, activations: of sign and exponent in all layers' parameters, and in all that operations give; each layer
            and operation has as many, but no fewer than 12.
        changes: of values by chosen sizes, in the whole network.

    Raises:
        InputError: a number below 2; one fault has no variance.
    """

    part: int = 40
    position: int = 200
    transient: int = 100
    mantissa: int = 40
    layers: int = 1200
    activations: int = 6000
    changes: int = 1200

    def __post_init__(self):
        for field in fields(self):
            if getattr(self, field.name) < 2:
                raise InputError(f"faults of a {field.name}: at least 2 are drawn, not {getattr(self, field.name)}")


def counts_from_dict(entry: dict) -> FaultCounts:
    """The counts of a config's entry; those that it does not name are the default ones.

    Raises:
        InputError: an unknown key, or a number that FaultCounts refuses.
    """
    check_keys("counts", entry, [field.name for field in fields(FaultCounts)])
    for key, count in entry.items():
        check_count(key, count, least=2)
    return FaultCounts(**entry)


def planned_injections(
    tensors: Sequence[ParameterTensor],
    fmt: FloatFormat,
    activations: Sequence[Region],
    activation_fmt: FloatFormat,
    counts: FaultCounts,
) -> list[Injection]:
    """The injections of a network's campaign.

    Args:
        tensors: of its parameters, in the format `fmt`.
        activations: what its operations give, in their order; the last is the logits.
        activation_fmt: in which it computes.
        counts: of faults.
    """
    upper, mantissa = field_ranges(fmt)
    layers = {region.layer for region in regions_of(tensors)}
    of_layer, of_activation = (
        max(_LEAST, total // len(places))
        for total, places in ((counts.layers, layers), (counts.activations, activations))
    )
    found = [
        _of_bits(POSITION, "upper", {"bits": upper}, "bit", counts.position),
        _of_bits(POSITION, "mantissa", {"bits": mantissa}, "bit", counts.mantissa),
        _of_bits(LAYER, "upper", {"bits": upper}, "layer", of_layer),
    ]
    for layer_type, kind in parts_of(tensors):
        target, name = {"layer_type": layer_type, "kind": kind}, f"{layer_type} {kind}"
        found += [
            _of_bits(PART, f"{name} upper", target | {"bits": upper}, "bit", counts.part),
            # In a stratum of its own, as a part may have fewer bits than are asked for.
            _of_bits(PART, f"{name} mantissa", target | {"bits": mantissa}, "kind", 5 * counts.mantissa),
        ]
    upper, mantissa = field_ranges(activation_fmt)
    transient = {"where": "activations"}
    logits = {"layer": activations[-1].name}
    return [
        *found,
        _of_bits(IMAGE, "upper", {"kind": "input", "bits": upper}, "bit", counts.transient, **transient),
        _of_bits(IMAGE, "mantissa", {"kind": "input", "bits": mantissa}, "kind", 4 * counts.transient, **transient),
        _of_bits(OUTPUT, "upper", {"kind": "activation", "bits": upper}, "layer", of_activation, **transient),
        _of_bits(
            OUTPUT, "mantissa", {"kind": "activation", "bits": mantissa}, "kind", 20 * counts.transient, **transient
        ),
        # With replacement: they are few, and each is hit in another image.
        _of_bits(LOGITS, "upper", logits | {"bits": upper}, "bit", counts.transient, **transient, again=True),
        _of_bits(
            LOGITS, "mantissa", logits | {"bits": mantissa}, "kind", 4 * counts.transient, **transient, again=True
        ),
    ]


def parts_of(tensors: Iterable[ParameterTensor]) -> list[tuple[str, str]]:
    """The pairs of layer type and kind that occur, in the network's order."""
    return list(dict.fromkeys((tensor.layer_type, tensor.kind) for tensor in tensors if tensor.values))


def faults_for(faults: pd.DataFrame, purpose: str) -> pd.DataFrame:
    """The trials of the campaign that were drawn for one purpose, such as PART."""
    return faults[faults["injection"].str.split(" ", n=1).str[0] == purpose]


def with_values(
    faults: pd.DataFrame, tensors: Sequence[ParameterTensor], activations: Sequence[Region]
) -> pd.DataFrame:
    """The table with a column `values`: how many the tensor or activation holds that was hit."""
    of_tensors, of_activations = ({part.name: part.values for part in parts} for parts in (tensors, activations))
    is_transient = faults["where"] == "activations"
    values = faults["tensor"].map(of_activations).where(is_transient, faults["tensor"].map(of_tensors))
    return faults.assign(values=values.astype(int))


def field_ranges(fmt: FloatFormat) -> tuple[tuple[int, int], tuple[int, int]]:
    """Lowest and highest bit of exponent and sign, and of the mantissa."""
    return (fmt.mantissa_bits, fmt.sign_bit), (0, fmt.mantissa_bits - 1)


def _of_bits(
    purpose: str, name: str, target: dict, strata: str, trials: int, where: str = "parameters", again: bool = False
) -> Injection:
    model = MultipleBits(1) if again else SingleBit()
    return Injection(f"{purpose} {name}", where, model, Target(**target), strata, max(2, trials))
