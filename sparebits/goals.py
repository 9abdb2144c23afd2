"""What protection set out to do for each network, and what the full campaign measured of it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from sparebits.campaign.held import independent_flips
from sparebits.outcomes import best_published, scheme_outcome, shown_held
from sparebits.schemes.names import CHOSEN, GENTLE, is_published

HELD_BER, GENTLE_BER = 0.05, 0.01
TIMES_PUBLISHED = 10.0
DROP_PP, GENTLE_DROP_PP = 0.5, 0.1


@dataclass(frozen=True)
class Goal:
    """One goal of one network.

    Attributes:
        network, goal: whose, and what in words.
        target: least, or of drops most, that meets it.
        measured: what was measured.
        met: whether it is met.
        evidence: trials, images or rival that the figure rests on.
    """

    network: str
    goal: str
    target: float
    measured: float
    met: bool
    evidence: str


def goals_of(network: str, results: Path) -> list[Goal]:
    """The goals of a network, judged by its full campaign and its selections.

    A bit error rate counts as held where a drop of more than a percentage point is shown to happen in less than 1 % of
    fault maps (outcomes.shown_held). Drops without faults are those on the images that nothing was chosen on. Rivals
    count with what they held in fewer trials, which favours them.

    Args:
        network: its name.
        results: folder of its tables.
    """
    campaign = pd.read_csv(results / "campaign_full.csv")
    drops = {
        scheme: json.loads((results / f"{file}.json").read_text(encoding="utf-8"))["held_out"]
        for scheme, file in ((CHOSEN, "selection"), (GENTLE, "selection_gentle"))
    }
    held, gentle_held = shown_held(campaign, CHOSEN), shown_held(campaign, GENTLE)
    ratio, rival = _ratio(held, best_published(campaign), campaign)
    any_policy, best_variant = _ratio(held, _best_variant(campaign), campaign)

    def drop(scheme: str, most: float, text: str) -> Goal:
        found = drops[scheme]
        measured = found["fault_free_drop_pp"]
        return Goal(network, text, most, measured, measured <= most, f"{found['images']} images")

    return [
        Goal(network, "holds BER", HELD_BER, held, held >= HELD_BER, _evidence(campaign, CHOSEN, held)),
        Goal(network, "times the best published BER", TIMES_PUBLISHED, ratio, ratio >= TIMES_PUBLISHED, rival),
        Goal(
            network,
            "times the same with any replacement",
            TIMES_PUBLISHED,
            any_policy,
            any_policy >= TIMES_PUBLISHED,
            best_variant,
        ),
        drop(CHOSEN, DROP_PP, "drop without faults (pp)"),
        Goal(
            network,
            "gentle: holds BER",
            GENTLE_BER,
            gentle_held,
            gentle_held >= GENTLE_BER,
            _evidence(campaign, GENTLE, gentle_held),
        ),
        drop(GENTLE, GENTLE_DROP_PP, "gentle: drop without faults (pp)"),
    ]


def goal_table(goals: list[Goal]) -> pd.DataFrame:
    """goals.csv: a row a goal."""
    return pd.DataFrame([asdict(goal) for goal in goals])


def _best_variant(campaign: pd.DataFrame) -> str | None:
    """The published scheme without extra memory that holds most, with the policy that serves it best."""
    rows = campaign[campaign["scheme"].map(is_published) & (campaign["extra_bytes"] == 0)]
    held = {scheme: scheme_outcome(rows, scheme).held for scheme in rows["scheme"].unique()}
    return max(held, key=held.get) if held else None


def _ratio(held: float, rival: str | None, campaign: pd.DataFrame) -> tuple[float, str]:
    outcome = scheme_outcome(campaign, rival) if rival else None
    if outcome is None or not outcome.held:
        return float("inf") if held else 0.0, "no published scheme holds any rate measured"
    return round(held / outcome.held, 6), f"{rival}: {outcome.held:g} in {outcome.trials} trials"


def _evidence(campaign: pd.DataFrame, scheme: str, held: float) -> str:
    rows = independent_flips(campaign)
    rows = rows[(rows["scheme"] == scheme) & (rows["ber"] == held)]
    if rows.empty:
        return "no rate is shown to be held"
    return f"worst of {len(rows)} trials {rows['drop_pp'].max():.2f} pp, {rows['images'].iloc[0]} images"
