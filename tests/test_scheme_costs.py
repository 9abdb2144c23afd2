"""What schemes cost on a network: memory as stored, gates by the words' share of each code."""

import pytest

from sparebits.choices import Choice
from sparebits.codes.catalogue import named_code
from sparebits.costs.gates import decoding_cost, published_costs
from sparebits.costs.schemes import code_cost, cost_table
from sparebits.protection.plan import Plan, RolePlan
from sparebits.schemes.coded import planned
from sparebits.schemes.registry import Settings, build_schemes

WORD = RolePlan(2, "reed-muller(32,6)", "posterior mean")
NORM = RolePlan(2, "extended-bch(128,22)", "median", "fused", "maximum likelihood")
PLAN = Plan({"weights": WORD, "batchnorm": NORM, "other": WORD})


@pytest.fixture
def parameters(evaluator):
    return evaluator.parameters


@pytest.fixture
def table(parameters):
    schemes = list(build_schemes(parameters, Settings(PLAN, Choice(0x60, 14), gentle=PLAN)))
    return cost_table(schemes, parameters.tensors, 0.01).set_index("scheme")


def test_every_scheme_has_a_row(table):
    assert {"unprotected", "CEP", "thesis", "SEC-DED (72,64)", "replication c=4", "gentle", "chosen"} <= set(
        table.index
    )
    assert not table.isna().any().any()
    assert not table.loc["unprotected", ["encoder_gates", "read_gates", "expected_operations", "extra_bytes"]].any()


def test_gates_are_an_average_over_the_network_s_words(table, parameters):
    channels = sum(tensor.values for tensor in parameters.tensors if tensor.kind == "running_var")
    words = len(parameters.golden) - 4 * channels
    single = decoding_cost(named_code("reed-muller(32,6)"), "Hadamard transform", "median").read_gates
    joint = decoding_cost(named_code("extended-bch(128,22)"), "algebraic", "median").read_gates
    expected = (words * single + channels * joint) / len(parameters.golden)
    assert table.loc["chosen", "read_gates"] == pytest.approx(expected)


def test_the_reference_is_one(table):
    assert table.loc["SEC-DED (72,64)", "gates_ratio"] == 1
    assert table.loc["SEC-DED (72,64)", "extra_percent"] == pytest.approx(12.5, rel=0.02)
    assert table.loc["CEP", "read_gates"] == published_costs()["CEP"].read_gates_a_word


def test_dirty_words_cost_more_at_higher_rates(parameters):
    scheme = planned("chosen", PLAN, parameters)
    low, high = (cost_table([scheme], parameters.tensors, ber).iloc[0] for ber in (1e-4, 1e-2))
    assert 0 < low["expected_operations"] < high["expected_operations"]
    assert low["read_gates"] == high["read_gates"]


def test_a_long_code_searches_only_beyond_t():
    cost = code_cost(named_code("extended-bch(128,22)"), "maximum likelihood", "median")
    assert (
        cost.dirty_operations
        == decoding_cost(named_code("extended-bch(128,22)"), "algebraic", "median").dirty_operations
    )
    assert cost.beyond_operations[0].count == 2**22


def test_the_cheapest_way_is_taken():
    assert code_cost(named_code("extended-bch(32,16)"), "bounded distance", "keep").dirty_operations[0].count < 2**16
    assert code_cost(named_code("tabulated(32,17)"), "bounded distance", "keep").table_bits > 0
