"""What protection came to: what each scheme of a fault campaign holds and costs, and how a scheme keeps its words."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from sparebits.campaign.held import HELD_WITHIN_PP, best_rival, held_ber, independent_flips
from sparebits.schemes.names import CHOSEN, EQUAL_MEMORY, OURS, PARTS, base_name, is_published
from sparebits.statistics.held import held_rate

GROUPS = ("ours", "published", "equal memory", "unprotected and parts of ours")
"""What schemes are to us, the ones that matter most first."""


@dataclass(frozen=True)
class SchemeOutcome:
    """One scheme in a campaign.

    Attributes:
        scheme: its name, such as "chosen".
        trials: fault maps at every bit error rate that it holds (the fewest of them); if it holds none, the most that
            it met at a rate, 0 if it was lost before.
        images: on which every trial was measured.
        held: bit error rate, 0 if it holds none; a scheme that is lost, be it without faults, leaves the campaign.
        worst_drop_pp: of the trials at `held`; that without faults if it holds none.
        next_rate: the lowest rate measured above `held`; None if the scheme met none.
        extra_bytes: memory beyond the network's own, metadata included.
        extra_percent: of the network's own.
        fault_free: the row of the trial without faults.
    """

    scheme: str
    trials: int
    images: int
    held: float
    worst_drop_pp: float
    next_rate: float | None
    extra_bytes: int
    extra_percent: float
    fault_free: pd.Series


@dataclass(frozen=True)
class Advantage:
    """The chosen scheme beside the best published one that takes no extra memory.

    Attributes:
        held: bit error rate that the chosen scheme holds, 0 if none.
        is_highest: whether that is the highest measured, so that it may hold more.
        extra_bytes: of its metadata; that of published schemes is 0.
        rival: the published scheme, as it was published; None if none fits without extra memory.
        rival_held: bit error rate that it holds, 0 if none.
        ratio: `held` to `rival_held`; infinite where only the chosen scheme holds a rate, None where neither does or
            there is no rival. Both are rates that were measured, so the ratio is as coarse as these.
    """

    held: float
    is_highest: bool
    extra_bytes: int
    rival: str | None
    rival_held: float

    @property
    def ratio(self) -> float | None:
        if self.rival is None or self.held == self.rival_held == 0:
            return None
        return self.held / self.rival_held if self.rival_held else float("inf")


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
    by_rate = rows[rows["ber"] > 0].groupby("ber").size()
    beyond = by_rate.index[by_rate.index > held]
    extra_bytes = int(fault_free["extra_bytes"])
    return SchemeOutcome(
        scheme=scheme,
        trials=int(by_rate[by_rate.index <= held].min() if held else by_rate.max() if len(by_rate) else 0),
        images=int(fault_free["images"]),
        held=held,
        worst_drop_pp=float(rows.loc[rows["ber"] == held, "drop_pp"].max()),
        next_rate=float(beyond.min()) if len(beyond) else None,
        extra_bytes=extra_bytes,
        extra_percent=100 * extra_bytes / (fault_free["stored_bits"] / 8 - extra_bytes),
        fault_free=fault_free,
    )


def scheme_group(scheme: str) -> str:
    """Which of GROUPS a scheme belongs to, with whatever policy."""
    groups = zip((OURS, EQUAL_MEMORY, PARTS), (GROUPS[0], GROUPS[2], GROUPS[3]), strict=True)
    return next((group for names, group in groups if base_name(scheme) in names), GROUPS[1])


def named_schemes(campaign: pd.DataFrame) -> list[str]:
    """The schemes of a campaign in its order, each with the policy that it is defined with."""
    return [scheme for scheme in campaign["scheme"].unique() if scheme == base_name(scheme)]


def best_published(campaign: pd.DataFrame, extra_memory: bool = False) -> str | None:
    """The published scheme that holds the highest bit error rate, of equals as campaign.held.best_rival decides.

    Schemes count as they were published; those with another policy do not.

    Args:
        campaign: campaign.csv of one network.
        extra_memory: also those that store more than the network does.

    Returns:
        None if there is none.
    """
    names = [scheme for scheme in named_schemes(campaign) if is_published(scheme)]
    rows = campaign[campaign["scheme"].isin(names) & (extra_memory | (campaign["extra_bytes"] == 0))]
    return best_rival(rows)


def advantage(campaign: pd.DataFrame) -> Advantage:
    """What the chosen scheme gains over the best published one that takes no extra memory.

    Args:
        campaign: campaign.csv of one network.

    Raises:
        ValueError: the chosen scheme is not in it.
    """
    chosen, rival = scheme_outcome(campaign, CHOSEN), best_published(campaign)
    if chosen is None:
        raise ValueError("the campaign has no chosen scheme")
    return Advantage(
        held=chosen.held,
        is_highest=bool(chosen.held == independent_flips(campaign)["ber"].max()),
        extra_bytes=chosen.extra_bytes,
        rival=rival,
        rival_held=scheme_outcome(campaign, rival).held if rival else 0.0,
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
