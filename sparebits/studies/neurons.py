"""Is a fault in a neuron (the image, what a layer gives, the logits) worse than one in a weight, and where is it worst?

A transient fault is there for one inference; a fault of a weight meets all of them. So what is compared is the
probability that an inference changes its class, given one flipped bit: of a transient fault the share of trials, of a
weight the mean share of the images that change.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from sparebits.formats import FloatFormat, format_named
from sparebits.statistics.common_odds import common_odds_ratio
from sparebits.statistics.paired_trials import holm
from sparebits.studies.fault_plan import IMAGE, LAYER, LOGITS, OUTPUT, POSITION, faults_for
from sparebits.studies.fault_rates import (
    FEW,
    MANTISSA,
    RESAMPLES,
    UPPER,
    bit_strata,
    rates_of,
    resampled_means,
    strata_of,
    with_outcomes,
    word_rates,
)

PLACES = {IMAGE: "image", OUTPUT: "layer outputs", LOGITS: "logits", POSITION: "weights"}
"""What readers call the places of faults, by what was drawn for them; weights are all parameters."""
_MOST_APART, _GROUPS = 30, 20
"""Up to so many operations each is told apart; more are told in about so many groups of neighbours."""
_COLUMNS = ["trials", "failures", "rate", "low", "high"]


def place_trials(faults: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The trials of each of PLACES, by its name, with the `stratum` of their bit. Layer outputs are without the logits.

    Args:
        faults: study_faults.csv.
    """
    trials = _with_strata(faults)
    of_places = {name: faults_for(trials, purpose) for purpose, name in PLACES.items()}
    outputs = of_places["layer outputs"]
    of_places["layer outputs"] = outputs[~outputs["layer"].isin(of_places["logits"]["layer"].unique())]
    return {name: found for name, found in of_places.items() if len(found)}


def neuron_rates(faults: pd.DataFrame, seed: int) -> pd.DataFrame:
    """How often an inference changes its class under one flipped bit, by place, by bit, and by layer.

    Args:
        faults: study_faults.csv.
        seed: of the bootstrap.

    Returns:
        by (place, bit, layer, depth), place (one of PLACES), bit (all, a number, mantissa; by layer and depth sign and
        exponent), layer, layer_type, order (in which activations arise; 0 the image), trials, failures (trials in which
        any image changed), rate, low, high (per inference, 95 % over trials), images of a trial, seed, format (of the
        words in memory). Of layer outputs each layer counts alike; the row "layer outputs by size" weights each with
        its values, as a random bit of all activations does. By depth, neighbouring layers of large networks are taken
        together.
    """
    random = np.random.default_rng(seed)
    trials = place_trials(faults)
    rows = []
    for place, group in trials.items():
        bits = pd.Series(strata_of(_format_of(group)))
        rows.append({"by": "place", "place": place, "bit": "all", **_per_inference(group, bits, random)})
        for stratum, of_bit in group.groupby("stratum", sort=False):
            rows.append({"by": "bit", "place": place, "bit": stratum, **_at_a_bit(of_bit, random)})
    by_size = {"by": "place", "place": "layer outputs by size", "bit": "all"}
    rows.append({**by_size, **_by_size(trials["layer outputs"], random)})
    orders = activation_orders(faults)
    for place, purpose in (("layer outputs", OUTPUT), ("weights", LAYER)):
        group = _with_strata(faults_for(faults, purpose))
        for layer, of_layer in group[group["stratum"] != MANTISSA].groupby("layer", sort=False):
            what = {"by": "layer", "place": place, "bit": UPPER, "layer": layer}
            what |= {"layer_type": of_layer["layer_type"].iloc[0], "order": orders.get(layer, np.nan)}
            rows.append({**what, **_at_a_bit(of_layer, random)})
    rows += _by_depth(faults, orders, random)
    images = {place: int(group["images"].iloc[0]) for place, group in trials.items()}
    table = pd.DataFrame(rows).assign(seed=seed, format=_format_of(trials["weights"]).name)
    return table.assign(images=table["place"].map(images).fillna(1).astype(int))


def compare_places(faults: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Each place against each other one, at equal bit.

    The ratio is that of the probabilities at a random bit of a word, all bits alike in both; its interval a bootstrap
    of the trials of each bit. The p-value of two transient places is exact (`common_odds_ratio`). Against weights,
    whose trials have shares of images, it is that of a permutation within each bit (Fisher 1935; Phipson & Smyth 2010).
    Words of two formats have no bits in common; then it is twice the share of the bootstrap beyond a ratio of 1.

    Returns:
        first, second, rate, other_rate, ratio, low, high, p_value, p_holm, trials, other_trials, seed, format.
    """
    random = np.random.default_rng(seed)
    trials = place_trials(faults)
    rows = []
    for first, second in combinations(trials, 2):
        found = _compared(*(_Shares.of(trials[place]) for place in (first, second)), random)
        rows.append({"first": first, "second": second, **found})
    table = pd.DataFrame(rows)
    return table.assign(p_holm=holm(table["p_value"]), seed=seed, format=_format_of(trials["weights"]).name)


def activation_orders(faults: pd.DataFrame) -> dict[str, int]:
    """In which order activations arise, by their names: the image is 0."""
    images, outputs = (faults_for(faults, purpose)["layer"].unique() for purpose in (IMAGE, OUTPUT))
    return {name: place for place, name in enumerate([*images, *outputs])}


def _by_depth(faults: pd.DataFrame, orders: dict[str, int], random: np.random.Generator) -> list[dict]:
    """Outputs and parameters by order, neighbours together where there are many, so that each has enough trials."""
    width = 1 if len(orders) <= _MOST_APART else -(-len(orders) // _GROUPS)
    rows = []
    for place, purpose in (("layer outputs", OUTPUT), ("weights", LAYER)):
        group = _with_strata(faults_for(faults, purpose))
        group = group[(group["stratum"] != MANTISSA) & group["layer"].isin(orders.keys())]
        order = group["layer"].map(orders)
        for _, of_depth in group.groupby((order - 1) // width):
            layers = list(dict.fromkeys(of_depth["layer"]))
            name = layers[0] if len(layers) == 1 else f"{layers[0]} to {layers[-1]}"
            what = {
                "by": "depth",
                "place": place,
                "bit": UPPER,
                "layer": name,
                "order": float(order[of_depth.index].mean()),
            }
            rows.append({**what, **_at_a_bit(of_depth, random)})
    return rows


def _by_size(outputs: pd.DataFrame, random: np.random.Generator) -> dict:
    """At a random bit of all that layers give: each layer weighs as its values do; mantissa bits are drawn so."""
    fmt, is_mantissa = _format_of(outputs), outputs["stratum"] == MANTISSA
    values = outputs.groupby("layer")["values"].first()
    weights = values * (fmt.width - fmt.mantissa_bits)
    weights[MANTISSA] = values.sum() * fmt.mantissa_bits
    return _per_inference(outputs.assign(stratum=outputs["layer"].where(~is_mantissa, MANTISSA)), weights, random)


def _per_inference(trials: pd.DataFrame, weights: pd.Series, random: np.random.Generator) -> dict:
    found = word_rates(trials, weights, random)
    if (trials["images"] > 1).any():
        found |= {"rate": found["share"], "low": found["share_low"], "high": found["share_high"]}
    return {column: found[column] for column in _COLUMNS}


def _at_a_bit(trials: pd.DataFrame, random: np.random.Generator) -> dict:
    found = rates_of(trials)
    if (trials["images"] > 1).any():
        low, high = 0.0, found["high"]
        if found["failures"] >= FEW:
            low, high = np.quantile(resampled_means(trials["share"].to_numpy(), random), [0.025, 0.975])
        found |= {"rate": found["share"], "low": float(low), "high": float(high)}
    return {column: found[column] for column in _COLUMNS}


@dataclass(frozen=True, eq=False)
class _Shares:
    """By stratum of bits the share of the images that each trial changed, and how many bits each stratum has."""

    of_bits: dict[str, np.ndarray]
    bits: dict[str, int]
    fmt: FloatFormat
    are_transient: bool

    @classmethod
    def of(cls, trials: pd.DataFrame) -> "_Shares":
        fmt = _format_of(trials)
        groups = {name: part.to_numpy(dtype=float) for name, part in trials.groupby("stratum")["share"]}
        return cls({name: groups[name] for name in strata_of(fmt)}, strata_of(fmt), fmt, trials["images"].max() == 1)

    @property
    def mean(self) -> float:
        return float(sum(self.bits[name] * part.mean() for name, part in self.of_bits.items()) / self.fmt.width)

    @property
    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """Failures and trials of each stratum."""
        return tuple(np.array([[part.sum(), len(part)] for part in self.of_bits.values()]).T)

    @property
    def trials(self) -> int:
        return sum(map(len, self.of_bits.values()))

    def resampled(self, random: np.random.Generator) -> np.ndarray:
        parts = self.of_bits.items()
        return sum(self.bits[name] * resampled_means(part, random) for name, part in parts) / self.fmt.width


def _compared(own: _Shares, other: _Shares, random: np.random.Generator) -> dict:
    rate, other_rate = own.mean, other.mean
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.nan_to_num(own.resampled(random) / other.resampled(random), nan=1.0, posinf=np.inf)
        ratio = np.divide(rate, other_rate)
    low, high = np.quantile(ratios, [0.025, 0.975], method="nearest")
    if own.fmt != other.fmt:
        p_value = min(1.0, 2 * (1 + min((ratios <= 1).sum(), (ratios >= 1).sum())) / (1 + len(ratios)))
    elif own.are_transient and other.are_transient:
        p_value = common_odds_ratio(*own.counts, *other.counts).p_value
    else:
        p_value = _permutation_p(own, other, random)
    return {
        **{"rate": rate, "other_rate": other_rate, "ratio": float(ratio), "low": float(low), "high": float(high)},
        **{"p_value": p_value, "trials": own.trials, "other_trials": other.trials},
    }


def _permutation_p(own: _Shares, other: _Shares, random: np.random.Generator) -> float:
    """Two-sided p-value of no difference: within each bit any trial might as well have been of the other place."""
    drawn = np.zeros(RESAMPLES)
    for name, part in own.of_bits.items():
        pooled = np.concatenate([part, other.of_bits[name]])
        if np.ptp(pooled):
            # The mean of a part drawn from both tells that of the rest.
            means = np.array([random.permutation(pooled)[: len(part)].mean() for _ in range(RESAMPLES)])
            drawn += own.bits[name] * (means - pooled.mean()) * len(pooled) / len(other.of_bits[name])
    seen = abs(own.mean - other.mean) * own.fmt.width
    return float((1 + (np.abs(drawn) >= seen * (1 - 1e-12)).sum()) / (1 + RESAMPLES))


def _with_strata(faults: pd.DataFrame) -> pd.DataFrame:
    """With outcomes and the stratum of each bit, by the format of its word."""
    parts = [
        group.assign(stratum=bit_strata(group["bit"], format_named(name))) for name, group in faults.groupby("format")
    ]
    return with_outcomes(pd.concat(parts).sort_index(), np.inf)


def _format_of(trials: pd.DataFrame) -> FloatFormat:
    return format_named(trials["format"].iloc[0])
