"""What decoding costs on average at a bit error rate: dirty words cost more than clean ones, and are rare."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import expm1, log1p

import pandas as pd

from sparebits.codes.linear import LinearCode
from sparebits.codes.probabilities import probability_not_corrected
from sparebits.costs.gates import DecodingCost, Operation, published_costs
from sparebits.errors import InputError

REFERENCE = "SEC-DED (72,64)"


@dataclass(frozen=True)
class ExpectedCost:
    """A code word at a bit error rate.

    Attributes:
        ber: probability that a bit is flipped.
        dirty: probability that at least one of its bits is flipped.
        beyond: probability of more than t flips.
        operations: sequential operations on average, of all kinds.
        operations_a_word: the same, a float32 word.
    """

    ber: float
    dirty: float
    beyond: float
    operations: float
    operations_a_word: float


def expected_cost(code: LinearCode, cost: DecodingCost, ber: float) -> ExpectedCost:
    """Sequential operations that a code word takes on average, flips being independent.

    P(dirty) x operations of a dirty word + P(beyond t) x operations of a word beyond repair. The second is an upper
    bound: words that are miscorrected are beyond t, but nobody knows.

    Args:
        code: of the word.
        cost: of its decoder, from `gates.decoding_cost`.
        ber: bit error rate, in 0..1.

    Raises:
        InputError: the rate is no probability.
    """
    dirty, beyond = probability_dirty(code.n, ber), probability_not_corrected(code, ber)
    operations = dirty * count(cost.dirty_operations) + beyond * count(cost.beyond_operations)
    return ExpectedCost(ber, dirty, beyond, operations, operations / cost.words)


def probability_dirty(bits: int, ber: float) -> float:
    """1 - (1 - p)^n: at least one of n bits is flipped; exact for small p too.

    Raises:
        InputError: p is no probability.
    """
    if not 0 <= ber <= 1:
        raise InputError(f"a bit error rate lies in 0..1, got {ber}")
    return -expm1(bits * log1p(-ber)) if ber < 1 else float(bits > 0)


def count(operations: tuple[Operation, ...]) -> int:
    """Operations of all kinds."""
    return sum(operation.count for operation in operations)


def cost_table(costs: Mapping[str, DecodingCost]) -> pd.DataFrame:
    """A scheme a row: gates a float32 word, and how many times those of Hsiao's (72,64) code that is.

    Args:
        costs: by scheme.

    Returns:
        scheme, encoder_gates, read_gates (both a float32 word), ratio (of read_gates), depth, dirty_operations (of a
        code word), table_bits.
    """
    reference = published_costs()[REFERENCE].read_gates_a_word
    return pd.DataFrame(
        [
            {
                "scheme": scheme,
                "encoder_gates": cost.encoder_gates_a_word,
                "read_gates": cost.read_gates_a_word,
                "ratio": cost.read_gates_a_word / reference,
                "depth": cost.depth,
                "dirty_operations": count(cost.dirty_operations),
                "table_bits": cost.table_bits,
            }
            for scheme, cost in costs.items()
        ]
    )
