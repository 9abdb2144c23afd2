"""Tables of a fault campaign whose answers are known beforehand."""

import numpy as np
import pandas as pd

from sparebits.long_codes.modes import MEANT_FOR
from sparebits.statistics.intervals import clopper_pearson_interval, wilson_interval
from sparebits.statistics.paired_images import mcnemar_exact

IMAGES, GOLDEN_HITS = 400, 380
BERS = (0.0, 1e-4, 1e-3, 1e-2, 5e-2, 1e-1)
NETWORK_BYTES = 4000
EXTRA_BYTES = {"chosen": 12, "gentle": 12, "SEC-DED (72,64)": 500, "replication c=2": 4000, "range restriction": 8}
HELD = {"chosen": 5e-2, "gentle": 1e-2, "thesis": 1e-3, "unprotected": 0.0}
MANY = {
    "unprotected": 0.0,
    "truncate-only": 1e-4,
    "parity-zero": 0.0,
    "CEP": 1e-4,
    "in-place TMR": 1e-3,
    "thesis": 1e-3,
    "thesis SEC-DED": 1e-4,
    "SEC-DED (72,64)": 1e-4,
    "replication c=2": 1e-2,
    "range restriction": 0.0,
    "int8 three times": 1e-2,
    "bfloat16 + code": 1e-3,
    "same-layout repetition": 1e-2,
    "gentle": 1e-2,
    "chosen + range restriction": 1e-1,
    "chosen": 5e-2,
}
"""What the schemes of a whole campaign may hold."""


def outcomes(lost: np.ndarray) -> pd.DataFrame:
    """The columns of a comparison in which nothing was gained."""
    lost = np.asarray(lost)
    hits = GOLDEN_HITS - lost
    low, high = wilson_interval(hits, IMAGES)
    columns = {"images": IMAGES, "hits": hits, "accuracy": hits / IMAGES, "low": low, "high": high}
    columns |= {"drop_pp": 100 * lost / IMAGES, "lost": lost, "gained": 0, "p_value": mcnemar_exact(lost, 0 * lost)}
    return pd.DataFrame(columns)


def campaign(held: dict[str, float], trials: int = 4) -> pd.DataFrame:
    """A campaign in which above the rate that it holds every scheme loses 80 of 400 images in one trial of four."""
    rows = []
    for scheme, most in held.items():
        extra = EXTRA_BYTES.get(scheme, 0)
        memory = {"policy": "keep", "stored_bits": 8 * (NETWORK_BYTES + extra), "extra_bytes": extra}
        for ber in BERS:
            for trial in range(trials if ber else 1):
                lost = 80 if ber > most and trial % 4 == 3 else 1 if scheme != "unprotected" else 0
                counts = {"map_hash": f"{ber}/{trial}", "flips": round(1e5 * ber)}
                counts |= {"corrected": 0, "detected": 0, "miscorrected": 0}
                fault = {"fault_model": "ber", "target": "all", "ber": ber, "trial": trial, "seed": trial}
                rows.append({"scheme": scheme, **memory, **fault, **counts, "lost": lost})
    found = pd.DataFrame(rows)
    return pd.concat([found.drop(columns="lost"), outcomes(found["lost"])], axis=1)


PARTS = {
    ("raw", "none", "none"): 0.0,
    ("forced", "none", "none"): 0.0,
    ("forced", "repetition", "none"): 1e-3,
    ("forced", "SEC-DED", "keep"): 1e-3,
    ("forced", "best code", "keep"): 1e-3,
    ("forced", "best code", "median"): 1e-2,
    ("minifloat", "none", "none"): 1e-4,
    ("minifloat", "repetition", "none"): 1e-2,
    ("minifloat", "SEC-DED", "keep"): 1e-3,
    ("minifloat", "best code", "keep"): 1e-2,
    ("minifloat", "best code", "posterior mean"): 5e-2,
}


def ablation(held: dict[tuple[str, str, str], float] = PARTS) -> pd.DataFrame:
    """ablation.csv of combinations that hold known rates, by layout, code and policy."""
    table = campaign({" / ".join(parts): most for parts, most in held.items()})
    parts = table["scheme"].str.split(" / ", expand=True)
    return table.assign(layout_part=parts[0], code_part=parts[1], policy_part=parts[2])


def word_counts(held: dict[str, float], p_values: tuple[float, ...] = (0.5, 0.7, 1.0)) -> pd.DataFrame:
    """word_counts.csv: three outcomes of each scheme that has code words, at one rate."""
    schemes = [scheme for scheme in held if scheme not in ("unprotected", "truncate-only", "range restriction")]
    cells = {"outcome": ["corrected", "detected", "miscorrected"], "observed": [120, 3, 0]}
    cells |= {"expected": [118.4, 2.5, 0.001], "p_value": p_values}
    rows = [
        pd.DataFrame({"scheme": scheme, "ber": 1e-3, "trials": 4, "code_words": 103, **cells}) for scheme in schemes
    ]
    return pd.concat(rows, ignore_index=True)


def attack(schemes, chance: dict[str, float] | None = None, most: int = 1000) -> pd.DataFrame:
    """attack.csv of three seeds, which need the flips to chance that are given, give or take a few.

    Args:
        schemes: that are attacked.
        chance: flips of the middle seed by scheme, infinite for an attack that never gets there; 20 if left out. Those
            who do not know the scheme need twice as many.
    """
    rows = []
    kinds = (
        ("strongest bit", "ignorant"),
        ("progressive bit search", "ignorant"),
        ("progressive bit search", "knowing"),
    )
    for scheme in schemes:
        needed = (chance or {}).get(scheme, 20)
        for how, knowledge in kinds:
            for seed in range(3):
                flips = (needed + seed - 1) * (1 if knowledge == "knowing" else 2)
                rungs = sorted({1, 10, 100, most, *([int(flips)] if flips <= most else [])})
                for rung in rungs:
                    if rung <= flips:
                        run = {"scheme": scheme, "attack": how, "knowledge": knowledge, "seed": seed}
                        reached = int(rung >= flips)
                        rows.append({**run, "flips": rung, "at_chance": reached, "lost": 340 if reached else rung // 5})
    found = pd.DataFrame(rows)
    return pd.concat([found.drop(columns="lost"), outcomes(found["lost"])], axis=1).assign(code_words=found["flips"])


def costs(schemes) -> pd.DataFrame:
    """costs.csv: nothing for the unprotected network, a code that works on dirty words for the others."""
    rows = []
    for scheme in schemes:
        extra = EXTRA_BYTES.get(scheme, 0)
        coded = scheme not in ("unprotected", "truncate-only", "range restriction")
        memory = {"layout": "raw", "code": "hsiao(72,64)", "extra_bytes": extra}
        memory["extra_percent"] = 100 * extra / NETWORK_BYTES
        gates = {"encoder_gates": 40.0 * coded, "read_gates": 147.0 * coded, "gates_ratio": 0.4 * coded, "depth": 9}
        work = {"dirty_operations": 1234 * coded, "expected_operations": 5.25 * coded, "at_ber": 1e-3}
        rows.append({"scheme": scheme, **memory, **gates, **work})
    return pd.DataFrame(rows)


WORDS = 1000
DAMAGE = {
    "unprotected": {1e-2: (280, 320)},
    "in-place TMR": {1e-2: (20, 2), 5e-2: (390, 320)},
    "chosen": {1e-2: (0, 1), 5e-2: (8, 1), 8e-2: (60, 2), 1e-1: (200, 8), 1.2e-1: (400, 20), 1.6e-1: (700, 200)},
    "nested-word": {1e-2: (0, 1), 5e-2: (0, 1), 8e-2: (0, 1), 1e-1: (700, 320)},
    "nested": {1e-2: (0, 1), 5e-2: (0, 1), 8e-2: (0, 1), 1e-1: (0, 1), 1.2e-1: (800, 320)},
    "block": {1e-2: (0, 1), 5e-2: (0, 1), 8e-2: (0, 1), 1e-1: (0, 1), 1.2e-1: (0, 1), 1.6e-1: (900, 320)},
}
"""Of 1000 words those that are not restored, and of 400 images those that are lost, by scheme and bit error rate."""


def restoration(
    damage: dict[str, dict[float, tuple[int, int]]] = DAMAGE,
    failing: dict[str, int] | None = None,
    trials: int = 4,
    claim_trials: int = 20,
) -> pd.DataFrame:
    """restoration.csv in which every trial of a scheme at a rate does the same damage.

    Args:
        damage: by scheme and bit error rate.
        failing: in so many trials of a mode at its own rate 10 more words are not restored, and 4 more images lost.
    """
    rows = []
    for scheme, by_rate in damage.items():
        for ber, (words, lost) in {0.0: (0, int(scheme != "unprotected")), **by_rate}.items():
            is_own = ber == MEANT_FOR.get(scheme)
            count = 1 if ber == 0 else claim_trials if is_own else trials
            for trial in range(count):
                fails = is_own and trial >= count - (failing or {}).get(scheme, 0)
                row = {"scheme": scheme, "fault_model": "ber", "target": "all", "ber": ber, "trial": trial}
                extra = 0 if scheme in ("unprotected", "in-place TMR") else 12
                row |= {"seed": trial, "stored_bits": 8 * (NETWORK_BYTES + extra), "extra_bytes": extra, "words": WORDS}
                rows.append(row | {"restored_words": WORDS - words - 10 * fails, "lost": lost + 4 * fails})
    found = pd.DataFrame(rows)
    return pd.concat([found.drop(columns="lost"), outcomes(found["lost"])], axis=1)


FAILED_BLOCKS = {
    ("block", 11): {8e-2: 0, 1e-1: 0, 1.2e-1: 0, 1.6e-1: 300},
    ("block", 10): {8e-2: 0, 1e-1: 0, 1.2e-1: 0, 1.6e-1: 150},
    ("nested", 10): {8e-2: 0, 1e-1: 0, 1.2e-1: 300, 1.6e-1: 300},
    ("nested-word", 10): {8e-2: 0, 1e-1: 200, 1.2e-1: 300, 1.6e-1: 300},
}
CAPACITIES = {11: 0.16936495, 10: 0.18341914}
"""By data bits of 32."""


def block_failures(
    failed: dict[tuple[str, int], dict[float, int]] = FAILED_BLOCKS, wrong: int = 0, claim_blocks: int = 3000
) -> pd.DataFrame:
    """block_failures.csv of 300 blocks, at the rate that a mode is meant for of more.

    Args:
        failed: blocks by mode, data bits and bit error rate.
        wrong: of the failed ones at the own rate of block mode so many are not reported.
    """
    rows = []
    for (mode, bits), by_rate in failed.items():
        for ber, count in by_rate.items():
            is_own = ber == MEANT_FOR[mode]
            blocks, unnoticed = claim_blocks if is_own else 300, wrong if is_own and mode == "block" else 0
            low, high = clopper_pearson_interval(count, blocks)
            row = {"mode": mode, "code": "ldpc", "words_per_block": 768, "data_bits": bits, "ber": ber}
            row |= {"capacity_ber": CAPACITIES[bits], "words": 768 * blocks, "blocks": blocks}
            row |= {"failed": count - unnoticed, "wrong": unnoticed, "wrong_words": 5 * unnoticed}
            rows.append(row | {"rate": count / blocks, "low": float(low), "high": float(high)})
    return pd.DataFrame(rows)


INNER = {
    5e-2: (0.0101, 6.7e-4, 0.0, 5.9e-237),
    8e-2: (0.0593, 6.9e-3, 0.0, 1.9e-27),
    1e-1: (0.1214, 0.0186, 1.1e-49, 0.9994),
    1.1e-1: (0.1600, 0.0275, 1.5e-3, 1.0),
    1.2e-1: (0.2020, 0.0385, 1.0000000000000104, 1.0),
    1.6e-1: (0.3797, 0.1007, 1.0, 1.0),
}
"""Exact: erased and wrong inner words; blocks that fail in nested mode, and an upper bound of nested-word mode."""


def inner_words(exact: dict[float, tuple[float, float, float, float]] = INNER, number: int = 100_000) -> pd.DataFrame:
    """inner_words.csv whose counts are what is expected."""
    rows = []
    for ber, (erased, wrong, nested, nested_word) in exact.items():
        row = {"ber": ber, "inner_words": number}
        for name, share in (("erased", erased), ("wrong", wrong)):
            low, high = clopper_pearson_interval(round(share * number), number)
            row |= {name: round(share * number), f"{name}_rate": round(share * number) / number}
            row |= {f"{name}_low": float(low), f"{name}_high": float(high), f"exact_{name}": share}
        computed = {"nested_measured": nested, "nested_upper": min(1.0, 1e9 * nested), "nested_exact": nested}
        rows.append(row | computed | {"nested_word_exact": nested_word})
    return pd.DataFrame(rows)


def scrub_times(sizes: tuple[int, ...] = (100_000, 1_000_000, 25_000_000)) -> pd.DataFrame:
    """scrub_times.csv of a machine that takes 0.1, 1 or 2 microseconds a word by mode, more where more bits flip."""
    rows = []
    for mode, cost in (("word", 1e-7), ("block", 2e-6), ("nested", 1e-6)):
        for words in sizes:
            for ber in (0.0, 0.05, MEANT_FOR.get(mode, 0.08)):
                row = {"machine": "a machine of 2 cores", "threads": 2, "mode": mode, "words": words}
                row |= {"bytes": 4 * words, "ber": ber, "seconds": words * cost * (1 + 10 * ber)}
                rows.append(row | {"read_seconds": 1e-8 * words, "peak_mib": 200.0, "failed": 0})
    return pd.DataFrame(rows)
