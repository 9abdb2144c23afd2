"""float8_e5m2: a format of 8 bits, added as one entry of FORMATS, goes through what the others go through."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sparebits.census import count_exponents, count_ones
from sparebits.choices import find_depth
from sparebits.errors import InputError
from sparebits.faults.ber import ber_mask
from sparebits.formats import FORMATS
from sparebits.long_codes.modes import MODES
from sparebits.long_codes.scheme import fit_long_scheme
from sparebits.parameters import doubles_of, nearest_words, words_of
from sparebits.protection.checkpoint import read_checkpoint, read_protected, write_protected, write_restored
from sparebits.protection.default_plan import default_plan
from sparebits.protection.encoding import protect_words, recover_words
from sparebits.protection.fitting import fit_scheme
from sparebits.stages import lsb_variants, measure
from sparebits.studies.conversion import in_format

E5M2 = FORMATS["float8_e5m2"]
EVERY = np.arange(256, dtype=np.uint8)
FINITE = EVERY[E5M2.exponents(EVERY) < 31]


def test_every_finite_word_has_the_value_of_the_upper_byte_of_binary16():
    """OCP 8-bit Floating Point Specification 1.0, 5.1: E5M2 is binary16 without its lowest eight bits."""
    halves = (FINITE.astype(np.uint16) << 8).view(np.float16)
    assert np.array_equal(doubles_of(FINITE, E5M2), halves.astype(float))
    assert np.array_equal(nearest_words(doubles_of(FINITE, E5M2), E5M2), FINITE)


def test_values_are_rounded_to_the_nearest_word():
    values = np.linspace(-3, 3, 5001)
    found = doubles_of(nearest_words(values, E5M2), E5M2)
    every = np.unique(doubles_of(FINITE, E5M2))
    nearest = np.abs(values[:, None] - every).min(axis=1)
    assert np.array_equal(np.abs(found - values), nearest)


def test_census_counts_its_fields():
    assert count_ones(EVERY, E5M2).tolist() == [128] * 8
    assert count_exponents(EVERY, E5M2).tolist() == [8] * 32


def test_low_bits_of_a_network_are_swept(evaluator):
    short = in_format(evaluator, "float8_e5m2")
    golden = short.predict(short.parameters.golden, np.arange(80))
    found = measure(short, lsb_variants(short.parameters, range(8), seed=1), golden, np.arange(80))
    assert set(found.table["format"]) == {"float8_e5m2"}
    assert len(found.table) == 8 * (1 + 5 + 3)
    assert -1 <= find_depth(found.table, E5M2, 1.2) < 2


def test_faults_hit_words_of_8_bits(evaluator):
    parameters = in_format(evaluator, "float8_e5m2").parameters
    mask = ber_mask(1, 0, len(parameters.golden), 8, 0.05)
    assert mask.dtype == parameters.golden.dtype
    hit = np.flatnonzero(mask)
    before = parameters.model.linear.weight.clone()
    with parameters.flipped(hit, mask[hit]):
        assert not torch.equal(parameters.model.linear.weight, before)
    assert torch.equal(parameters.model.linear.weight, before)


def test_a_checkpoint_is_protected_and_restored(small_network, tmp_path):
    torch.manual_seed(4)
    state = {name: value.to(torch.float8_e5m2) for name, value in small_network().state_dict().items() if value.ndim}
    save_file(state, tmp_path / "plain.safetensors")
    checkpoint = read_checkpoint(tmp_path / "plain.safetensors")
    assert checkpoint.fmt == E5M2
    scheme = fit_scheme(default_plan(E5M2), checkpoint.tensors, checkpoint.words, E5M2)
    stored = protect_words(scheme, checkpoint.words, checkpoint.tensors)
    write_protected(tmp_path / "protected.safetensors", checkpoint.file, scheme, checkpoint.tensors, stored)
    again = read_protected(tmp_path / "protected.safetensors")
    clean = recover_words(again.scheme, again.words, again.tensors).words
    # [8,4,4]: every single flip of a word is corrected.
    hit = again.words ^ np.uint8(1) << np.random.default_rng(1).integers(0, 8, len(again.words)).astype(np.uint8)
    recovered = recover_words(again.scheme, hit, again.tensors)
    assert np.array_equal(recovered.words, clean)
    assert recovered.corrected_bits == len(hit)
    write_restored(tmp_path / "restored.safetensors", again, recovered.words)
    loaded = load_file(tmp_path / "restored.safetensors")
    for tensor in again.tensors:
        assert loaded[tensor.name].dtype == torch.float8_e5m2
        assert np.array_equal(words_of(loaded[tensor.name]), clean[tensor.span])
    values, kept = doubles_of(checkpoint.words, E5M2), doubles_of(clean, E5M2)
    assert np.abs(kept - values).max() <= np.abs(values).max() / 4


@pytest.mark.parametrize("mode", MODES)
def test_codes_over_many_words_say_that_they_are_not_for_it(evaluator, mode):
    parameters = in_format(evaluator, "float8_e5m2").parameters
    with pytest.raises(InputError, match="float8_e5m2 has 8"):
        fit_long_scheme(mode, parameters.tensors, parameters.golden, E5M2)
