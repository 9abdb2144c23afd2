"""What restoration.csv says of a network: by scheme and rate, and of each mode at the rate that it is meant for."""

from dataclasses import dataclass

import pandas as pd

from sparebits.long_codes.modes import MEANT_FOR, meant_for
from sparebits.report.results import NetworkResults
from sparebits.schemes.names import CHOSEN
from sparebits.statistics.intervals import exact_upper_bound

WORD = "word"
"""What the chosen code of single words is called beside the modes."""
MODES = tuple(sorted(MEANT_FOR, key=MEANT_FOR.get, reverse=True))
"""Modes of codes over many words, the one for the highest bit error rate first."""

_QUANTILES = {"": 0.5, "_low": 0.0, "_quarter": 0.25, "_three_quarters": 0.75, "_high": 1.0}


@dataclass(frozen=True)
class Restoration:
    """A way to store words, at one bit error rate.

    Attributes:
        storage: a mode, or WORD.
        ber: bit error rate.
        maps: fault maps that it met there; 0 if it was lost before, or was not measured there.
        restored_maps: those under which every word was restored.
        mean_share, worst_share: of words that were restored, over the maps.
        worst_drop_pp: of accuracy.
        lost_at: bit error rate at which it was measured last, if that is a lower one: it was lost there.
        extra_percent: memory beyond the network's.
    """

    storage: str
    ber: float
    maps: int
    restored_maps: int
    mean_share: float
    worst_share: float
    worst_drop_pp: float
    lost_at: float | None
    extra_percent: float

    @property
    def bound(self) -> float:
        """Up to which the probability lies that a map is not wholly restored, with 95 % confidence."""
        return float(exact_upper_bound(self.maps - self.restored_maps, self.maps))


def storage_of(scheme: str) -> str:
    """What a scheme of restoration.csv is called here."""
    return WORD if scheme == CHOSEN else scheme


def by_rate(network: NetworkResults) -> pd.DataFrame:
    """A row a way to store words and bit error rate, in the reader's order: modes, single words, the others.

    Returns:
        storage, ber, trials; wholly (maps with every word restored); percent (accuracy) and restored (share of words):
        the median over trials, and with _low, _quarter, _three_quarters and _high the other quartiles; mean_restored;
        drop_pp and worst_drop_pp (median and worst); is_own (whether a mode is meant for the rate).
    """
    trials = network.restoration.assign(
        storage=network.restoration["scheme"].map(storage_of),
        percent=100 * network.restoration["accuracy"],
        restored=network.restoration["restored_words"] / network.restoration["words"],
    )
    trials = trials.assign(is_whole=trials["restored_words"] == trials["words"])
    groups = trials.groupby(["storage", "ber"], sort=False)
    columns = {"trials": groups.size(), "wholly": groups["is_whole"].sum()}
    for column in ("percent", "restored"):
        columns |= {f"{column}{end}": groups[column].quantile(share) for end, share in _QUANTILES.items()}
    columns["mean_restored"] = groups["restored"].mean()
    columns |= {"drop_pp": groups["drop_pp"].median(), "worst_drop_pp": groups["drop_pp"].max()}
    rows = pd.DataFrame(columns).reset_index()
    rows = rows.assign(is_own=rows["storage"].map(_meant_for(network)) == rows["ber"])
    others = [name for name in rows["storage"].unique() if name != "unprotected"]
    order = list(dict.fromkeys([*MODES, WORD, *others, "unprotected"]))
    places = rows["storage"].map(order.index)
    return rows.assign(place=places).sort_values(["place", "ber"], ignore_index=True).drop(columns="place")


def own_rates(network: NetworkResults) -> list[Restoration]:
    """Each mode that the network was stored in, at the bit error rate that it is meant for."""
    present = set(network.restoration["scheme"])
    return [restoration(network, mode, ber) for mode, ber in _meant_for(network).items() if mode in present]


def word_rate(network: NetworkResults) -> Restoration | None:
    """Single words at the bit error rate that their code was chosen for, or the next lower one measured.

    None if they were measured at no rate or only at higher ones.
    """
    rows = network.restoration[network.restoration["scheme"] == CHOSEN]
    rates = [ber for ber in rows["ber"].unique() if 0 < ber <= network.selection["ber"]]
    return restoration(network, CHOSEN, max(rates)) if rates else None


def restoration(network: NetworkResults, scheme: str, ber: float) -> Restoration:
    """A scheme of the table at a bit error rate."""
    rows = network.restoration[network.restoration["scheme"] == scheme]
    there = rows[rows["ber"] == ber]
    shares, last = there["restored_words"] / there["words"], float(rows["ber"].max())
    first = rows.iloc[0]
    return Restoration(
        storage=storage_of(scheme),
        ber=ber,
        maps=len(there),
        restored_maps=int((there["restored_words"] == there["words"]).sum()),
        mean_share=float(shares.mean()),
        worst_share=float(shares.min()),
        worst_drop_pp=float(there["drop_pp"].max()),
        lost_at=last if last < ber else None,
        extra_percent=float(100 * first["extra_bytes"] / (first["stored_bits"] / 8 - first["extra_bytes"])),
    )


def _meant_for(network: NetworkResults) -> dict[str, float]:
    """Bit error rate that each mode is meant for in words of the network's width, without modes that it cannot have."""
    rates = {mode: meant_for(mode, network.fmt) for mode in MODES}
    return {mode: ber for mode, ber in rates.items() if ber is not None}
