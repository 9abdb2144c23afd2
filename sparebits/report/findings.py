"""What the results say, in sentences that stand above charts and tables. Nothing here is known beforehand."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from sparebits.choices import find_depth
from sparebits.formats import FloatFormat
from sparebits.report.results import NetworkResults
from sparebits.report.wording import bit_runs, hex_field, kinds, listed, percent, points_interval, power_of_two
from sparebits.statistics.paired_images import drop_interval

MANY = 4
"""More networks than this are told by their extremes."""

_MODES = {"alteration": "alteration", "truncation": "truncation", "all_ones": "fill with ones", "random": "random fill"}


def altered_bits(lsb: pd.DataFrame, mode: str, kind: str, fmt: FloatFormat, tolerance_pp: float) -> int:
    """How many low bits a sweep of any mode and kind bears: the thesis' depth, applied to it, plus 1."""
    rows = lsb[(lsb["mode"] == mode) & (lsb["kind"] == kind)]
    return find_depth(rows.assign(mode="alteration", kind="all"), fmt, tolerance_pp) + 1


def spare_bits(results: Sequence[NetworkResults]) -> str:
    rows = [network.ecc_row("network", "thesis") for network in results]
    spare, data = (_range(int(row[column]) for row in rows) for column in ("spare_bits", "data_bits"))
    needed = [
        int(network.ecc_row("mixed", "derived")["data_bits"])
        for network in results
        if "mixed" in set(network.tensors["group"])
    ]
    mixed = f"; mixed tensors need up to {max(needed)}" if needed else ""
    widths = [str(width) for width in sorted({network.fmt.width for network in results})]
    return f"Of the {listed(widths, 'or')} bits of a word, {spare} are spare and {data} carry data{mixed}"


def at_chance(results: Sequence[NetworkResults]) -> str:
    """A warning of networks that do no better than a guess even when untouched; empty if there are none."""
    guessing = [network.name for network in results if network.is_at_chance]
    if not guessing:
        return ""
    return (
        f"The golden accuracy of {listed(guessing)} is not above that of always giving the most frequent label, so "
        "there is nothing to lose and the spare bits found mean nothing. Check weights, labels and transform"
    )


def sweep(results: Sequence[NetworkResults]) -> str:
    borne = {network.name: network.choice.irrelevant_bits for network in results}
    if len(borne) <= MANY:
        return _each("bears", "altered bits", borne)
    least, most = min(borne, key=borne.get), max(borne, key=borne.get)
    return f"The networks bear {borne[least]} ({least}) to {borne[most]} ({most}) altered bits"


def sweep_step(results: Sequence[NetworkResults], tolerance_pp: float) -> str:
    """How the accuracy falls past the tolerance: the drop one bit beyond the depth."""
    drops = {}
    for network in results:
        rows = network.lsb[(network.lsb["mode"] == "alteration") & (network.lsb["kind"] == "all")]
        beyond = rows[rows["bit"] > network.choice.depth].sort_values("bit")
        if not beyond.empty:
            drops[network.name] = beyond.iloc[0]
    if not drops:
        return f"No altered bit costs more than the tolerance of {tolerance_pp:g} pp"
    if len(drops) > MANY:
        ranked = sorted(drops, key=lambda name: drops[name]["drop_pp"])
        drops = {name: drops[name] for name in (ranked[0], ranked[-1])}
    parts = []
    for name, row in drops.items():
        low, high = drop_interval(row["lost"], row["gained"], row["images"])
        parts.append(f"{name} {row['drop_pp']:.2f} pp {points_interval(float(low), float(high))}")
    return f"One bit beyond the rings costs {listed(parts)}"


def sweep_by_kind(network: NetworkResults, tolerance_pp: float) -> str:
    borne = {
        kinds(kind): altered_bits(network.lsb, "alteration", kind, network.fmt, tolerance_pp) for kind in network.kinds
    }
    return _grouped(network.name, borne, "bear", "bear", "altered bits")


def sweep_by_mode(network: NetworkResults, tolerance_pp: float) -> str:
    modes = network.lsb.loc[network.lsb["kind"] == "all", "mode"].unique()
    borne = {
        _MODES.get(mode, mode): altered_bits(network.lsb, mode, "all", network.fmt, tolerance_pp) for mode in modes
    }
    return _grouped(network.name, borne, "allows", "allow", "bits")


def invariant_bits(network: NetworkResults) -> str:
    rows = network.bits[(network.bits["kind"] != "all") & ((network.bits["zeros"] == 0) | (network.bits["ones"] == 0))]
    if rows.empty:
        return f"{network.name}: no bit is invariant in any kind of parameters"
    by_bits: dict[str, list[str]] = {}
    for kind, bits in rows.groupby("kind", sort=False)["bit"]:
        by_bits.setdefault(bit_runs(bits), []).append(kinds(kind))
    parts = [f"{bits} of {listed(names)}" for bits, names in by_bits.items()]
    return f"{network.name}: invariant are {'bit' if len(rows) == 1 else 'bits'} {'; '.join(parts)}"


def exponents(network: NetworkResults) -> str:
    """How many values lie below the chosen floor and at 1 0...0 or above."""
    rows = network.exponents[network.exponents["kind"] == "all"]
    total, fmt, floor = rows["count"].sum(), network.fmt, network.choice.floor
    above = rows.loc[rows["exponent"] >= fmt.leading_exponent, "count"].sum() / total
    leading = f"{hex_field(fmt.leading_exponent, fmt)}\u00a0=\u00a0{power_of_two(fmt.leading_exponent, fmt)}"
    reach = f"{_share(above)} reach {leading}"
    if floor == 0:
        return f"{network.name}: {reach}"
    below = rows.loc[rows["exponent"] < floor, "count"].sum() / total
    return f"{network.name}: {_share(below)} of the values lie below the chosen floor {hex_field(floor, fmt)}, {reach}"


def groups(results: Sequence[NetworkResults]) -> str:
    mixed = {network.name: network.tensors["group"].eq("mixed") for network in results}
    clean = [name for name, rows in mixed.items() if not rows.any()]
    shares = {
        network.name: network.tensors.loc[mixed[network.name], "values"].sum() / network.parameters
        for network in results
        if network.name not in clean
    }
    if not shares:
        return "No tensor mixes small and large exponents"
    held = _range([percent(share) for share in sorted(shares.values())])
    told = f"Mixed tensors hold {held} of the values of {_names(shares)}"
    return told + (f"; {_names(clean)} {'has' if len(clean) == 1 else 'have'} none" if clean else "")


def rounding(results: Sequence[NetworkResults]) -> str:
    by_floor: dict[str, list[str]] = {}
    for network in results:
        floor = network.choice.floor
        by_floor.setdefault(hex_field(floor, network.fmt) if floor else "", []).append(network.name)
    parts = []
    for floor, names in by_floor.items():
        verb = "bears" if len(names) == 1 else "bear"
        parts.append(f"{_names(names)} {verb} {f'rounding up to {floor}' if floor else 'no rounding'}")
    return listed(parts)


def combined(results: Sequence[NetworkResults], tolerance_pp: float) -> str:
    over, unsure = [], []
    for network in results:
        row = network.combined_row("thesis")
        high = float(drop_interval(row["lost"], row["gained"], row["images"])[1])
        if row["drop_pp"] > tolerance_pp:
            over.append(network.name)
        elif high > tolerance_pp:
            unsure.append(network.name)
    if over:
        told = f"Rounding and alteration together cost {_names(over)} more than {tolerance_pp:g} pp"
    else:
        told = f"Rounding and alteration together stay within {tolerance_pp:g} pp on these images"
    if unsure:
        told += f"; in {_names(unsure)} the interval reaches beyond"
    elif not over:
        told += ", and so do all intervals"
    return told


def search(results: Sequence[NetworkResults]) -> str:
    """What the search for the best pair gains over the thesis’ choice."""
    gains = {}
    for network in results:
        best = network.combined_row("best")
        if best is not None:
            gains[network.name] = int(best["spare_bits"]) - int(network.combined_row("thesis")["spare_bits"])
    changed = {name: gain for name, gain in gains.items() if gain}
    if not changed:
        return "No pair of floor and depth within the tolerance frees more bits than the thesis’ choice"
    parts = [f"{abs(gain)} {'more' if gain > 0 else 'fewer'} in {name}" for name, gain in changed.items()]
    return f"Against the thesis’ choice the best pair frees {listed(parts)}"


def bit_map(network: NetworkResults) -> str:
    protected = network.bit_classes[network.bit_classes["class"] == "protected"].groupby("tensor").size()
    counts = protected.reindex(network.bit_classes["tensor"].unique(), fill_value=0)
    return f"{network.name}: {_range(sorted(set(counts)))} of {network.fmt.width} bits of a word need protection"


def codes(results: Sequence[NetworkResults]) -> str:
    rows = {network.name: network.ecc_row("network", "derived") for network in results}
    hamming = [name for network in results if (name := network.name) and rows[name]["hamming_n"] > network.fmt.width]
    secded = [name for network in results if (name := network.name) and rows[name]["secded_n"] > network.fmt.width]
    if not secded:
        return "A Hamming code and SEC-DED fit in the spare bits of every network"
    if not hamming:
        return f"A Hamming code fits everywhere; SEC-DED does not fit in {_names(secded)}"
    return f"No Hamming code fits in the spare bits of {_names(hamming)}"


def size(results: Sequence[NetworkResults]) -> str:
    """Which network is most accurate, and whose interval overlaps with its own."""
    if len(results) == 1:
        return f"{results[0].name}: {percent(results[0].accuracy)} with {results[0].parameters:,} parameter values"
    highest = max(network.accuracy for network in results)
    first = [network for network in results if network.accuracy == highest]
    low = min(network.accuracy_interval[0] for network in first)
    close = [network.name for network in results if network.accuracy < highest and network.accuracy_interval[1] >= low]
    told = f"{_names([network.name for network in first])} "
    told += f"{'has the highest accuracy' if len(first) == 1 else 'are equally accurate'}, {percent(highest)}"
    if len(first) == len(results):
        return told
    whose = "its interval" if len(first) == 1 else "their interval"
    return f"{told}; {whose} overlaps with {f'that of {_names(close)}' if close else 'no other'}"


def _each(verb: str, what: str, numbers: Mapping[str, int]) -> str:
    parts = [f"{name} {number}" for name, number in numbers.items()]
    name, number = next(iter(numbers.items()))
    return listed([f"{name} {verb} {number} {what}", *parts[1:]])


def _grouped(network: str, numbers: Mapping[str, int], one: str, several: str, what: str) -> str:
    by_number: dict[int, list[str]] = {}
    for name, number in sorted(numbers.items(), key=lambda item: -item[1]):
        by_number.setdefault(number, []).append(name)
    parts = [f"{listed(names)} {number}" for number, names in by_number.items()]
    number, names = next(iter(by_number.items()))
    return (
        f"{network}: {'; '.join([f'{listed(names)} {several if len(names) > 1 else one} {number} {what}', *parts[1:]])}"
    )


def _names(names: Sequence[str] | Mapping[str, object]) -> str:
    names = list(names)
    return listed(names) if len(names) <= MANY else f"{len(names)} networks"


def _range(numbers: Iterable[int | str]) -> str:
    numbers = list(dict.fromkeys(numbers))
    ordered = sorted(numbers) if all(isinstance(number, int) for number in numbers) else numbers
    return str(ordered[0]) if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"


def _share(share: float) -> str:
    return "none" if share == 0 else "all" if share == 1 else percent(share)
