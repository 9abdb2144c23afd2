"""What each scheme costs on a network: memory, gates of every read, operations of dirty words."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from sparebits.codes.linear import LinearCode
from sparebits.codes.packing import LIMB_BITS
from sparebits.costs.expected import REFERENCE, count, expected_cost, probability_dirty
from sparebits.costs.gates import DecodingCost, Operation, decoding_cost, published_costs
from sparebits.errors import InputError
from sparebits.faults.ber import PARAMETERS
from sparebits.parameters import ParameterTensor
from sparebits.schemes.coded import Coded
from sparebits.schemes.names import CHOSEN, CLIPPED, base_name
from sparebits.schemes.stored import StoredNetwork

COLUMNS = ("encoder_gates", "read_gates", "depth", "dirty_operations", "table_bits", "expected_operations")


def cost_table(schemes: Sequence[StoredNetwork], tensors: Sequence[ParameterTensor], ber: float) -> pd.DataFrame:
    """costs.csv: a row a scheme.

    Gates are those of a float32 word on average over the network's words, by the model of `costs.gates`; clipping of
    activations is not among them, as it is work of every activation and not of a word.

    Args:
        schemes: of one network.
        tensors: of the network.
        ber: bit error rate of the expected operations.

    Returns:
        scheme, layout, code, extra_bytes, extra_percent (of the network's own words), encoder_gates, read_gates,
        gates_ratio (to Hsiao's (72,64)), depth (levels, of the deepest code), dirty_operations (of a dirty code word,
        of the costliest code), table_bits (of the largest
        table), expected_operations (a word on average at the bit error rate), at_ber.
    """
    reference = published_costs()[REFERENCE].read_gates_a_word
    costs = {
        scheme.name: _coded_cost(scheme, tensors, ber) if isinstance(scheme, Coded) else _known_cost(scheme.name, ber)
        for scheme in schemes
        if scheme.name not in _AS
    }
    rows = []
    for scheme in schemes:
        words = scheme.memory[PARAMETERS]
        cost = costs[_AS.get(scheme.name, scheme.name)]
        rows.append(
            {
                "scheme": scheme.name,
                "layout": scheme.layout,
                "code": scheme.code,
                "extra_bytes": scheme.extra_bytes,
                "extra_percent": 100 * scheme.extra_bytes / words.nbytes,
                **dict(zip(COLUMNS, cost, strict=True)),
                "gates_ratio": cost[1] / reference,
                "at_ber": ber,
            }
        )
    return pd.DataFrame(rows)


def code_cost(code: LinearCode, decoder: str, policy: str) -> DecodingCost:
    """The cost of a code word of a group, decoded in the cheapest way that is known.

    Long codes that are decoded to the nearest codeword solve for t flips first. Codes that neither a transform nor
    algebra decodes look the error up where the table of coset leaders is small, or compare with all codewords.
    """
    if decoder == "maximum likelihood" and code.n > LIMB_BITS:
        within = decoding_cost(code, "algebraic", policy)
        search = Operation("XOR, popcount and comparison", 1 << code.k, code.n)
        return replace(within, beyond_operations=(search,))
    if decoder == "bounded distance" and code.t > 1:
        for way in ("Hadamard transform", "algebraic", "leader table", "comparison"):
            try:
                return decoding_cost(code, way, policy)
            except InputError:
                continue
    return decoding_cost(code, decoder, policy)


_AS = {CLIPPED: CHOSEN, "range restriction": "unprotected"}
"""Whose words cost what others' do."""


def _coded_cost(scheme: Coded, tensors: Sequence[ParameterTensor], ber: float) -> tuple[float, ...]:
    values = {tensor.name: tensor.values for tensor in tensors}
    total, encoder, read, expected = 0, 0.0, 0.0, 0.0
    depth = dirty = table_bits = 0
    for group in scheme.scheme.groups:
        code_words = values[group.tensors[0]]
        cost = code_cost(group.code, group.decoder, group.policy)
        words = code_words * len(group.tensors)
        total += words
        encoder += code_words * cost.encoder_gates
        read += code_words * cost.read_gates
        depth, dirty = max(depth, cost.depth), max(dirty, count(cost.dirty_operations))
        table_bits = max(table_bits, cost.table_bits)
        if group.code.check_bits:
            expected += code_words * expected_cost(group.code, cost, ber).operations
    return encoder / total, read / total, depth, dirty, table_bits, expected / total


def _known_cost(scheme: str, ber: float) -> tuple[float, ...]:
    """Of schemes that are no codes of the catalogue; what they detect is kept or zeroed without operations."""
    cost = published_costs()[base_name(scheme)]
    dirty = count(cost.dirty_operations)
    operations = dirty * probability_dirty(32, ber)
    return cost.encoder_gates_a_word, cost.read_gates_a_word, cost.depth, dirty, cost.table_bits, operations
