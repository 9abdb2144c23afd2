"""What was found of codes over many words, in sentences that stand above charts and tables."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from sparebits.long_codes.modes import MEANT_FOR
from sparebits.report.many_words.measurements import Measurements
from sparebits.report.many_words.restored import MODES, WORD, Restoration, own_rates, restoration, word_rate
from sparebits.report.results import NetworkResults
from sparebits.report.wording import count, listed, percent, points, probability, probability_interval, rate
from sparebits.schemes.names import CHOSEN

MANY = 25_000_000
"""Words of a large network (ResNet-50), for which times are told."""
_SINGLE = "the chosen code of single words"


def restored(network: NetworkResults) -> str:
    """In how many fault maps each mode restored every word, and what single words come to."""

    def first(mode: Restoration) -> str:
        maps = f"in {mode.restored_maps} of {mode.maps} fault maps at a bit error rate of {rate(mode.ber)}"
        return f"{mode.storage} mode restored every word {maps}"

    def further(mode: Restoration) -> str:
        return f"{mode.storage} in {mode.restored_maps} of {mode.maps} at {rate(mode.ber)}"

    told = _by_mode(network, first, further)
    word = word_rate(network)
    if word is not None:
        told.append(f"{_SINGLE} {percent(word.mean_share)} of words at {rate(word.ber)}")
    return f"{network.name}: {'; '.join(told)}"


def accuracy(network: NetworkResults) -> str:
    """The worst drop of each mode at its own rate, and that of single words at the highest of these."""

    def first(mode: Restoration) -> str:
        maps = f"in {mode.maps} fault maps at a bit error rate of {rate(mode.ber)}"
        return f"{mode.storage} mode drops by at most {points(mode.worst_drop_pp)} pp {maps}"

    def further(mode: Restoration) -> str:
        return f"{mode.storage} by {points(mode.worst_drop_pp)} pp in {mode.maps} at {rate(mode.ber)}"

    told, own = _by_mode(network, first, further), own_rates(network)
    if own and CHOSEN in set(network.restoration["scheme"]):
        word = restoration(network, CHOSEN, own[0].ber)
        if word.maps:
            told.append(f"{_SINGLE} by up to {points(word.worst_drop_pp)} pp in {word.maps} at {rate(word.ber)}")
        elif word.lost_at is not None:
            told.append(f"{_SINGLE} is lost at {rate(word.lost_at)}")
    return f"{network.name}: {'; '.join(told)}"


def _by_mode(
    network: NetworkResults, first: Callable[[Restoration], str], further: Callable[[Restoration], str]
) -> list[str]:
    """A clause for all modes that met the rate that they are meant for, and one for each that did not."""
    own = own_rates(network)
    met = [mode for mode in own if mode.maps]
    told = [listed([first(met[0]), *map(further, met[1:])])] if met else []
    others = [f"{mode.storage} mode {_unmet(mode)}" for mode in own if not mode.maps]
    return [*told, *others] or ["no code over many words was measured"]


def _unmet(mode: Restoration) -> str:
    if mode.lost_at is None:
        return f"was not measured at {rate(mode.ber)}"
    return f"is lost at {rate(mode.lost_at)}, before {rate(mode.ber)}"


def block_failures(measured: Measurements) -> str:
    """Blocks that failed in each mode, with the data bits that networks have, at the rate that it is meant for."""
    inner = measured.inner_words.set_index("ber")
    computed = {"nested": ("nested_exact", ""), "nested-word": ("nested_word_exact", "at most ")}
    parts = []
    for mode in MODES:
        row = own_blocks(measured.block_failures, mode)
        if row is None:
            continue
        notes = [f"95 % interval {probability_interval(row['low'], row['high'])}"]
        if not row["failed"] + row["wrong"]:
            notes = [f"95 % interval up to {probability(row['high'])}"]
        if row["wrong"]:
            notes.append(f"{count(row['wrong'])} of them unnoticed")
        if mode in computed and row["ber"] in inner.index:
            column, bound = computed[mode]
            told = computed_probability(inner.loc[row["ber"], column])
            notes.append(f"computed: {'' if told.startswith('<') else bound}{told}")
        failed = int(row["failed"] + row["wrong"])
        among = f"{count(failed) if failed else 'none'} of {count(row['blocks'])}"
        where = f" blocks in {mode} mode failed at a bit error rate of" if not parts else f" in {mode} mode at"
        parts.append(f"{among}{where} {rate(row['ber'])} ({', '.join(notes)})")
    told = listed(parts) if parts else "no block was measured at the rate that its mode is meant for"
    return told[0].upper() + told[1:]


def own_blocks(blocks: pd.DataFrame, mode: str) -> pd.Series | None:
    """The row of a mode at the rate that it is meant for, of those with most data bits; None if there is none."""
    rows = blocks[(blocks["mode"] == mode) & (blocks["ber"] == MEANT_FOR[mode])]
    return None if rows.empty else rows.sort_values("data_bits").iloc[-1]


def computed_probability(p: float) -> str:
    """A probability that was computed; one that is no number any more is told as a bound."""
    return "< 1e−300" if p < 1e-300 else probability(p)


def inner_agreement(measured: Measurements) -> str:
    """How many intervals of measured inner rates hold what was computed exactly."""
    inner = measured.inner_words
    held = [
        (inner[f"{end}_low"] <= inner[f"exact_{end}"]) & (inner[f"exact_{end}"] <= inner[f"{end}_high"])
        for end in ("erased", "wrong")
    ]
    holds = np.concatenate(held)
    return f"Of {count(len(holds))} such intervals {count(holds.sum())} hold the exact probability"


def scrub_times(measured: Measurements) -> str:
    """Seconds for a network of MANY words, or what is nearest to it, by mode."""
    times = measured.scrub_times
    sizes = times["words"].unique()
    words = sizes[np.abs(np.log(sizes / MANY)).argmin()]
    there = times[times["words"] == words]
    parts = []
    for mode in (WORD, *MODES):
        rows = there[there["mode"] == mode]
        if rows.empty:
            continue
        ber = MEANT_FOR[mode] if mode in MEANT_FOR and MEANT_FOR[mode] in set(rows["ber"]) else rows["ber"].max()
        taken = seconds(rows.loc[rows["ber"] == ber, "seconds"].median())
        where = f"at {'' if parts else 'a bit error rate of '}{rate(ber)}" if ber else "without flips"
        parts.append(f"{taken} in {mode} mode {where}")
    read = seconds(there["read_seconds"].median())
    return f"Scrubbing {_millions(words)} words takes {listed(parts)}; reading the file takes {read}"


def facts(results: Sequence[NetworkResults], measured: Measurements) -> dict:
    """What captions say: `inner_agreement`, `machine`, `threads`, `notes` of modes that a network cannot have."""
    notes = []
    for network in results:
        absent = [mode for mode in MODES if mode not in set(network.restoration["scheme"])]
        if absent:
            why = ", which is for words of 32 bits" if absent == ["nested-word"] and network.fmt.width != 32 else ""
            notes.append(f"{network.name} was not stored in {listed(absent)} mode{why}")
    return {
        "inner_agreement": inner_agreement(measured),
        "machine": measured.machine,
        "threads": measured.threads,
        "notes": notes,
    }


def seconds(duration: float) -> str:
    return f"{duration:,.0f} s" if duration >= 9.95 else f"{duration:.2g} s"


def _millions(words: float) -> str:
    return f"{words / 1e6:.3g} million" if words >= 1e6 else count(words)
