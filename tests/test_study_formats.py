"""Formats beside each other: conversion, droppable bits, layouts and codes, and answers that follow the tables."""

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from sparebits.campaign.journal import Journal
from sparebits.codes.catalogue import best_code
from sparebits.errors import InputError
from sparebits.parameters import FlatParameters, doubles_of, values_of
from sparebits.report.studies import formats as report
from sparebits.schemes.coded import Coded
from sparebits.statistics.planning import trials_needed
from sparebits.studies import format_growth
from sparebits.studies.conversion import converted, in_format, trained_in
from sparebits.studies.format_growth import bounds, choices_of, growth, line, shortest_layouts, strongest
from sparebits.studies.formats import (
    INT8,
    RULES,
    TOP_BITS,
    Swept,
    droppable_bits,
    int8_words,
    quantised,
    sweep_format,
    sweep_int8,
    swept_bits,
)
from sparebits.studies.short_words import SCHEMES, SINGLE, UNPROTECTED, Settings, _scheme, run_short_words

ALL = np.arange(80)


def test_values_become_the_nearest_of_the_format_and_computing_is_said(evaluator, fmt):
    parameters = evaluator.parameters
    other = converted(parameters, fmt.dtype)
    assert other.fmt == fmt
    expected = values_of(parameters.golden.copy(), parameters.fmt).to(getattr(torch, fmt.dtype))
    np.testing.assert_array_equal(doubles_of(other.golden, fmt), expected.double().numpy())
    assert other.compute_dtype == (torch.float64 if fmt.dtype == "float64" else torch.float32)
    # The network it was made from is as it was.
    assert parameters.compute_dtype == torch.float32
    if fmt.dtype in ("float64", "float32"):
        short = in_format(evaluator, fmt.dtype)
        assert (short.predict(other.golden, ALL) == evaluator.predict(parameters.golden, ALL)).mean() > 0.98


def test_values_beyond_the_format_are_refused(network):
    with torch.no_grad():
        network.linear.bias[0] = 1e6
    with pytest.raises(InputError, match="float16"):
        converted(FlatParameters(network, network.state_dict()), "float16")


def test_weights_of_another_training_are_taken_over(evaluator, network, tmp_path):
    torch.manual_seed(1)
    state = {name: torch.rand_like(value, dtype=torch.float64) for name, value in network.state_dict().items()}
    save_file(state, tmp_path / "double.safetensors")
    other = trained_in(evaluator, str(tmp_path / "double.safetensors"))
    assert other.parameters.fmt.name == "binary64"
    assert other.parameters.compute_dtype == torch.float64
    # Of a network trained in binary64 no bit of the mantissa is always 0.
    assert sweep_format(other, "trained", ALL[:20]).invariant_bits == 0
    assert sweep_format(in_format(evaluator, "float64"), "converted", ALL[:20]).invariant_bits == 29
    del state["linear.bias"]
    save_file(state, tmp_path / "double.safetensors")
    with pytest.raises(InputError, match=r"linear\.bias"):
        trained_in(evaluator, str(tmp_path / "double.safetensors"))


def test_the_top_of_every_mantissa_is_swept_bit_by_bit(fmt):
    bits = swept_bits(fmt.mantissa_bits)
    assert bits[-1] == fmt.mantissa_bits - 1
    assert set(range(max(0, fmt.mantissa_bits - TOP_BITS), fmt.mantissa_bits)) <= set(bits)
    assert bits[0] == 0


def swept(correct, golden, mantissa_bits=3, fmt="binary16", origin="converted"):
    """A sweep of the bits of a short mantissa with these hits."""
    correct, golden = np.array(correct, dtype=bool), np.array(golden, dtype=bool)
    bits = range(mantissa_bits - len(correct), mantissa_bits)
    table = pd.DataFrame({"bit": bits, "format": fmt, "origin": origin})
    return Swept(table, correct, golden, mantissa_bits, 5, 0)


def test_bits_may_be_altered_up_to_the_first_that_breaks_the_rule():
    golden = [1, 1, 1, 0]
    # Bit 1 loses a hit and gains one, bit 2 loses two.
    found = swept([[1, 1, 1, 0], [1, 1, 0, 1], [1, 0, 0, 0]], golden)
    assert droppable_bits(found, RULES[0], 1.0).tolist() == [2]
    assert droppable_bits(found, RULES[1], 1.0).tolist() == [1]
    assert droppable_bits(found, RULES[0], 50.0).tolist() == [3]
    # Without the image that was lost, bit 1 is harmless; a bit after one that breaks the rule does not count.
    weights = np.array([[1.0, 1, 0, 1], [0, 4, 0, 0]])
    assert droppable_bits(found, RULES[1], 1.0, weights).tolist() == [2, 2]
    assert droppable_bits(swept([[0, 0, 0, 0], [1, 1, 1, 1]], golden), RULES[1], 1.0).tolist() == [0]


def test_integers_are_within_half_a_step_and_move_by_what_is_altered(evaluator):
    parameters = evaluator.parameters
    before = doubles_of(parameters.golden, parameters.fmt)
    plain = doubles_of(int8_words(parameters, -1), parameters.fmt)
    for tensor in parameters.tensors:
        if tensor.role != "weights":
            assert np.array_equal(plain[tensor.span], before[tensor.span])
            continue
        rows = before[tensor.span].reshape(tensor.shape[0], -1)
        steps = np.abs(rows).max(axis=1, keepdims=True) / 127
        assert (np.abs(plain[tensor.span].reshape(rows.shape) - rows) <= steps * 0.501).all()
        for bit in (0, 3, 6):
            moved = doubles_of(int8_words(parameters, bit)[tensor.span], parameters.fmt).reshape(rows.shape)
            moved = np.abs(moved - plain[tensor.span].reshape(rows.shape)) / steps
            assert (moved > (1 << bit) - 0.01).all()
            assert (moved < (1 << bit + 1)).all()


def test_slope_and_intercept_tell_a_constant_from_a_share():
    mantissas = np.array([52.0, 23, 10, 7])
    slopes, intercepts = line(mantissas, np.stack([mantissas - 4, mantissas / 2]))
    np.testing.assert_allclose(slopes, [1, 0.5])
    np.testing.assert_allclose(intercepts, [-4, 0], atol=1e-12)


def test_growth_is_measured_with_bounds_over_images():
    images = 50
    sweeps = []
    for bits, name in ((10, "binary16"), (7, "bfloat16")):
        correct = np.ones((bits, images), dtype=bool)
        # Three bits are needed; the third only for one image.
        correct[bits - 3 :, 0] = correct[bits - 2 :, 1:9] = False
        sweeps.append(swept(correct, np.ones(images), bits, name))
    table = growth(sweeps, 1.2, seed=1).set_index("rule")
    assert table.loc["no hit lost", "slope"] == table.loc["tolerance", "slope"] == 1.0
    assert table.loc["no hit lost", "intercept"] == -3.0
    assert table.loc["no hit lost", "intercept_high"] == -2.0
    assert table.loc["no hit lost", "needed_spread_high"] == 0.0
    assert table.loc["no hit lost", "share_spread"] == pytest.approx(7 / 10 - 4 / 7)
    assert set(table["binary64"]) == {"none"}
    pd.testing.assert_frame_equal(growth(sweeps, 1.2, seed=1).set_index("rule"), table)
    assert bounds(np.arange(1001)) == (25.0, 975.0)


def test_the_shortest_layout_keeps_the_rule_and_no_shorter_one_does(evaluator):
    short = in_format(evaluator, "bfloat16")
    one = sweep_format(short, "converted", ALL)
    layouts = shortest_layouts(one, short, ALL, 1.2)
    for rule in RULES:
        window, mantissa, lost, gained = layouts[rule]
        hits = short.predict(quantised(short.parameters, window, mantissa), ALL) == short.images.labels
        assert (lost, gained) == ((one.golden & ~hits).sum(), (~one.golden & hits).sum())
        assert lost == 0 or rule == RULES[0]
    assert sum(layouts["tolerance"][:2]) <= sum(layouts["no hit lost"][:2])
    window, mantissa, *_ = layouts["no hit lost"]
    for narrower in range(1, min(window + mantissa, 6)):
        shorter = window + mantissa - 1 - narrower
        if 0 <= shorter <= 7:
            hits = short.predict(quantised(short.parameters, narrower, shorter), ALL) == short.images.labels
            assert (one.golden & ~hits).any()


def test_choices_name_the_strongest_codes_there_are(evaluator):
    short = in_format(evaluator, "float16")
    one = sweep_format(short, "converted", ALL)
    table = choices_of(one, short, one.golden, ALL, 1.2, seed=1)
    assert table["rule"].tolist() == list(RULES)
    for row in table.itertuples():
        assert row.droppable_low <= row.droppable <= row.droppable_high
        assert row.needed == 10 - row.droppable
        assert row.data_bits == 1 + row.window + row.rounded_to
        assert row.code_k >= row.data_bits
        assert row.code_d == best_code(16, row.code_k).d
        assert row.joined_k >= 4 * row.data_bits
        assert row.joined_n == 64
    integers = choices_of(sweep_int8(evaluator, ALL), evaluator, one.golden, ALL, 1.2, seed=1)
    assert set(integers["format"]) == {INT8}
    assert (integers[["window", "data_bits", "code_n"]] == [-1, 0, 0]).all(axis=None)
    assert strongest(16, 12) is None


def test_short_words_are_measured_under_the_same_maps(evaluator, tmp_path):
    settings = Settings(SCHEMES, (1e-2,), 2, 1)
    journal = Journal(tmp_path / "study.csv", {})
    table = run_short_words(evaluator, ["float16", "bfloat16"], ALL[:20], ALL[20:], settings, journal)
    assert len(table) == 2 * len(SCHEMES) * 3 == len(journal.entries)
    faulty = table[table["ber"] > 0]
    assert (faulty.groupby("seed")["map_hash"].nunique() == 1).all()
    chosen = table.loc[table["scheme"] != UNPROTECTED, "exponent_bits"]
    assert set(chosen) <= {2, 3, 4}
    own = table[table["scheme"] != UNPROTECTED].groupby("scheme")["expected_loss_pp"].mean()
    lost = table.loc[table["scheme"] == UNPROTECTED, "expected_loss_pp"].max()
    assert (own < lost / 2).all()
    again = run_short_words(evaluator, ["float16", "bfloat16"], ALL[:20], ALL[20:], settings, journal)
    pd.testing.assert_frame_equal(again, table)


def test_single_words_have_codes_of_their_own(evaluator):
    parameters = in_format(evaluator, "float16").parameters
    single, joined = (_scheme(name, 2, parameters) for name in (SINGLE, SCHEMES[-1]))
    assert isinstance(single, Coded)
    assert max(code.n for code, *_ in joined.coded_words) == 128


def choices(needed):
    """Of several formats, each with this number of needed bits."""
    rows = []
    for name, mantissa in (("binary64", 52), ("binary32", 23), ("binary16", 10)):
        for rule in RULES:
            bits = mantissa - needed(mantissa)
            rows.append((name, "converted", rule, mantissa, 0, bits, bits, bits, mantissa - bits))
    columns = ["format", "origin", "rule", "mantissa_bits", "invariant_bits", "droppable", "droppable_low"]
    table = pd.DataFrame(rows, columns=[*columns, "droppable_high", "needed"])
    layout = {"window": 2, "rounded_to": 3, "layout_drop_pp": 0.0, "layout_low_pp": -1.0, "layout_high_pp": 1.0}
    return table.assign(**layout, **{f"{name}_{size}": 16 for name in ("code", "joined") for size in "nkd"})


def growth_table(slope, intercept):
    values = {"slope": slope, "intercept": intercept, "needed_spread": 0.0, "share_spread": 0.2}
    row = {"rule": RULES[0], "formats": "binary64 binary32", "binary64": "converted"}
    for name, value in values.items():
        row |= {name: value, f"{name}_low": value, f"{name}_high": value}
    return pd.DataFrame([row, {**row, "rule": RULES[1]}])


def protection_table(drop, maps=299):
    rows = [
        (scheme, fmt, ber, trial, drop if scheme == SCHEMES[-1] else 0.0, 0, 0, 8)
        for scheme in (SINGLE, SCHEMES[-1])
        for fmt in ("binary16", "bfloat16")
        for ber in (0.0, 1e-2)
        for trial in range(maps if ber else 1)
    ]
    columns = ["scheme", "format", "ber", "trial", "drop_pp", "detected", "miscorrected", "extra_bytes"]
    return pd.DataFrame(rows, columns=columns)


def test_the_answer_follows_the_tables():
    constant = {"a": choices(lambda mantissa: 4)}
    told = report.answer(constant, {"a": growth_table(1.0, -4.0)}, {"a": protection_table(0.5)})
    assert told.startswith("No: it is not a share")
    assert "a 4 (4 to lose no image)" in told
    assert "shown for 0.01" in told
    share = {"a": choices(lambda mantissa: mantissa // 2)}
    told = report.answer(share, {"a": growth_table(0.5, 0.0)}, {"a": protection_table(0.5, 20)})
    assert not told.startswith("No")
    assert f"takes {trials_needed(0.01)}" in told
    assert report.needed_finding("a", share["a"]).count("mantissa in") == 3
    harmed = report.answer(constant, {"a": growth_table(1.0, -4.0)}, {"a": protection_table(3.0)})
    assert "a none" in harmed


def test_the_section_draws_and_tells_every_row(evaluator):
    short = in_format(evaluator, "float16")
    one = sweep_format(short, "converted", ALL)
    tables = {"small": choices_of(one, short, one.golden, ALL, 1.2, seed=1)}
    fits = {"small": growth([one, swept(np.ones((7, 80)), one.golden, 7, "bfloat16")], 1.2, 1)}
    trials = {"small": protection_table(0.5, 4)}
    section = report.section({"small": one.sweep}, tables, fits, trials, 1.2)
    slugs = [figure.slug for figure in section.panels]
    assert slugs == ["formats-kept-small", "formats-growth-small", "formats-protection-small"]
    for figure in section.panels:
        figure.chart.to_dict()
    assert len(section.tables[0].rows) == len(RULES)
    kept = report._kept(one.sweep)
    assert kept["kept"].tolist() == list(reversed(range(10)))
    assert report.trials({"small": one.sweep}, trials).startswith("10 sweeps of all words over 80 images; 16 trials")


def test_resampling_is_seeded():
    assert np.array_equal(format_growth.resampled(30, 2), format_growth.resampled(30, 2))
    assert (format_growth.resampled(30, 2).sum(axis=1) == 30).all()
