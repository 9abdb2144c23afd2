"""A scheme of a code over many words in the metadata of a safetensors file: a description in JSON, and the bases."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from sparebits.errors import InputError
from sparebits.formats import FloatFormat
from sparebits.layouts.minifloat import Minifloat
from sparebits.long_codes.bases import bases_of_text, bases_text
from sparebits.long_codes.modes import MODES, data_bits_of
from sparebits.long_codes.scheme import LongScheme
from sparebits.parameters import ParameterTensor
from sparebits.protection.header import (
    DESCRIPTION,
    RECORDS,
    check_coverage,
    description_of,
    parsed_description,
    tied_names,
)

VERSION = 3
"""Of the description; files whose words are codewords by themselves have version 2."""


@dataclass(frozen=True)
class LongProtection:
    """What a file says of its protection.

    Attributes:
        tied: further names of tensors in the original, and the name under which each is in the file.
        damaged_digits: of the bases' text that were put right.
        copied: bytes, by name, of tensors of integers.
    """

    scheme: LongScheme
    tied: dict[str, str]
    damaged_digits: int
    copied: dict[str, bytes]


def long_metadata(scheme: LongScheme, tied: Mapping[str, str], copied: Mapping[str, bytes]) -> dict[str, str]:
    """The two entries of metadata that describe a scheme; see LongProtection."""
    alike: dict[tuple, list[str]] = {}
    for name, layout in scheme.layouts.items():
        alike.setdefault((layout.exponent_bits, layout.mantissa_bits, layout.signed), []).append(name)
    layouts = [
        {"exponent_bits": e, "mantissa_bits": m, "signed": signed, "tensors": names}
        for (e, m, signed), names in alike.items()
    ]
    description = {"version": VERSION, "mode": scheme.mode, "dtype": scheme.fmt.dtype, "layouts": layouts}
    if tied:
        description["tied"] = dict(tied)
    if copied:
        description["copied"] = {name: content.hex() for name, content in copied.items()}
    # In the order of the description, in which layouts that are alike stand together.
    bases = [scheme.layouts[name].base for names in alike.values() for name in names]
    return {
        DESCRIPTION: json.dumps(description, separators=(",", ":")),
        RECORDS: bases_text(bases, scheme.fmt),
    }


def mode_of(metadata: Mapping[str, str]) -> str:
    """How the words of a protected file are stored: "word", or one of MODES.

    Raises:
        InputError: the metadata are damaged, describe no protection, or a mode that is not known.
    """
    description = parsed_description(metadata)
    mode = description.get("mode", "word")
    if mode not in ("word", *MODES):
        raise InputError(f"it is stored in the mode {mode!r}; this sparebits knows word, {', '.join(MODES)}")
    return mode


def read_long_protection(
    metadata: Mapping[str, str], tensors: Sequence[ParameterTensor], fmt: FloatFormat, names: Collection[str]
) -> LongProtection:
    """The inverse of `long_metadata`, checked against the tensors of the file.

    Args:
        names: of all tensors in the file, those of integers too.

    Raises:
        InputError: the metadata are of another version, damaged, or do not describe these tensors.
    """
    description = description_of(metadata, VERSION, f"in this mode {VERSION} is read", fmt)
    mode = mode_of(metadata)
    if mode not in MODES:
        raise InputError(f"its protection of version {VERSION} says no mode of {', '.join(MODES)}; it is damaged")
    open_layouts = _layouts(description, data_bits_of(mode, fmt), fmt)
    check_coverage(list(open_layouts), tensors)
    tied = tied_names(description, names)
    limits = [layout.base_limit for layout in open_layouts.values()]
    bases, damaged = bases_of_text(metadata[RECORDS], limits, fmt)
    layouts = {
        name: replace(layout, base=base) for (name, layout), base in zip(open_layouts.items(), bases, strict=True)
    }
    return LongProtection(LongScheme(fmt, mode, layouts), tied, damaged, _copied(description))


def _copied(description: dict) -> dict[str, bytes]:
    try:
        return {name: bytes.fromhex(text) for name, text in description.get("copied", {}).items()}
    except (AttributeError, TypeError, ValueError):
        raise InputError("its copies of tensors of integers are not understood") from None


def _layouts(description: dict, data_bits: int, fmt: FloatFormat) -> dict[str, Minifloat]:
    """The layouts by tensor, with zero for their bases, in the order of the description."""
    layouts: dict[str, Minifloat] = {}
    try:
        for entry in description["layouts"]:
            sizes = [entry["exponent_bits"], entry["mantissa_bits"]]
            if any(type(size) is not int for size in sizes) or type(entry["signed"]) is not bool:
                raise TypeError("a layout's bits are not numbers")
            layout = Minifloat(fmt, *sizes, base=0, signed=entry["signed"])
            if layout.data_bits != data_bits:
                raise InputError(f"its layout {layout.title} has {layout.data_bits} data bits, expected {data_bits}")
            for name in entry["tensors"]:
                if not isinstance(name, str) or name in layouts:
                    raise InputError(f"it protects a tensor twice: {name}; it is damaged")
                layouts[name] = layout
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"its layouts are not understood ({type(error).__name__}: {error})") from None
    return layouts
