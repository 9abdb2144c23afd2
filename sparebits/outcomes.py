"""What protection came to: what each scheme of a fault campaign holds and costs, and how a scheme keeps its words."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from sparebits.campaign.held import HELD_WITHIN_PP, held_ber, independent_flips
from sparebits.statistics.held import held_rate


@dataclass(frozen=True)
class SchemeOutcome:
    """One scheme in a campaign.

    Attributes:
        scheme: its name, such as "chosen".
        trials: fault maps at each bit error rate of the campaign.
        images: on which every trial was measured.
        held: bit error rate, 0 if it holds none; a scheme that is lost, be it without faults, leaves the campaign.
        worst_drop_pp: of the trials at `held`; that without faults if it holds none.
        fault_free: the row of the trial without faults.
    """

    scheme: str
    trials: int
    images: int
    held: float
    worst_drop_pp: float
    fault_free: pd.Series


@dataclass(frozen=True)
class WordUse:
    """How the words of a role are kept.

    Attributes:
        role: "weights", "batchnorm" or "other".
        span: whose words make a code word, see protection/plan.RolePlan.
        layouts: titles of the layouts that occur; of a fused code word's two with a plus between.
        n, k, d, t: of the code.
        decoder, policy: how it is decoded and what words beyond repair become.
    """

    role: str
    span: str
    layouts: tuple[str, ...]
    code: str
    n: int
    k: int
    d: int
    t: int
    decoder: str
    policy: str

    @property
    def size(self) -> str:
        """[n,k,d] of the code."""
        return f"[{self.n},{self.k},{self.d}]"


def scheme_outcome(campaign: pd.DataFrame, scheme: str) -> SchemeOutcome | None:
    """What a scheme came to, or None if it is not in the campaign.

    Args:
        campaign: campaign.csv of one network.
    """
    campaign = independent_flips(campaign)
    rows = campaign[campaign["scheme"] == scheme]
    if rows.empty:
        return None
    fault_free = rows[rows["ber"] == 0].iloc[0]
    held = held_ber(rows)
    return SchemeOutcome(
        scheme=scheme,
        trials=int(campaign[campaign["ber"] > 0].groupby(["scheme", "ber"]).size().max()),
        images=int(fault_free["images"]),
        held=held,
        worst_drop_pp=float(rows.loc[rows["ber"] == held, "drop_pp"].max()),
        fault_free=fault_free,
    )


def shown_held(campaign: pd.DataFrame, scheme: str) -> float:
    """The rate up to which a scheme is shown to drop by more than HELD_WITHIN_PP in less than 1 % of fault maps, or 0.

    At 95 % confidence, by statistics.held.held_rate: it takes 299 trials at each rate to show it.
    """
    trials = independent_flips(campaign)
    by_rate = trials[(trials["scheme"] == scheme) & (trials["ber"] > 0)].groupby("ber")["drop_pp"]
    if not len(by_rate):
        return 0.0
    over = by_rate.agg(lambda drops: int((drops > HELD_WITHIN_PP).sum()))
    return held_rate(over.index.to_numpy(), over.to_numpy(), by_rate.size().to_numpy())


def word_uses(entries: Sequence[dict]) -> list[WordUse]:
    """The ways in which a scheme keeps words, by role, each with the layouts that its tensors have.

    Args:
        entries: `tensors` of selection.json, for the chosen scheme or the thesis'.
    """
    found: dict[tuple, dict[str, None]] = {}
    for entry in entries:
        names = tuple(entry[key] for key in ("role", "span", "code_name"))
        way = (*names, *entry["code"], *(entry[key] for key in ("t", "decoder", "policy")))
        found.setdefault(way, {})[" + ".join(entry["layout"])] = None
    order = sorted(found, key=lambda way: ("weights", "batchnorm", "other").index(way[0]))
    return [WordUse(role, span, tuple(found[way]), *code) for way in order for role, span, *code in [way]]


def scheme_text(entries: Sequence[dict]) -> str:
    """A scheme in a line: weights 1-3-2 [32,6,16]; batchnorm 0-2-5 or 1-2-4 [32,7,14]."""
    by_role: dict[str, list[str]] = {}
    for use in word_uses(entries):
        span = "" if use.span == "word" else f"{use.span} "
        by_role.setdefault(use.role, []).append(f"{span}{' or '.join(use.layouts)} {use.size}")
    return "; ".join(f"{role} {', '.join(ways)}" for role, ways in by_role.items())


def campaign_summary(campaign: pd.DataFrame) -> pd.DataFrame:
    """The drops of a campaign by scheme and bit error rate: trials, images, then median, mean and worst drop in pp."""
    by_rate = independent_flips(campaign).groupby(["scheme", "ber"], sort=False)
    drops = by_rate["drop_pp"].agg(["median", "mean", "max"])
    drops.columns = ["median_drop_pp", "mean_drop_pp", "worst_drop_pp"]
    counts = pd.DataFrame({"trials": by_rate.size(), "images": by_rate["images"].first()})
    return counts.join(drops).reset_index()
