"""Copies without the low bits of the mantissa, against copies of all bits and against codes in place.

Source: the Korean research notes, proposal 4: leave m low bits of the mantissa out of the copies, and see whether the
memory saved is worth it. Copies count in all, the original included: with two a difference is detected and every value
read becomes the posterior mean of the mixtures of both, with three or five the majority of each bit decides
(schemes/replication.py). Beside them stand what this project keeps in place and SEC-DED memory, under the same fault
maps.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from sparebits.campaign.journal import Journal
from sparebits.campaign.schemes import LOST_PP, describe
from sparebits.errors import InputError
from sparebits.evaluation import Evaluator
from sparebits.faults.rates import BitErrorRate
from sparebits.faults.targets import Target
from sparebits.long_codes.scheme import fit_long_scheme
from sparebits.parameters import FlatParameters
from sparebits.protection.plan import Plan
from sparebits.schemes.coded import planned
from sparebits.schemes.hsiao import Hsiao
from sparebits.schemes.in_blocks import InBlocks
from sparebits.schemes.names import CHOSEN, GENTLE
from sparebits.schemes.replication import Replication
from sparebits.schemes.stored import StoredNetwork
from sparebits.schemes.unprotected import Unprotected
from sparebits.selection.seeds import CAMPAIGN, first_seed
from sparebits.selection.trials import SchemeTrials

COPIES = (2, 3, 5)
"""In all, the original included, that the scheme exists for."""
OF_TWO = "posterior mean"
"""What becomes of values whose two copies differ: no policy restores more."""
BLOCK = "block"
UNPROTECTED = "unprotected"
SEC_DED = "SEC-DED (72,64)"


def replicated(parameters: FlatParameters, copies: int, dropped: int) -> Replication:
    """So many copies in all, but for the original without the low `dropped` bits of the mantissa.

    Raises:
        InputError: there are not so many copies or bits.
    """
    if copies not in COPIES:
        raise InputError(f"replication is measured with {', '.join(map(str, COPIES))} copies in all, not {copies}")
    name = f"{copies} copies, m = {dropped}"
    return Replication(parameters, OF_TWO if copies == 2 else "keep", name, copies - 1, dropped)


def compared_schemes(
    parameters: FlatParameters, chosen: Plan, gentle: Plan, gentle_ber: float
) -> Iterator[tuple[StoredNetwork, float]]:
    """What stands beside the copies, each with the bit error rate up to which it is measured.

    Args:
        chosen, gentle: plans of the network's selections.
        gentle_ber: bit error rate that the gentle one was chosen for; beyond it decoding takes long.
    """
    yield Unprotected(parameters, UNPROTECTED), 1.0
    yield Hsiao(parameters, name=SEC_DED), 1.0
    yield planned(GENTLE, gentle, parameters), gentle_ber
    yield planned(CHOSEN, chosen, parameters), 1.0
    try:
        scheme = fit_long_scheme(BLOCK, parameters.tensors, parameters.golden, parameters.fmt)
    except InputError as error:
        print(f"{BLOCK} mode is left out: {error}", flush=True)
    else:
        yield InBlocks(BLOCK, scheme, parameters.golden, parameters.tensors), 1.0


def run_replication(
    evaluator: Evaluator,
    golden: np.ndarray,
    indices: np.ndarray,
    plans: tuple[Plan, Plan, float],
    copies: Sequence[int],
    dropped: Sequence[int],
    bers: Sequence[float],
    trials: int,
    seed: int,
    journal: Journal | None = None,
) -> pd.DataFrame:
    """study_replication.csv: a row a scheme, bit error rate and trial.

    Bit error rates ascend. A scheme leaves them after the first at which every trial dropped by more than LOST_PP.

    Args:
        evaluator: of the network.
        golden: classes of the golden run, for all images.
        indices: of the images that no choice was made on.
        plans: the chosen one, the gentle one, and the bit error rate that the latter was chosen for.
        copies: in all.
        dropped: low mantissa bits that copies lack; more than the format's mantissa has are left out.
        bers: bit error rates.
        trials: fault maps at each: those of the campaign.
        seed: of the experiment.
        journal: where finished trials are kept; those that it has are not run again.

    Returns:
        copies and dropped (0 for schemes that do not copy), saved (share of a word that every copy lacks), memory
        (extra, as a share of the network's own), then as campaign.csv.
    """
    parameters = evaluator.parameters
    measure = _Trials(evaluator, golden, indices, trials, first_seed(seed, CAMPAIGN), journal)
    rows = []
    for scheme, highest in compared_schemes(parameters, *plans):
        rows += measure.ascend(scheme, [ber for ber in bers if ber <= highest], {"copies": 0, "dropped": 0})
    for number in copies:
        for bits in (bits for bits in dropped if bits <= parameters.fmt.mantissa_bits):
            columns = {"copies": number, "dropped": bits}
            rows += measure.ascend(replicated(parameters, number, bits), bers, columns)
    table = pd.DataFrame(rows)
    table.insert(2, "saved", table["dropped"] / parameters.fmt.width)
    table.insert(3, "memory", table["extra_bytes"] / parameters.golden.nbytes)
    return table


class _Trials:
    """Runs trials that were not run yet; as many at every rate, so that exact intervals hold."""

    def __init__(
        self,
        evaluator: Evaluator,
        golden: np.ndarray,
        indices: np.ndarray,
        trials: int,
        seed: int,
        journal: Journal | None,
    ):
        parameters = evaluator.parameters
        self._runs = SchemeTrials(evaluator, golden, indices)
        self._site = Target().resolve(parameters.tensors, parameters.fmt)
        self._trials, self._seed, self._journal = trials, seed, journal
        self._done = {_key(row): row for row in (journal.entries if journal else [])}

    def ascend(self, scheme: StoredNetwork, bers: Sequence[float], columns: dict) -> list[dict]:
        """The rows of a scheme at ascending bit error rates, as far as it goes."""
        rows = []
        for ber in sorted({0.0, *bers}):
            found = [
                self._row(scheme, ber, trial, {**columns, **describe(scheme)})
                for trial in range(self._trials if ber else 1)
            ]
            rows += found
            if min(row["drop_pp"] for row in found) > LOST_PP:
                break
        return rows

    def _row(self, scheme: StoredNetwork, ber: float, trial: int, columns: dict) -> dict:
        columns = {**columns, "ber": ber, "trial": trial}
        row = self._done.get(_key(columns))
        if row is None:
            row = columns | self._runs.run(scheme, BitErrorRate(ber), self._site, self._seed + trial)
            if self._journal:
                self._journal.append(row)
        return row


def _key(row: dict) -> tuple:
    return row["scheme"], row["ber"], row["trial"]
