"""Fault rates and scrub intervals: the formula against simulation, published rates well formed, the page in step."""

import re
from math import inf, isnan, log, nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sparebits.errors import InputError
from sparebits.scenarios import (
    RATES,
    RESNET50_BITS,
    STATIC,
    ber_after,
    duration,
    fill_page,
    flips_per_bit_hour,
    rates_markdown,
    read_rates,
    replace_marked,
    scenario_markdown,
    scenario_table,
    scrub_interval_hours,
)

PAGE = Path(__file__).parent.parent / "docs" / "scenarios.md"
HELD = {"unprotected": 1e-6, "thesis": 1e-3, "chosen": 0.05}


def one_rate(quantity: str, low: float, high: float) -> pd.DataFrame:
    return pd.DataFrame([{"scenario": "here", "quantity": quantity, "low": low, "high": high}])


def between(page: str, name: str) -> str:
    return page.partition(f"<!-- {name}: begin -->\n")[2].partition(f"\n<!-- {name}: end -->")[0]


@pytest.mark.parametrize("ber", [1e-9, 1e-6, 1e-3, 0.05, 0.3, 0.499])
@pytest.mark.parametrize("rate", [1e-12, 1e-3, 5.0])
def test_the_interval_is_when_the_ber_is_reached(ber, rate):
    assert ber_after(rate, scrub_interval_hours(rate, ber)) == pytest.approx(ber, rel=1e-6)


def test_bits_that_flip_at_random_reach_the_ber_at_the_interval():
    """A million bits, each hit as often as a Poisson process of rate 0.02 an hour says; odd numbers of hits differ."""
    interval = scrub_interval_hours(0.02, 0.2)
    hits = np.random.default_rng(1).poisson(0.02 * interval, 1_000_000)
    assert (hits % 2).mean() == pytest.approx(0.2, abs=0.002)
    # Counting hits alone would have come to more.
    assert 0.02 * interval > 0.24


def test_intervals_in_the_limits():
    assert scrub_interval_hours(1e-9, 1e-6) == pytest.approx(1e-6 / 1e-9, rel=1e-5)
    assert scrub_interval_hours(2.0, 0.25) == pytest.approx(log(2) / 4)
    assert scrub_interval_hours(1e-9, 0) == 0
    assert scrub_interval_hours(0, 1e-6) == scrub_interval_hours(1e-9, 0.5) == scrub_interval_hours(1e-9, 1) == inf
    assert ber_after(1.0, 1e6) == 0.5
    assert ber_after(1.0, 0) == 0


@pytest.mark.parametrize(("rate", "ber"), [(-1e-9, 0.1), (nan, 0.1), (1e-9, -0.1), (1e-9, 1.1), (1e-9, nan)])
def test_rates_that_are_none_are_told(rate, ber):
    with pytest.raises(InputError):
        scrub_interval_hours(rate, ber)


def test_units_of_rates():
    # 1,000 FIT per Mbit, of 2^20 bits, is one upset of 10^6 hours of a Mbit.
    assert flips_per_bit_hour("FIT per Mbit", 1000) * 2**20 * 1e6 == pytest.approx(1)
    assert flips_per_bit_hour("upsets per bit-day", 24) == 1
    with pytest.raises(InputError, match="does not accumulate"):
        flips_per_bit_hour(STATIC, 1e-3)


def test_the_published_rates_are_well_formed():
    rates = read_rates()
    assert len(rates) >= 10
    assert rates.source.str.len().min() > 20
    assert set(rates.checked) == {"yes", "no"}
    assert set(rates.quantity) == {"FIT per Mbit", "upsets per bit-day", STATIC}
    assert (rates.high[rates.quantity == STATIC] < 0.5).all()
    assert not rates[["scenario", "memory", "condition"]].isna().any(axis=None)


def test_derived_rates_follow_from_their_figures():
    rates = read_rates().set_index("scenario")
    assert rates.high["airliner"] == 300 * rates.high["sea level"]
    assert rates.low["deep space"] == pytest.approx(280 / 2.5e9, rel=0.01)
    assert rates.high["solar storm"] == pytest.approx(243 / (8 * 1024 * 6), rel=0.01)
    assert rates.high["Rowhammer"] == pytest.approx(1 / 1700, rel=0.01)


@pytest.mark.parametrize(
    ("pattern", "replacement", "message"),
    [
        ("FIT per Mbit,700,1200", "flips a week,700,1200", "quantity 'flips a week'"),
        ("FIT per Mbit,700,1200", "FIT per Mbit,1700,1200", "no range"),
        ("FIT per Mbit,700,1200", "FIT per Mbit,0,1200", "no range"),
        ("airliner", "sea level", "occurs twice"),
        (",no\n", ",perhaps\n", "yes or no"),
        ("scenario,memory", "place,memory", "its columns"),
    ],
)
def test_rates_that_are_malformed_are_told(tmp_path, pattern, replacement, message):
    path = tmp_path / "rates.csv"
    path.write_text(RATES.read_text().replace(pattern, replacement, 1))
    with pytest.raises(InputError, match=message):
        read_rates(path)


def test_faults_that_accumulate_have_an_interval_and_static_ones_are_held_or_not():
    upsets = scenario_table(one_rate("upsets per bit-day", 1e-7, 2.4e-6), HELD, bits=1000).set_index("scheme")
    assert upsets.scrub_interval_hours["unprotected"] == pytest.approx(10, rel=1e-5)
    assert upsets.flips_a_day.tolist() == pytest.approx([2.4e-3] * 3)
    assert upsets.holds.isna().all()
    static = scenario_table(one_rate(STATIC, 1e-4, 1e-2), HELD, bits=1000).set_index("scheme")
    assert static.holds.to_dict() == {"unprotected": "no", "thesis": "in part", "chosen": "yes"}
    assert static.scrub_interval_hours.isna().all()
    assert static.flips_a_day.tolist() == [10, 10, 10]
    assert static.rate["chosen"] == "1e-4 to 0.01 bit error rate"


def test_an_upper_end_alone_is_never_wholly_missed():
    static = scenario_table(one_rate(STATIC, nan, 1e-2), HELD)
    assert static.holds.tolist() == ["in part", "in part", "yes"]
    assert static.rate[0] == "up to 0.01 bit error rate"


def test_a_scheme_that_holds_more_never_needs_more_scrubs():
    bers = {f"{ber:g}": ber for ber in np.geomspace(1e-9, 0.4, 20)}
    order = {"no": 0, "in part": 1, "yes": 2}
    for _, rows in scenario_table(read_rates(), bers).groupby("scenario"):
        intervals = rows.scrub_interval_hours.dropna().astype(float)
        assert intervals.is_monotonic_increasing
        assert rows.holds.dropna().map(order).is_monotonic_increasing
        assert len(intervals) in (0, len(bers))


def test_durations_are_in_the_largest_unit():
    assert [duration(hours) for hours in (1 / 3600, 0.5, 1, 36, 24 * 365.25 * 3, inf)] == [
        "1 seconds",
        "30 minutes",
        "1 hours",
        "1.5 days",
        "3 years",
        "for ever",
    ]
    assert duration(24 * 365.25 * 123_456) == "120,000 years"
    assert duration(24 * 365.25 * 5.3e6) == "5.3e6 years"
    assert duration(24 * 365.25 * 4e6) == "4e6 years"
    assert duration(0) == "0 seconds"


def test_the_pages_rates_are_those_of_the_file():
    assert between(PAGE.read_text(), "fault rates") == rates_markdown(read_rates())


def test_the_pages_intervals_follow_from_the_rates_and_the_bers_in_its_header():
    table = between(PAGE.read_text(), "scrub intervals")
    held = {name: float(ber) for name, ber in re.findall(r"\| ([^|]+), BER ([0-9.e-]+)", table.splitlines()[0])}
    assert held
    assert table == scenario_markdown(read_rates(), held)


def test_filling_the_page_again_changes_its_tables_alone():
    page = PAGE.read_text()
    filled = fill_page(page, read_rates(), {"any": 0.01}, bits=RESNET50_BITS)
    assert "| any, BER 0.01 |" in between(filled, "scrub intervals")
    assert fill_page(filled, read_rates(), {"any": 0.01}) == filled
    before, after = page.splitlines(), filled.splitlines()
    assert [line for line in before if not line.startswith("|")] == [line for line in after if not line.startswith("|")]


def test_a_page_without_the_marks_is_told():
    with pytest.raises(InputError, match="does not have"):
        replace_marked("no marks", "fault rates", "table")
    assert isnan(read_rates().set_index("scenario").low["Rowhammer"])
