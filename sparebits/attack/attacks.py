"""All attacks on all schemes: accuracy after so many flips, and how many of them bring a network to chance."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import numpy as np
import pandas as pd
from tqdm import tqdm

from sparebits.attack.damage import DamageMeter, follow
from sparebits.attack.ignorant import progressive_bit_search, strongest_bit_attack
from sparebits.attack.knowing import Forger, KnowingAttacker
from sparebits.attack.loss import AttackLoss
from sparebits.attack.steps import Step
from sparebits.campaign.journal import Journal
from sparebits.errors import InputError
from sparebits.evaluation import Evaluator
from sparebits.sampling import nested_sample
from sparebits.schemes.stored import StoredNetwork

PROGRESSIVE, STRONGEST = "progressive bit search", "strongest bit"
IGNORANT, KNOWING = "ignorant", "knowing"
ATTACKS = ((STRONGEST, IGNORANT), (PROGRESSIVE, IGNORANT), (PROGRESSIVE, KNOWING))
"""What attacks: how bits are chosen, and whether the attacker knows the scheme."""
ATTACK_IMAGES = 64
"""Labelled images that an attacker has."""

_KEY = ["scheme", "attack", "knowledge", "seed"]


def run_attacks(
    evaluator: Evaluator,
    schemes: Iterable[StoredNetwork],
    attack_indices: np.ndarray,
    indices: np.ndarray,
    golden: np.ndarray,
    seeds: Sequence[int],
    most_flips: int = 1000,
    attack_images: int = ATTACK_IMAGES,
    journal: Journal | None = None,
) -> pd.DataFrame:
    """attack.csv: every attack on every scheme, by the number of flips.

    Args:
        evaluator: of the network.
        schemes: that are attacked; taken one at a time.
        attack_indices: of the images from which an attacker's are drawn.
        indices: of the images that accuracy is measured on.
        golden: classes of the golden run, for all images.
        seeds: each draws an attacker's images; nothing else is random.
        most_flips: budget of an attack.
        attack_images: that an attacker has, at most.
        journal: where finished attacks are kept; those that it has are not run again.

    Returns:
        a row a scheme, attack, knowledge, seed and number of flips (see `damage.follow`), in that order: scheme,
        attack, knowledge, seed, flips, an outcome (compare_with_golden), at_chance (0, 1), code_words, format.

    Raises:
        InputError: images are used both to attack and to measure, or there is nothing to attack with.
    """
    meter = DamageMeter(evaluator, golden, indices)
    _check(attack_indices, indices, seeds, most_flips)
    # Such a network has nothing to lose: rows of no flips say so, and no flip is searched for.
    is_at_chance = meter.golden_hits() <= meter.chance_hits
    attacker = _Attacker(evaluator, attack_indices, attack_images, most_flips)
    done = {tuple(entry["attack"]): entry["rows"] for entry in (journal.entries if journal else [])}
    rows = []
    for scheme in schemes:
        forger = Forger(scheme, evaluator.parameters)
        plan = [(attack, knowledge, seed) for attack, knowledge in ATTACKS for seed in seeds]
        for attack, knowledge, seed in tqdm(plan, desc=scheme.name, unit="attack", mininterval=2):
            key = (scheme.name, attack, knowledge, seed)
            if key not in done:
                steps = () if is_at_chance else attacker.steps(forger, attack, knowledge, seed)
                done[key] = follow(meter, scheme, steps)
                if journal:
                    journal.append({"attack": key, "rows": done[key]})
            rows += [dict(zip(_KEY, key, strict=True)) | row for row in done[key]]
    return pd.DataFrame(rows)


def flips_to_chance(table: pd.DataFrame) -> pd.DataFrame:
    """How much each attack needed.

    Args:
        table: of `run_attacks`.

    Returns:
        a row a scheme, attack, knowledge and seed, in the table's order: these, flips_to_chance (NaN if chance was not
        reached), flips_spent and code_words_spent (up to there, or in all), accuracy_after, format.
    """
    rows = []
    for key, attack in table.groupby(_KEY, sort=False):
        reached = attack[attack["at_chance"] == 1]
        last = (reached if len(reached) else attack.sort_values("flips").iloc[::-1]).iloc[0]
        rows.append(
            {
                **dict(zip(_KEY, key, strict=True)),
                "flips_to_chance": float(last["flips"]) if len(reached) else float("nan"),
                "flips_spent": last["flips"],
                "code_words_spent": last["code_words"],
                "accuracy_after": last["accuracy"],
                "format": last["format"],
            }
        )
    return pd.DataFrame(rows)


class _Attacker:
    """The attacks on one network; sequences of the ignorant ones are found once."""

    def __init__(self, evaluator: Evaluator, attack_indices: np.ndarray, images: int, most_flips: int):
        self._evaluator, self._indices, self._images = evaluator, attack_indices, images
        self._parameters, self._most_flips = evaluator.parameters, most_flips
        self._loss, self._sequence = cache(self._loss_of), cache(self._sequence_of)

    def steps(self, forger: Forger, attack: str, knowledge: str, seed: int) -> Iterator[Step]:
        if knowledge == IGNORANT:
            return iter(self._sequence(attack, seed))
        return KnowingAttacker(forger, self._loss(seed), self._parameters).steps(self._most_flips)

    def _sequence_of(self, attack: str, seed: int) -> list[Step]:
        search = progressive_bit_search if attack == PROGRESSIVE else strongest_bit_attack
        return search(self._loss(seed), self._parameters, self._most_flips)

    def _loss_of(self, seed: int) -> AttackLoss:
        drawn = nested_sample(len(self._indices), self._images, seed)
        return AttackLoss(self._evaluator, self._indices[np.sort(drawn)])


def _check(attack_indices: np.ndarray, indices: np.ndarray, seeds: Sequence[int], most_flips: int) -> None:
    shared = np.intersect1d(attack_indices, indices)
    if len(shared):
        raise InputError(f"{len(shared)} images are both the attacker's and measured on, such as number {shared[0]}")
    if not len(attack_indices) or not len(seeds) or most_flips < 1:
        raise InputError(
            f"an attack takes images, seeds and flips, got {len(attack_indices)} images, {len(seeds)} seeds and "
            f"{most_flips} flips"
        )
