"""How many inferences go wrong until a fault is repaired: a weight's that stays, a neuron's that passes. (Question 5.)

One fault
    A flipped bit of a parameter stays until it is repaired, n inferences later, and makes each of them wrong with the
    probability q_w: n q_w wrong inferences. A flipped bit of an activation is overwritten and meets one inference: q_a
    wrong inferences, however long repair takes. The lines cross at n = q_a / q_w. Both probabilities are means over
    uniformly drawn bits: q_w of the share of images whose predicted class one flip changes, q_a of whether it does.

At given rates of faults
    Upsets strike every bit that holds something, r_w (weights) and r_a (activations) times an hour. W bits of weights
    hold theirs all the time; scrubbing every n inferences, T apart, leaves a fault for n / 2 of them on average. So in
    an hour r_w W faults arrive and cost r_w W q_w n / 2 wrong inferences. A bits of activations hold something while an
    inference runs, the share u of all time (the duty): r_a A u faults an hour, r_a A u q_a wrong inferences. Neither
    depends on T, so the rate of inferences cancels, as long as n and not T is given: a faster network makes more
    inferences in an hour, and is scrubbed more often in it. Weight faults are the rarer cause up to

        n* = 2 u (r_a / r_w) (A / W) (q_a / q_w)

    Below 1, not even scrubbing before every inference would do. The rate of inferences only says what time n takes.

    This is for few faults at once, r_w W T / 2 on average. Those that meet in memory are taken to spoil inferences
    independently of each other: of the inferences between two scrubs the share 1 - (1 - exp(-x)) / x is wrong, with
    x = r_w W T q_w. It is x / 2, as above, where x is small, and never more than all.

Of activations, A is given for two layouts, see `activation_memory`: every map in memory of its own during the whole
inference, an upper end, and one buffer as large as the most that lives at once. Either way every map is taken to be
exposed for as long as any other, as the faults were drawn from them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import expm1, isnan

import numpy as np
import pandas as pd

from sparebits.errors import InputError
from sparebits.scenarios import HOURS, flips_per_bit_hour
from sparebits.statistics.means import Estimate, mean_ratio, mean_share, samples_needed
from sparebits.studies.activation_memory import ActivationMemory

HOURS_A_YEAR = 24 * 365.25
ONE_FAULT = "one fault of each"
"""What is called the comparison of single faults, without rates."""


@dataclass(frozen=True)
class FaultShares:
    """What single flipped bits do, drawn uniformly over all bits.

    Attributes:
        weight: of each fault in a parameter the share of images whose prediction changes, float64 (faults,).
        neuron: of each fault in an activation 1 if the prediction of its inference changes, else 0, (faults,).
        images: that each fault in a parameter met.
    """

    weight: np.ndarray
    neuron: np.ndarray
    images: int


@dataclass(frozen=True)
class Scenario:
    """Where weights and activations lie, and how often a bit flips there.

    Attributes:
        weights_rate, activations_rate: flips of a bit in an hour, the highest published.
        ratio_low, ratio_high: ends of weights_rate / activations_rate by the published ranges; both 1 in one memory.
    """

    name: str
    weights_memory: str
    activations_memory: str
    weights_rate: float
    activations_rate: float
    ratio_low: float = 1.0
    ratio_high: float = 1.0

    @property
    def ratio(self) -> float:
        return self.weights_rate / self.activations_rate


def fault_shares(faults: pd.DataFrame) -> FaultShares:
    """From faults.csv: its single bits that were drawn from all, each once.

    Raises:
        InputError: fewer than 2 of them struck parameters, or activations.
    """
    uniform = (faults["fault_model"] == "single_bit") & (faults["target"] == "all") & (faults["strata"] == "none")
    single = faults[uniform].drop_duplicates(["tensor", "index", "bit", "image"])
    weight, neuron = (single[single["where"] == where] for where in ("parameters", "activations"))
    if min(len(weight), len(neuron)) < 2:
        raise InputError(
            f"faults.csv has {len(weight)} single faults of all parameters and {len(neuron)} of all activations; the"
            " study of persistence needs both: see faults.injections in the config"
        )
    shares = (weight["changed"] / weight["images"]).to_numpy(float)
    return FaultShares(shares, (neuron["changed"] > 0).to_numpy(float), int(weight["images"].max()))


def scenarios_of(rates: pd.DataFrame, mixed: Sequence[tuple[str, str]]) -> list[Scenario]:
    """The published rates of upsets that accumulate, weights and activations in the same memory, and mixed ones.

    Args:
        rates: of sparebits.scenarios.read_rates.
        mixed: scenarios of weights and of activations that lie in different memories.

    Raises:
        InputError: a mixed scenario is none of those whose faults accumulate.
    """
    known = {row.scenario: row for row in rates.itertuples() if row.quantity in HOURS}
    unknown = sorted({name for pair in mixed for name in pair} - known.keys())
    if unknown:
        raise InputError(f"scenarios {', '.join(unknown)} are none of those that accumulate: {', '.join(known)}")
    found = []
    for row in known.values():
        rate = flips_per_bit_hour(row.quantity, row.high)
        found.append(Scenario(row.scenario, row.memory, row.memory, rate, rate))
    return [*found, *(_mixed(known[weights], known[activations]) for weights, activations in mixed)]


def _mixed(weights, activations) -> Scenario:
    """Of two rows of the published rates."""
    ends = [
        [flips_per_bit_hour(row.quantity, end) for end in (row.high if isnan(row.low) else row.low, row.high)]
        for row in (weights, activations)
    ]
    return Scenario(
        name=f"weights {weights.scenario}, activations {activations.scenario}",
        weights_memory=weights.memory,
        activations_memory=activations.memory,
        weights_rate=ends[0][1],
        activations_rate=ends[1][1],
        ratio_low=ends[0][0] / ends[1][1],
        ratio_high=ends[0][1] / ends[1][0],
    )


@dataclass(frozen=True)
class Exposure:
    """What is exposed, and for how long.

    Attributes:
        parameter_bits: W of the module's text.
        memory: of activations.
        duty: u, share of the time in which inferences run, in 0..1.
        inferences_per_second: while they run.
    """

    parameter_bits: int
    memory: ActivationMemory
    duty: float
    inferences_per_second: float

    def __post_init__(self):
        if not 0 < self.duty <= 1:
            raise InputError(f"the duty is the share of the time in which inferences run, in 0..1, got {self.duty}")
        if not self.inferences_per_second > 0:
            raise InputError(f"inferences per second are above 0, got {self.inferences_per_second}")

    def hours(self, inferences: float) -> float:
        """That so many take, idle time included."""
        return inferences / (self.inferences_per_second * self.duty) / 3600


def wrong_share(spoiled: float) -> float:
    """1 - (1 - exp(-x)) / x: share of the inferences between two scrubs that are wrong, x / 2 where x is small.

    Args:
        spoiled: x, the faults that arrive in this time, times the share of inferences that one spoils; 0 or more.
    """
    if spoiled < 1e-4:
        # Where the difference would cancel.
        return spoiled / 2 - spoiled**2 / 6
    return 1 + expm1(-spoiled) / spoiled


def rate_table(
    shares: FaultShares, scenarios: Sequence[Scenario], exposure: Exposure, intervals: Sequence[int]
) -> pd.DataFrame:
    """Wrong inferences in a year of a device, by scenario, layout of activations and scrub interval.

    Args:
        intervals: n, inferences between two scrubs.

    Returns:
        scenario, weights_memory, activations_memory, layout, weights_rate, activations_rate (flips of a bit in an
        hour), parameter_bits, activation_bits, duty, scrub_interval (inferences), scrub_hours, faults_in_memory (of
        weights, expected at once), wrong_weight, wrong_weight_low, wrong_weight_high, wrong_neuron, wrong_neuron_low,
        wrong_neuron_high (95 %, over faults), inferences (in a year), weight_faults, neuron_faults (trials).
    """
    weight, neuron = mean_share(shares.weight), mean_share(shares.neuron)
    inferences = HOURS_A_YEAR / exposure.hours(1)
    rows = []
    for scenario in scenarios:
        for layout, bits in exposure.memory.by_layout.items():
            neuron_faults = HOURS_A_YEAR * scenario.activations_rate * bits * exposure.duty
            for interval in intervals:
                hours = exposure.hours(interval)
                arriving = scenario.weights_rate * exposure.parameter_bits * hours
                rows.append(
                    {
                        **_places(scenario, layout),
                        **{"weights_rate": scenario.weights_rate, "activations_rate": scenario.activations_rate},
                        **{"parameter_bits": exposure.parameter_bits, "activation_bits": bits, "duty": exposure.duty},
                        **{"scrub_interval": interval, "scrub_hours": hours, "faults_in_memory": arriving / 2},
                        **_named("wrong_weight", weight, lambda q, x=arriving: inferences * wrong_share(x * q)),
                        **_named("wrong_neuron", neuron, lambda q, x=neuron_faults: x * q),
                        "inferences": inferences,
                        **{"weight_faults": len(shares.weight), "neuron_faults": len(shares.neuron)},
                    }
                )
    return pd.DataFrame(rows)


def break_even_table(
    shares: FaultShares, scenarios: Sequence[Scenario], exposure: Exposure, seed: int, resamples: int = 9999
) -> pd.DataFrame:
    """Up to how many inferences between scrubs weight faults spoil fewer inferences than neuron faults.

    The first row is of single faults: until how many inferences after it a weight fault costs less than a neuron's.

    Args:
        seed: of the bootstrap.

    Returns:
        scenario, weights_memory, activations_memory, layout, parameter_bits, activation_bits, duty; rate_ratio
        (r_w / r_a), rate_ratio_low, rate_ratio_high (by the published ranges); break_even (inferences), low, high
        (95 %, over faults, at rate_ratio); hours (that these inferences take); weight_share, weight_share_low,
        weight_share_high, neuron_share, neuron_share_low, neuron_share_high (q_w and q_a); weight_faults, neuron_faults
        (trials); weight_changing, neuron_changing (of them, those that changed a prediction); images; samples_needed
        (times as many trials would tell q_w from q_a, 80 % power); seed.
    """
    ratio = mean_ratio(shares.neuron, shares.weight, np.random.default_rng(seed), resamples=resamples)
    common = {
        **_named("weight_share", mean_share(shares.weight)),
        **_named("neuron_share", mean_share(shares.neuron)),
        **{"weight_faults": len(shares.weight), "neuron_faults": len(shares.neuron)},
        **{"weight_changing": np.count_nonzero(shares.weight), "neuron_changing": np.count_nonzero(shares.neuron)},
        **{"images": shares.images, "samples_needed": samples_needed(shares.neuron, shares.weight), "seed": seed},
    }
    single = Scenario(ONE_FAULT, "", "", 1.0, 1.0)
    cases = [(single, "none", 0, 1.0)]
    for scenario in scenarios:
        for layout, bits in exposure.memory.by_layout.items():
            factor = 2 * exposure.duty * bits / exposure.parameter_bits / scenario.ratio
            cases.append((scenario, layout, bits, factor))
    rows = []
    for scenario, layout, bits, factor in cases:
        rows.append(
            {
                **_places(scenario, layout),
                **{"parameter_bits": exposure.parameter_bits, "activation_bits": bits, "duty": exposure.duty},
                **{"rate_ratio": scenario.ratio, "rate_ratio_low": scenario.ratio_low},
                **{"rate_ratio_high": scenario.ratio_high, "break_even": factor * ratio.value},
                **{"low": factor * ratio.low, "high": factor * ratio.high},
                **{"hours": exposure.hours(factor * ratio.value), **common},
            }
        )
    return pd.DataFrame(rows)


def _places(scenario: Scenario, layout: str) -> dict[str, str]:
    memories = {"weights_memory": scenario.weights_memory, "activations_memory": scenario.activations_memory}
    return {"scenario": scenario.name, **memories, "layout": layout}


def _named(name: str, estimate: Estimate, function: Callable[[float], float] = float) -> dict[str, float]:
    """A rising function of an estimate and of the ends of its interval."""
    values = function(estimate.value), function(estimate.low), function(estimate.high)
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
