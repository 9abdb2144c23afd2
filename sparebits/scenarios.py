"""Where bits flip how often, and what it means there that a scheme holds a bit error rate.

Two kinds of faults. Upsets come one after the other and stay until a scrub, which reads, corrects and writes back: they
accumulate, and a scheme that holds a bit error rate (BER) says how long may pass between two scrubs. Cells that are
weak at a voltage, a refresh interval or an age fail again after every write: scrubbing does not help, and a scheme
holds their rate or does not.
"""

from collections.abc import Mapping
from math import exp, inf, isnan, log1p
from pathlib import Path

import pandas as pd

from sparebits.errors import InputError

RATES = Path(__file__).resolve().parent.parent / "reference" / "fault_rates.csv"
RATE_COLUMNS = ("scenario", "memory", "condition", "quantity", "low", "high", "source", "checked")
STATIC = "bit error rate"
HOURS = {"FIT per Mbit": 1e9 * 2**20, "upsets per bit-day": 24.0}
"""Of the quantities that accumulate: how many bit-hours a unit is an upset in. A FIT is a failure in 10^9 hours."""
RESNET50_BITS = 25_610_152 * 32
"""Bits of a ResNet-50 in float32, the default size of a network."""

_UNITS = (("years", 24 * 365.25), ("days", 24.0), ("hours", 1.0), ("minutes", 1 / 60), ("seconds", 1 / 3600))


def scrub_interval_hours(flips_per_bit_hour: float, ber_held: float) -> float:
    """The longest time between two scrubs for which the BER stays at or below the one held.

    A bit that flips at a rate r, back again too, differs from what was written with probability (1 - exp(-2 r T)) / 2
    after T; so T = -ln(1 - 2 BER) / (2 r), which is BER / r where the BER is small.

    Args:
        flips_per_bit_hour: r, 0 or more.
        ber_held: in 0..1; from 0.5 on it is never exceeded.

    Returns:
        hours; infinite where no bit ever flips or any BER is held.

    Raises:
        InputError: an argument is out of range.
    """
    if not flips_per_bit_hour >= 0:
        raise InputError(f"a rate of flips is 0 or more, got {flips_per_bit_hour}")
    if not 0 <= ber_held <= 1:
        raise InputError(f"a bit error rate lies in 0..1, got {ber_held}")
    if ber_held >= 0.5 or flips_per_bit_hour == 0:
        return inf
    return -log1p(-2 * ber_held) / (2 * flips_per_bit_hour)


def ber_after(flips_per_bit_hour: float, hours: float) -> float:
    """(1 - exp(-2 r T)) / 2: the BER of a memory that was last scrubbed T hours ago."""
    return (1 - exp(-2 * flips_per_bit_hour * hours)) / 2


def read_rates(path: Path = RATES) -> pd.DataFrame:
    """The published rates: RATE_COLUMNS; a missing `low` says that only an upper end is known.

    Raises:
        InputError: a column or a source is missing, a quantity is unknown, a scenario occurs twice, or a range is none.
    """
    rates = pd.read_csv(path, dtype={column: str for column in RATE_COLUMNS if column not in ("low", "high")})
    if tuple(rates.columns) != RATE_COLUMNS:
        raise InputError(f"{path}: its columns are {', '.join(rates.columns)}; expected {', '.join(RATE_COLUMNS)}")
    for row in rates.itertuples():
        where = f"{path}, {row.scenario}"
        if row.quantity not in (STATIC, *HOURS):
            raise InputError(f"{where}: the quantity {row.quantity!r} is none of {STATIC}, {', '.join(HOURS)}")
        if not row.high > 0 or row.low > row.high or not (isnan(row.low) or row.low > 0):
            raise InputError(f"{where}: {row.low} to {row.high} is no range of rates above 0")
        if not isinstance(row.source, str) or row.checked not in ("yes", "no"):
            raise InputError(f"{where}: it has no source, or does not say yes or no to whether that was checked")
    if rates.scenario.duplicated().any():
        raise InputError(f"{path}: {rates.scenario[rates.scenario.duplicated()].iloc[0]} occurs twice")
    return rates


def flips_per_bit_hour(quantity: str, rate: float) -> float:
    """A rate of a quantity that accumulates, as flips of a bit in an hour.

    Raises:
        InputError: the quantity does not accumulate.
    """
    if quantity not in HOURS:
        raise InputError(f"{quantity!r} does not accumulate; that do {', '.join(HOURS)}")
    return rate / HOURS[quantity]


def scenario_table(rates: pd.DataFrame, held: Mapping[str, float], bits: int = RESNET50_BITS) -> pd.DataFrame:
    """What each scheme's BER held means in each scenario.

    Args:
        rates: from `read_rates`.
        held: by scheme the BER that it holds.
        bits: of the network in memory.

    Returns:
        scenario, rate (as stated, with its quantity), scheme, ber_held, scrub_interval_hours (at the highest rate;
        missing where scrubbing does not help), holds ("yes", "no", "in part" where the rates' range is cut; missing
        where faults accumulate), flips_a_day (expected in the network at the highest rate; of static faults the flipped
        bits, whatever the time).
    """
    rows = []
    for rate in rates.itertuples():
        is_static = rate.quantity == STATIC
        hourly = None if is_static else flips_per_bit_hour(rate.quantity, rate.high)
        for scheme, ber in held.items():
            rows.append(
                {
                    "scenario": rate.scenario,
                    "rate": f"{_range(rate.low, rate.high)} {rate.quantity}",
                    "scheme": scheme,
                    "ber_held": ber,
                    "scrub_interval_hours": None if is_static else scrub_interval_hours(hourly, ber),
                    "holds": _holds(rate.low, rate.high, ber) if is_static else None,
                    "flips_a_day": bits * (rate.high if is_static else 24 * hourly),
                }
            )
    return pd.DataFrame(rows)


def rates_markdown(rates: pd.DataFrame) -> str:
    """The rates as a Markdown table."""
    lines = ["| scenario | memory | condition | rate | source | read |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row.scenario} | {row.memory} | {row.condition} | {_range(row.low, row.high)} {row.quantity} "
        f"| {row.source} | {row.checked} |"
        for row in rates.itertuples()
    ]
    return "\n".join(lines)


def scenario_markdown(rates: pd.DataFrame, held: Mapping[str, float], bits: int = RESNET50_BITS) -> str:
    """`scenario_table` as a Markdown table: a scenario a row, a scheme a column."""
    table = scenario_table(rates, held, bits)
    schemes = " | ".join(f"{scheme}, BER {_plain(ber)}" for scheme, ber in held.items())
    lines = [f"| scenario | flips in the network | {schemes} |", "|---|--:|" + "--:|" * len(held)]
    for scenario, rows in table.groupby("scenario", sort=False):
        flips = rows.flips_a_day.iloc[0]
        is_static = rows.scrub_interval_hours.isna().all()
        cells = rows.holds if is_static else map(duration, rows.scrub_interval_hours)
        lines.append(f"| {scenario} | {_count(flips)}{'' if is_static else ' a day'} | {' | '.join(cells)} |")
    return "\n".join(lines)


def fill_page(page: str, rates: pd.DataFrame, held: Mapping[str, float], bits: int = RESNET50_BITS) -> str:
    """The page with both of its tables made anew, between the comments that mark their places."""
    page = replace_marked(page, "fault rates", rates_markdown(rates))
    return replace_marked(page, "scrub intervals", scenario_markdown(rates, held, bits))


def replace_marked(page: str, name: str, text: str) -> str:
    """The page with `text` between `<!-- NAME: begin -->` and `<!-- NAME: end -->`.

    Raises:
        InputError: the page lacks these comments.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(end) < page.index(begin):
        raise InputError(f"the page does not have {begin} and {end}, once each")
    return f"{page[: page.index(begin)]}{begin}\n{text}\n{page[page.index(end) :]}"


def duration(hours: float) -> str:
    """In the largest unit of which it is at least one, with two digits."""
    if hours == inf:
        return "for ever"
    unit, size = next((unit for unit in _UNITS if hours >= unit[1]), _UNITS[-1])
    return f"{_count(hours / size)} {unit}"


def _holds(low: float, high: float, ber: float) -> str:
    if ber >= high:
        return "yes"
    return "no" if not isnan(low) and ber < low else "in part"


def _range(low: float, high: float) -> str:
    if isnan(low):
        return f"up to {_plain(high)}"
    return _plain(high) if low == high else f"{_plain(low)} to {_plain(high)}"


def _plain(rate: float) -> str:
    if rate >= 1:
        return f"{rate:,.0f}"
    return f"{rate:.3g}" if rate >= 0.01 or rate == 0 else _scientific(rate, 2)


def _count(number: float) -> str:
    """Two significant digits, thousands set apart; powers of ten from a million on."""
    if number >= 1e6:
        return _scientific(number, 1)
    rounded = float(f"{number:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def _scientific(number: float, digits: int) -> str:
    """Without zeros that say nothing: 6e-4."""
    mantissa, exponent = f"{number:.{digits}e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"
