"""What schemes with layouts of ours or the thesis' are by definition, and what attackers can do to each of them."""

from itertools import combinations

import numpy as np
import pytest
import torch
from protected_models import plan
from stored_schemes import CHOICE, NEAREST, SCHEMES, changed, code_words_of, hit, places_of, trained

from sparebits.bit_classes import forced_positions, free_bits
from sparebits.census import exponent_group
from sparebits.choices import Choice
from sparebits.codes.catalogue import named_code
from sparebits.errors import InputError
from sparebits.faults.ber import PARAMETERS
from sparebits.formats import FORMATS
from sparebits.parameters import FlatParameters, kinds_of
from sparebits.schemes.bfloat16_code import bfloat16_with_code
from sparebits.schemes.force_only import ForceOnly
from sparebits.schemes.in_place_tmr import in_place_tmr
from sparebits.schemes.int8_copies import int8_three_times
from sparebits.schemes.minifloats import repeated, repetition, truncate_only, with_secded
from sparebits.schemes.thesis import thesis_hamming, thesis_if_it_fits, thesis_secded
from sparebits.schemes.unprotected import Unprotected

BINARY32 = FORMATS["float32"]


@pytest.fixture
def parameters(small_network):
    return trained(small_network())


def every_word(bits, count):
    """The same bits of each of `count` words."""
    return [(PARAMETERS, index, bit) for index in range(count) for bit in bits]


def tensor_named(parameters, name):
    return next(tensor for tensor in parameters.tensors if tensor.name == name)


def test_unprotected_words_are_read_as_they_are(parameters):
    stored = Unprotected(parameters)
    assert np.array_equal(stored.clean, parameters.golden)
    for bit in range(32):
        reading = stored.read(hit(stored, [(PARAMETERS, 5, bit)]))
        assert changed(reading, stored).tolist() == [5]
        assert reading.words[5] == stored.clean[5] ^ np.uint32(1 << bit)


def test_bits_that_a_layout_does_not_keep_are_not_read(parameters):
    stored = truncate_only("truncate-only", plan("word"), parameters)
    count = len(stored.clean)
    lengths = np.array([stored.group_at(index).code.k for index in range(count)])
    assert set(lengths) == {11}
    np.testing.assert_array_equal(stored.read(hit(stored, every_word(range(11, 32), count))).words, stored.clean)
    for bit in range(11):
        reading = stored.read(hit(stored, every_word([bit], count)))
        np.testing.assert_array_equal(changed(reading, stored), np.arange(count))


def test_of_a_truncated_fused_batchnorm_one_word_of_four_is_read(parameters):
    stored = truncate_only("truncate-only", plan("fused"), parameters)
    for tensor in (tensor for tensor in parameters.tensors if tensor.role == "batchnorm"):
        for bit in range(32):
            reading = stored.read(hit(stored, [(PARAMETERS, tensor.start, bit)]))
            owners = set(parameters.tensors_at(changed(reading, stored)))
            if tensor.kind != "weight" or bit >= 29:
                assert owners == set()
            else:
                assert owners == {"norm.weight" if bit < 14 else "norm.bias"}


@pytest.mark.parametrize("choice", [CHOICE, Choice(0, 20), Choice(0x70, 5), Choice(0x60, 22), Choice(0, -1)])
def test_in_place_tmr_keeps_at_most_a_third_of_a_word(parameters, choice):
    stored = in_place_tmr("in-place TMR", choice, parameters)
    for group in stored.scheme.groups:
        assert (group.code.n, group.decoder) == (3 * group.code.k, "majority")
        assert group.code.k <= 10


def test_in_place_tmr_of_a_large_choice_is_the_layout_itself(parameters):
    choice = Choice(0x60, 19)
    stored = in_place_tmr("in-place TMR", choice, parameters)
    layouts = ForceOnly("force-only", choice, parameters).clean & np.uint32(0xFFF00000) | np.uint32(1 << 19)
    np.testing.assert_array_equal(stored.clean, layouts)


def test_in_place_tmr_drops_the_lowest_bits(parameters):
    fine, coarse = (in_place_tmr("x", Choice(0x60, depth), parameters).clean for depth in (5, 18))
    kept = np.uint32(0xFFF80000)
    np.testing.assert_array_equal(fine & kept, coarse & kept)


def test_in_place_tmr_needs_room_for_sign_and_exponent(small_network):
    model = small_network().half().float()
    parameters = FlatParameters(model, {name: value.half() for name, value in model.state_dict().items()})
    with pytest.raises(InputError):
        in_place_tmr("in-place TMR", Choice(0, 5), parameters)


def test_two_of_three_copies_decide(parameters):
    stored = in_place_tmr("in-place TMR", CHOICE, parameters)
    number = 60
    k = stored.group_at(number).code.k
    assert k == 10
    for bit in range(k):
        copies = [(PARAMETERS, number, bit + copy * k) for copy in range(3)]
        for two in combinations(copies, 2):
            assert changed(stored.read(hit(stored, two)), stored).tolist() == [number]
    one_of_each = [(PARAMETERS, number, bit + bit % 3 * k) for bit in range(k)]
    reading = stored.read(hit(stored, [*one_of_each, (PARAMETERS, number, 30), (PARAMETERS, number, 31)]))
    assert len(changed(reading, stored)) == 0
    assert reading.corrected_bits == k


def test_copies_are_odd_and_as_many_as_fit():
    for n, fewest_bits in ((16, 2), (32, 2), (64, 3), (128, 5)):
        for k in range(fewest_bits, min(n, 64) + 1):
            code = named_code(repetition(k, n))
            copies = code.n // k
            assert code.n == copies * k <= n
            assert copies % 2 == 1
            assert (copies + 2) * k > n
    assert repetition(6, 32) == "repetition(30,6)"
    assert repetition(29, 128) == "repetition(87,29)"
    assert repetition(11, 32) == "uncoded(11,11)"


def test_copies_of_a_fused_batchnorm_vote(parameters):
    stored = repeated("repetition", NEAREST, parameters)
    norm = tensor_named(parameters, "norm.weight")
    places = places_of(stored, int(stored.code_word_of[norm.start]))
    assert len(places) == 110
    for bit in (0, 10, 11, 21):
        copies = places[bit::22]
        assert len(changed(stored.read(hit(stored, copies[1:3])), stored)) == 0
        wrong = parameters.tensors_at(changed(stored.read(hit(stored, copies[2:])), stored))
        assert list(wrong) == ["norm.weight" if bit < 11 else "norm.bias"]


@pytest.mark.parametrize("build", [thesis_secded, lambda *args: with_secded(args[0], plan("word"), args[2], "keep")])
def test_secded_detects_any_two_flips(parameters, build):
    stored = build("x", CHOICE, parameters)
    shortest = min(group.code.n for group in stored.scheme.groups)
    for pair in combinations(range(shortest), 2):
        reading = stored.read(hit(stored, every_word(pair, len(stored.clean))))
        assert reading.detected.tolist() == list(code_words_of(stored))
        assert stored.count_miscorrected(reading) == 0


def test_the_thesis_code_miscorrects_two_flips_somewhere(parameters):
    stored = thesis_hamming("thesis", CHOICE, parameters)
    reading = stored.read(hit(stored, every_word((0, 1), len(stored.clean))))
    assert stored.count_miscorrected(reading) > len(stored.clean) // 2


def test_the_thesis_is_left_out_where_its_code_does_not_fit(parameters):
    assert thesis_if_it_fits(CHOICE, parameters).name == "thesis"
    assert thesis_if_it_fits(Choice(0, 1), parameters) is None
    with pytest.raises(InputError, match="do not fit"):
        thesis_secded("x", Choice(0, 1), parameters)


def test_bfloat16_is_torchs_rounding(parameters):
    stored = bfloat16_with_code("bfloat16 + code", parameters)
    for tensor in parameters.tensors:
        values, kept = (
            torch.from_numpy(words[tensor.span].copy().view(np.float32)) for words in (parameters.golden, stored.clean)
        )
        rounded = values.bfloat16().float()
        if (values < 0).any():
            assert torch.equal(kept, rounded)
        else:
            # An eighth bit of the mantissa in the place of the sign.
            assert ((kept - values).abs() <= (rounded - values).abs()).all()
            assert ((kept - values).abs() <= values * 2**-9).all()


def test_weights_of_8_bits_are_multiples_of_a_power_of_two(parameters):
    stored = int8_three_times("int8 three times", parameters)
    for tensor in parameters.tensors:
        values, kept = (
            words[tensor.span].view(np.float32).astype(float) for words in (parameters.golden, stored.clean)
        )
        if tensor.role == "weights":
            step = 2.0 ** np.ceil(np.log2(np.abs(values).max() / 127.5))
            multiples = kept / step
            np.testing.assert_array_equal(multiples, np.round(multiples))
            assert np.abs(multiples).max() <= 127
            assert np.abs(kept - values).max() <= step / 2
            assert len(np.unique(kept)) <= 255
        else:
            assert np.array_equal(kept, bfloat16_with_code("b", parameters).clean[tensor.span].view(np.float32))


def test_equal_memory_rivals_are_for_binary32(small_network):
    model = small_network()
    half = FlatParameters(model, {name: value.bfloat16() for name, value in model.state_dict().items()})
    for build in (bfloat16_with_code, int8_three_times):
        with pytest.raises(InputError, match="binary32, not for bfloat16"):
            build("x", half)


@pytest.mark.parametrize("floor", [0, 0x60, 0x7C])
def test_only_flips_of_invariant_and_forced_bits_are_undone(parameters, floor):
    stored = ForceOnly("force-only", Choice(floor, 14), parameters)
    exponents = BINARY32.exponents(parameters.golden)
    free = free_bits(int(exponents.max()), BINARY32)
    invariant = {}
    for kind in kinds_of(parameters.tensors):
        # Bits that rounding changes are none.
        words = [source[span] for source in (parameters.golden, stored.clean) for span in parameters.spans(kind)]
        words = np.concatenate(words)
        invariant[kind] = int(~(np.bitwise_or.reduce(words) ^ np.bitwise_and.reduce(words)))
    for tensor in parameters.tensors:
        own = exponents[tensor.span]
        group = exponent_group(int(own.min()), int(own.max()), BINARY32)
        forced = forced_positions(group, "derived", BINARY32.forced_bits_of_floor.get(floor, 0), free, BINARY32)
        count = tensor.values
        k = stored.scheme.group_of[tensor.name].code.k
        kept = [bit for bit in range(32) if bit not in forced]
        assert len(kept) == k
        for place, bit in enumerate(kept):
            flips = [(PARAMETERS, index, place) for index in range(tensor.start, tensor.span.stop)]
            wrong = changed(stored.read(hit(stored, flips)), stored)
            assert len(wrong) == (0 if invariant[tensor.kind] >> bit & 1 else count)
        spare = [(PARAMETERS, tensor.start, place) for place in range(k, 32)]
        assert len(changed(stored.read(hit(stored, spare)), stored)) == 0


def test_a_sign_that_a_kind_does_not_have_is_restored(parameters):
    stored = ForceOnly("force-only", CHOICE, parameters)
    for name, count in (("norm.running_var", 0), ("conv.weight", 1)):
        tensor = tensor_named(parameters, name)
        sign = stored.scheme.group_of[name].code.k - 1
        assert len(changed(stored.read(hit(stored, [(PARAMETERS, tensor.start, sign)])), stored)) == count


FEWEST = {
    "word": 7,
    "channel": (7, 17),
    "fused": (7, 23),
    "nearest": (9, 25),
    "thesis": 2,
    "thesis SEC-DED": 3,
    "in-place TMR": 2,
    "repetition": 3,
    "SEC-DED": 3,
    "bfloat16 + code": 5,
    "int8 three times": (4, 5),
    "truncate-only": 1,
    "force-only": 1,
    "unprotected": 1,
}
"""Flips, of words and of channels: d - t, half of the copies and one, or one."""


@pytest.mark.parametrize("scheme", SCHEMES)
def test_forgeries_are_read_as_they_say_and_nobody_is_told(parameters, scheme):
    stored = SCHEMES[scheme](parameters)
    random = np.random.default_rng(8)
    numbers = stored.code_word_of
    weights, norm = (tensor_named(parameters, name) for name in ("conv.weight", "norm.weight"))
    for_words, for_channels = np.broadcast_to(FEWEST[scheme], 2)
    for index, fewest in ((weights.start + 17, for_words), (norm.start + 2, for_channels)):
        forgeries = stored.forgeries(index)
        assert min(len(forgery.flips) for forgery in forgeries) == fewest
        assert len({forgery.word for forgery in forgeries} | {int(stored.clean[index])}) == len(forgeries) + 1
        cheapest = sorted(forgeries, key=lambda forgery: len(forgery.flips))[:20]
        for forgery in cheapest + [forgeries[at] for at in random.choice(len(forgeries), 20)]:
            assert len(set(forgery.flips)) == len(forgery.flips)
            reading = stored.read(hit(stored, forgery.flips))
            assert int(reading.words[index]) == forgery.word
            assert changed(reading, stored).tolist() == [index]
            assert len(reading.detected) == 0
            if numbers is not None:
                assert stored.count_miscorrected(reading) == 1


def test_constants_of_fused_batchnorms_cannot_be_forged(parameters):
    stored = SCHEMES["fused"](parameters)
    for name in ("norm.running_mean", "norm.running_var"):
        assert stored.forgeries(tensor_named(parameters, name).start) == []


@pytest.mark.parametrize("scheme", ["word", "nearest", "thesis SEC-DED", "in-place TMR", "bfloat16 + code"])
def test_every_bit_that_is_read_can_be_forged(parameters, scheme):
    stored = SCHEMES[scheme](parameters)
    index = tensor_named(parameters, "linear.weight").start + 3
    reached = 0
    for forgery in stored.forgeries(index):
        reached |= forgery.word ^ int(stored.clean[index])
    for data_word in range(stored.group_at(index).code.k):
        # The flip of a data bit, unprotected, changes bits that are among those reached.
        layout = stored.group_at(index).layouts[0]
        own = layout.quantise(stored.clean[index : index + 1])
        assert int(layout.restore(own ^ own.dtype.type(1 << data_word))[0] ^ stored.clean[index]) & ~reached == 0
