"""What the words of a network look like: zeros and ones of each bit, and the exponents of each kind and tensor."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from sparebits.alterations import is_below
from sparebits.formats import FloatFormat
from sparebits.parameters import FlatParameters, kinds_of

CHUNK = 1 << 20
"""Words counted at a time, so that memory stays flat."""


def count_ones(words: np.ndarray, fmt: FloatFormat) -> np.ndarray:
    """How many of the words have a 1 at each bit: int64 (width,), least significant bit first (thesis 3.5.1)."""
    ones = np.zeros(fmt.width, dtype=np.int64)
    word = fmt.word_dtype.type
    for chunk in _chunks(words):
        ones += [np.count_nonzero(chunk & word(1 << bit)) for bit in range(fmt.width)]
    return ones


def count_exponents(words: np.ndarray, fmt: FloatFormat) -> np.ndarray:
    """How many of the words have each exponent field: int64 (2^exponent_bits,) (thesis 3.6.1)."""
    counts = np.zeros(1 << fmt.exponent_bits, dtype=np.int64)
    for chunk in _chunks(words):
        counts += np.bincount(fmt.exponents(chunk).astype(np.int64), minlength=len(counts))
    return counts


def _chunks(words: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(words), CHUNK):
        yield words[start : start + CHUNK]


def bit_census(parameters: FlatParameters) -> pd.DataFrame:
    """bits.csv: kind, bit, zeros, ones; for all parameters and each kind (thesis Tables 5 to 7)."""
    fmt = parameters.fmt
    tables = []
    for kind in ("all", *kinds_of(parameters.tensors)):
        ones = sum(count_ones(parameters.golden[span], fmt) for span in parameters.spans(kind))
        total = sum(span.stop - span.start for span in parameters.spans(kind))
        tables.append(pd.DataFrame({"kind": kind, "bit": range(fmt.width), "zeros": total - ones, "ones": ones}))
    return pd.concat(tables, ignore_index=True).assign(format=fmt.name)


def exponent_census(parameters: FlatParameters) -> pd.DataFrame:
    """exponents.csv: kind, exponent, count; a row for every field value (thesis Table 8)."""
    fmt = parameters.fmt
    tables = []
    for kind in ("all", *kinds_of(parameters.tensors)):
        counts = sum(count_exponents(parameters.golden[span], fmt) for span in parameters.spans(kind))
        tables.append(pd.DataFrame({"kind": kind, "exponent": range(len(counts)), "count": counts}))
    return pd.concat(tables, ignore_index=True).assign(format=fmt.name)


def tensor_census(parameters: FlatParameters) -> pd.DataFrame:
    """tensors.csv: what each tensor is, its smallest and largest exponent field, and its group (thesis Table 10)."""
    fmt = parameters.fmt
    rows = []
    for tensor in parameters.tensors:
        if tensor.values == 0:
            continue
        exponents = fmt.exponents(parameters.golden[tensor.span])
        smallest, largest = int(exponents.min()), int(exponents.max())
        rows.append(
            {
                "tensor": tensor.name,
                "kind": tensor.kind,
                "role": tensor.role,
                "layer_type": tensor.layer_type,
                "shape": "x".join(map(str, tensor.shape)),
                "values": tensor.values,
                "min_exponent": smallest,
                "max_exponent": largest,
                "group": exponent_group(smallest, largest, fmt),
                "format": fmt.name,
            }
        )
    return pd.DataFrame(rows)


def rounding_census(parameters: FlatParameters) -> pd.DataFrame:
    """modified.csv: floor, tensors, modified_tensors, values, modified_values; a row for each of the format's floors.

    How many tensors and values hold exponents below a floor, which rounding to it modifies (thesis 7.4).
    """
    rows = [modified_by_rounding(parameters, floor) for floor in parameters.fmt.forced_bits_of_floor]
    return pd.DataFrame(rows).assign(format=parameters.fmt.name)


def modified_by_rounding(parameters: FlatParameters, floor: int) -> dict[str, int]:
    """What rounding to a floor modifies, by column of modified.csv and rounding.csv."""
    modified = [
        np.count_nonzero(is_below(parameters.golden[t.span], floor, parameters.fmt)) for t in parameters.tensors
    ]
    return {
        "floor": floor,
        "tensors": len(parameters.tensors),
        "modified_tensors": sum(count > 0 for count in modified),
        "values": len(parameters.golden),
        "modified_values": sum(modified),
    }


def exponent_group(smallest: int, largest: int, fmt: FloatFormat) -> str:
    """Whether all exponent fields are "below" 0x80 (in binary32), all at or "above" it, or "mixed" (thesis 3.6.2)."""
    if largest < fmt.leading_exponent:
        return "below"
    return "above" if smallest >= fmt.leading_exponent else "mixed"
