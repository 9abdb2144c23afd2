"""How the studies write ratios, shares with their intervals, and sizes of changes."""

import math

from sparebits.report.wording import MISSING, count, percent

_UNTOLD = 1000.0
"""A ratio beyond which only this is told."""


def ratio(value: float, low: float, high: float) -> str:
    """12 [9.1, 16], with two digits each."""
    return f"{_two_digits(value)} [{_two_digits(low)}, {_two_digits(high)}]".replace(" ", "\u00a0")


def share(value: float, low: float, high: float, digits: int = 1) -> str:
    """1.9 % [1.7, 2.3], of shares in 0..1."""
    return f"{percent(value, digits)} [{100 * low:.{digits}f}, {100 * high:.{digits}f}]".replace(" ", "\u00a0")


def points(value: float, low: float, high: float, digits: int = 2) -> str:
    """+0.47 [+0.37, +0.60] pp, of percentage points; a dash where there is none."""
    if math.isnan(value):
        return MISSING
    text = f"{value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}] pp"
    return text.replace("-", "−").replace(" ", "\u00a0")


def size(log: float) -> str:
    """A size of which the decimal logarithm is given, with two digits: 0.35, 66, 10,000, 10^36."""
    if math.isnan(log):
        return MISSING
    if math.isinf(log):
        return "∞"
    if log > 6:
        return f"10^{log:.0f}"
    return f"{float(f'{10**log:.2g}'):,.0f}" if log >= 2 else _two_digits(10**log)


def sizes(log: float, low: float, high: float) -> str:
    """A size with its interval, from their decimal logarithms."""
    return f"{size(log)} [{size(low)}, {size(high)}]".replace(" ", "\u00a0")


def trials_to_tell(trials: int, low: float, high: float, wanted: float) -> str:
    """Trials after which an odds ratio's interval reaches no farther than the factor `wanted` to either side.

    Its width shrinks with the root of their number. "more than can be told" where this sample says nothing of it.
    """
    if not 0 < low < high < math.inf:
        return "more than this sample can tell"
    return count(math.ceil(trials * (math.log(high / low) / (2 * math.log(wanted))) ** 2))


def _two_digits(value: float) -> str:
    if math.isnan(value):
        return MISSING
    if value >= _UNTOLD:
        return "∞" if math.isinf(value) else f"> {_UNTOLD:,.0f}"
    if value >= 9.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 0.995 else f"{value:.2g}"
