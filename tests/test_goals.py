"""What protection set out to do, judged by constructed campaigns."""

import json

import pandas as pd
import pytest

from sparebits.goals import goal_table, goals_of

RATES = (1e-3, 1e-2, 5e-2, 8e-2)


def cell(scheme: str, ber: float, drops: list[float], extra_bytes: int = 0) -> list[dict]:
    return [
        {
            "scheme": scheme,
            "fault_model": "ber",
            "target": "all",
            "ber": ber,
            "trial": trial,
            "drop_pp": drop,
            "images": 700,
            "extra_bytes": extra_bytes,
            "stored_bits": 32000 + 8 * extra_bytes,
        }
        for trial, drop in enumerate(drops)
    ]


def campaign(held: dict[str, float], trials: int = 299, extra: dict[str, int] | None = None) -> pd.DataFrame:
    """Every scheme loses nothing up to the rate that it holds, and 5 pp in every trial above."""
    rows = []
    for scheme, rate in held.items():
        count = trials if scheme in ("chosen", "gentle") else 30
        rows += cell(scheme, 0.0, [0.0], (extra or {}).get(scheme, 0))
        for ber in RATES:
            rows += cell(scheme, ber, [0.1 if ber <= rate else 5.0] * count, (extra or {}).get(scheme, 0))
    return pd.DataFrame(rows)


@pytest.fixture
def judged(tmp_path):
    def judge(table: pd.DataFrame, drop: float = 0.2, gentle_drop: float = 0.05) -> pd.DataFrame:
        table.to_csv(tmp_path / "campaign_full.csv", index=False)
        for name, value in (("selection", drop), ("selection_gentle", gentle_drop)):
            found = {"held_out": {"images": 700, "fault_free_drop_pp": value}}
            (tmp_path / f"{name}.json").write_text(json.dumps(found))
        return goal_table(goals_of("net", tmp_path)).set_index("goal")

    return judge


def test_all_is_met(judged):
    goals = judged(campaign({"chosen": 0.05, "gentle": 0.01, "thesis": 1e-3, "unprotected": 0.0}))
    assert goals["met"].all()
    assert goals.loc["holds BER", "measured"] == 0.05
    assert goals.loc["times the best published BER", "measured"] == 50
    assert "thesis: 0.001 in 30 trials" in goals.loc["times the best published BER", "evidence"]


def test_too_few_trials_show_nothing(judged):
    goals = judged(campaign({"chosen": 0.05, "gentle": 0.01, "thesis": 1e-3}, trials=298))
    assert goals.loc["holds BER", "measured"] == 0
    assert not goals.loc[["holds BER", "gentle: holds BER", "times the best published BER"], "met"].any()


def test_a_strong_rival_and_a_large_drop_are_misses(judged):
    goals = judged(campaign({"chosen": 0.05, "gentle": 0.01, "CEP": 0.01}), drop=0.6, gentle_drop=0.2)
    assert goals.loc["times the best published BER", "measured"] == 5
    assert not goals.loc["times the best published BER", "met"]
    assert goals.loc["drop without faults (pp)", "measured"] == 0.6
    assert not goals.loc[["drop without faults (pp)", "gentle: drop without faults (pp)"], "met"].any()


def test_rivals_with_extra_memory_or_not_published_do_not_count(judged):
    held = {"chosen": 0.05, "gentle": 0.01, "SEC-DED (72,64)": 0.05, "bfloat16 + code": 0.05, "thesis": 1e-3}
    goals = judged(campaign(held, extra={"SEC-DED (72,64)": 500}))
    assert goals.loc["times the best published BER", "measured"] == 50


def test_another_policy_counts_only_for_the_stricter_ratio(judged):
    goals = judged(campaign({"chosen": 0.05, "gentle": 0.01, "CEP": 1e-3, "CEP, posterior mean": 0.01}))
    assert goals.loc["times the best published BER", "measured"] == 50
    assert goals.loc["times the same with any replacement", "measured"] == 5


def test_no_rival_holds_anything(judged):
    goals = judged(campaign({"chosen": 0.05, "gentle": 0.01, "CEP": 0.0}))
    assert goals.loc["times the best published BER", "measured"] == float("inf")
    assert goals.loc["times the best published BER", "met"]
