"""How numbers and lists are written for readers."""

import math
from collections.abc import Sequence

from sparebits.formats import FloatFormat

MISSING = "–"
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_PLURALS = {
    "weight": "weights",
    "bias": "biases",
    "running_mean": "running means",
    "running_var": "running variances",
    "other": "other parameters",
    "all": "all parameters",
}


def count(number: float) -> str:
    """A whole number with thousands separated."""
    return MISSING if _is_missing(number) else f"{int(number):,}"


def percent(share: float, digits: int = 2) -> str:
    """A share in 0..1 as a percentage; one that only rounding would turn into 0 or 100 says so."""
    if _is_missing(share):
        return MISSING
    smallest = 10.0**-digits
    if 0 < 100 * share < smallest / 2:
        return f"< {smallest:.{digits}f} %"
    if 100 - smallest / 2 < 100 * share < 100:
        return f"> {100 - smallest:.{digits}f} %"
    return f"{100 * share:.{digits}f} %"


def percent_interval(low: float, high: float) -> str:
    return MISSING if _is_missing(low) or _is_missing(high) else f"[{100 * low:.2f}, {100 * high:.2f}]"


def points(drop_pp: float) -> str:
    """Percentage points, always signed."""
    return MISSING if _is_missing(drop_pp) else _minus(f"{drop_pp + 0.0:+.2f}") if round(drop_pp, 2) else "0.00"


def points_interval(low_pp: float, high_pp: float) -> str:
    if _is_missing(low_pp) or _is_missing(high_pp):
        return MISSING
    return _minus(f"[{low_pp:+.2f}, {high_pp:+.2f}]")


def rate(ber: float, digits: int = 2) -> str:
    """A bit error rate: 0.05, but 1e-3 and 2.5e-4 below 0.01; 0 is none. From 0.01 on with so many digits."""
    if ber == 0:
        return "none"
    if ber >= 0.00995:
        return f"{ber:.{digits}g}"
    digits, power = f"{ber:.1e}".split("e")
    return f"{digits.removesuffix('.0')}e{int(power)}".replace("-", "−")


def probability(p: float) -> str:
    """0.998, 0.02, but 1e−3 and 1.1e−49 below 0.01; 0 is 0."""
    if _is_missing(p):
        return MISSING
    if p == 0:
        return "0"
    if p < 0.00995:
        return rate(p)
    told = f"{min(p, 1):.3g}"
    return "> 0.999" if told == "1" and p < 1 - 1e-9 else told


def probability_interval(low: float, high: float) -> str:
    return f"[{probability(low)}, {probability(high)}]"


def p_value(p: float) -> str:
    if _is_missing(p):
        return MISSING
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def hex_field(exponent: int, fmt: FloatFormat) -> str:
    """An exponent field in hexadecimal, such as 0x78."""
    return f"0x{int(exponent):0{-(-fmt.exponent_bits // 4)}X}"


def power_of_two(exponent: int, fmt: FloatFormat) -> str:
    """The power of two that an exponent field stands for, such as 2⁻⁷ for 0x78 in binary32."""
    return "2" + str(int(exponent) - (fmt.leading_exponent - 1)).translate(_SUPERSCRIPTS)


def floor_name(floor: int, fmt: FloatFormat) -> str:
    """A floor in hexadecimal and as a power of two; floor 0 rounds nothing."""
    return "none" if floor == 0 else f"{hex_field(floor, fmt)} ({power_of_two(floor, fmt)})"


def bits(number: int) -> str:
    return "1 bit" if number == 1 else f"{number} bits"


def kinds(kind: str) -> str:
    """A kind of parameters in the plural."""
    return _PLURALS.get(kind, kind)


def listed(parts: Sequence[str], last: str = "and") -> str:
    """a; a and b; a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def bit_runs(bits: Sequence[int]) -> str:
    """Bits from the highest down, neighbours as a run: 31, 29–28."""
    runs: list[list[int]] = []
    for bit in sorted(bits, reverse=True):
        if runs and runs[-1][-1] == bit + 1:
            runs[-1].append(bit)
        else:
            runs.append([bit])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def _is_missing(number: float) -> bool:
    return number is None or math.isnan(number)


def _minus(text: str) -> str:
    return text.replace("-", "−")
