"""Schemes, plans, and what they make of a network's words: what is stored, corrected, replaced and repaired."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from sparebits.choices import Choice
from sparebits.codes.catalogue import named_code
from sparebits.errors import InputError
from sparebits.formats import FORMATS
from sparebits.layouts.minifloat import Minifloat
from sparebits.parameters import ParameterTensor, doubles_of, nearest_words, parameter_tensors, values_of
from sparebits.protection.code_words import joined, parted
from sparebits.protection.default_plan import default_plan
from sparebits.protection.encoding import protect_words, quantise_group, recover_words, repair_words
from sparebits.protection.fitting import fit_scheme, split_data_bits
from sparebits.protection.plan import Plan, RolePlan, plan_from_dict
from sparebits.protection.scheme import Group, Scheme, scheme_from_dict
from sparebits.protection.thesis import thesis_scheme

BINARY32 = FORMATS["float32"]
WORD = RolePlan(4, "extended-bch(32,11)", "median")


@pytest.fixture
def network(fmt, small_network):
    """Tensors and words of a small network with the values of a trained one, in a format."""
    return tensors_and_words(small_network(), fmt)


def tensors_and_words(model: nn.Module, fmt) -> tuple[list[ParameterTensor], np.ndarray]:
    random = np.random.default_rng(3)
    tensors = parameter_tensors(model)
    values = random.normal(scale=0.2, size=tensors[-1].span.stop)
    for tensor in tensors:
        if tensor.kind == "running_var":
            values[tensor.span] = random.uniform(0.1, 3, tensor.values)
    return tensors, nearest_words(values, fmt)


@pytest.fixture
def binary32(small_network):
    """Tensors and words of the small network in binary32."""
    return tensors_and_words(small_network(), BINARY32)


def scheme_of(plan: Plan, tensors, words, eps=None) -> Scheme:
    return fit_scheme(plan, tensors, words, BINARY32, eps)


def same_for_all(role_plan: RolePlan) -> Plan:
    return Plan({"weights": role_plan, "batchnorm": role_plan, "other": role_plan})


def with_channels(code: str = "extended-bch(128,43)", policy: str = "median") -> Plan:
    return Plan({"weights": WORD, "other": WORD, "batchnorm": RolePlan(4, code, policy, span="channel")})


def flip(words: np.ndarray, index: int, bits) -> None:
    for bit in bits:
        words[index] ^= words.dtype.type(1 << int(bit))


def quantised(scheme: Scheme, words: np.ndarray, tensors) -> np.ndarray:
    """The words as the layouts keep them, without any code."""
    spans = {tensor.name: tensor.span for tensor in tensors}
    kept = np.empty_like(words)
    for group in scheme.groups:
        for name, part in zip(
            group.tensors, quantise_group(group, [words[spans[n]] for n in group.tensors]), strict=True
        ):
            kept[spans[name]] = part
    return kept


def test_without_faults_words_come_back_as_the_layouts_keep_them(fmt, network):
    tensors, words = network
    scheme = fit_scheme(default_plan(fmt), tensors, words, fmt)
    stored = protect_words(scheme, words, tensors)
    recovered = recover_words(scheme, stored, tensors)
    assert stored.dtype == words.dtype
    assert stored.shape == words.shape
    assert (recovered.corrected_bits, recovered.corrected_words, recovered.detected_words) == (0, 0, 0)
    assert np.array_equal(recovered.words, quantised(scheme, words, tensors))
    # A second protection changes nothing more.
    assert np.array_equal(protect_words(scheme, recovered.words, tensors), stored)


def test_values_lose_at_most_half_a_step_of_their_mantissa(fmt, network):
    tensors, words = network
    scheme = fit_scheme(default_plan(fmt), tensors, words, fmt)
    kept = recover_words(scheme, protect_words(scheme, words, tensors), tensors).words
    for tensor in tensors:
        group = scheme.group_of[tensor.name]
        layout = group.layouts[group.tensors.index(tensor.name)]
        before, after = doubles_of(words[tensor.span], fmt), doubles_of(kept[tensor.span], fmt)
        normal = fmt.exponents(words[tensor.span]) > layout.base
        assert normal.any()
        relative = np.abs(after - before)[normal] / np.abs(before)[normal]
        assert relative.max() <= 2.0 ** -(layout.mantissa_bits + 1)
        assert np.abs(after).max() >= np.abs(before).max() * (1 - 2.0**-layout.mantissa_bits)


def test_up_to_t_flips_in_every_code_word_are_corrected_and_counted(fmt, network):
    tensors, words = network
    scheme = fit_scheme(default_plan(fmt), tensors, words, fmt)
    stored = protect_words(scheme, words, tensors)
    random = np.random.default_rng(5)
    spans = {tensor.name: tensor.span for tensor in tensors}
    hit, injected = stored.copy(), {}
    for group in scheme.groups:
        width = fmt.width * len(group.tensors)
        count = spans[group.tensors[0]].stop - spans[group.tensors[0]].start
        injected[group.tensors] = [int(random.integers(0, group.code.t + 1)) for _ in range(count)]
        for index, flips in enumerate(injected[group.tensors]):
            for position in random.choice(width, size=flips, replace=False):
                member, bit = divmod(int(position), fmt.width)
                flip(hit, spans[group.tensors[member]].start + index, [bit])
    recovered = recover_words(scheme, hit, tensors)
    assert np.array_equal(recovered.words, recover_words(scheme, stored, tensors).words)
    assert recovered.detected_words == 0
    for report in recovered.groups:
        flips = injected[report.group.tensors]
        assert (report.words, report.corrected_bits) == (len(flips), sum(flips))
        assert report.corrected_words == np.count_nonzero(flips)
    repaired, reports = repair_words(scheme, hit, tensors)
    assert np.array_equal(repaired, stored)
    assert [report.corrected_bits for report in reports] == [sum(injected[r.group.tensors]) for r in reports]


def test_a_channel_survives_15_flips_in_one_of_its_words(binary32):
    tensors, words = binary32
    scheme = scheme_of(with_channels(), tensors, words)
    stored = protect_words(scheme, words, tensors)
    mean = next(tensor for tensor in tensors if tensor.kind == "running_mean")
    hit = stored.copy()
    flip(hit, mean.start + 2, range(4, 19))
    recovered = recover_words(scheme, hit, tensors)
    assert np.array_equal(recovered.words, recover_words(scheme, stored, tensors).words)
    assert recovered.corrected_words == 1
    # The sixteenth is noticed, and the channel alone becomes the medians.
    flip(hit, mean.start + 2, [30])
    recovered = recover_words(scheme, hit, tensors)
    assert recovered.detected_words == 1
    changed = np.flatnonzero(recovered.words != recover_words(scheme, stored, tensors).words)
    batchnorm = {tensor.start + 2 for tensor in tensors if tensor.role == "batchnorm"}
    assert set(changed) <= batchnorm


@pytest.mark.parametrize("policy", ["keep", "zero", "median", "posterior mean"])
def test_what_becomes_of_a_word_beyond_repair(binary32, policy):
    tensors, words = binary32
    scheme = scheme_of(same_for_all(RolePlan(4, "extended-bch(32,11)", policy)), tensors, words)
    stored = protect_words(scheme, words, tensors)
    clean = recover_words(scheme, stored, tensors).words
    tensor = next(tensor for tensor in tensors if tensor.name == "conv.weight")
    hit = stored.copy()
    data_bits = [bit for bit in named_code("extended-bch(32,11)").data_positions if bit != 10][:6]
    for index in range(len(hit)):
        flip(
            hit, index, data_bits if index == tensor.start + 7 else [index % 32]
        )  # distance 12: six are always noticed
    recovered = recover_words(scheme, hit, tensors)
    report = next(report for report in recovered.groups if report.group.tensors == ("conv.weight",))
    assert report.detected.tolist() == [7]
    assert recovered.detected_words == 1
    others = np.arange(len(words)) != tensor.start + 7
    assert np.array_equal(recovered.words[others], clean[others])
    values = np.sort(doubles_of(clean[tensor.span], BINARY32))
    found = doubles_of(recovered.words[tensor.start + 7 :][:1], BINARY32)[0]
    if policy == "keep":
        layout = report.group.layouts[0]
        as_is = report.group.code.data_of(hit[tensor.start + 7 :][:1])
        assert found == doubles_of(layout.restore(as_is), BINARY32)[0]
    elif policy == "zero":
        assert found == 0
    elif policy == "median":
        assert found == values[(len(values) - 1) // 2]
    else:
        assert values[0] < found < values[-1]
        assert found not in values


def test_maximum_likelihood_restores_words_that_bounded_distance_gives_up(binary32):
    tensors, words = binary32
    by_decoder = {}
    for decoder in ("bounded distance", "maximum likelihood"):
        plan = same_for_all(RolePlan(3, "reed-muller(32,6)", "zero", decoder=decoder))
        scheme = scheme_of(plan, tensors, words)
        stored = protect_words(scheme, words, tensors)
        hit = stored.copy()
        random = np.random.default_rng(11)
        for index in range(len(hit)):
            flip(hit, index, random.choice(32, size=8, replace=False))  # d = 16: half of the distance
        by_decoder[decoder] = recover_words(scheme, hit, tensors)
    assert by_decoder["bounded distance"].detected_words == len(words)
    assert by_decoder["maximum likelihood"].detected_words < len(words)
    assert by_decoder["maximum likelihood"].corrected_words > 0


def test_the_estimated_bit_error_rate_is_that_of_the_flips(binary32):
    words = np.resize(binary32[1], 40_000)
    big = [ParameterTensor("w.weight", "weight", "weights", "Linear", (200, 200), 0)]
    scheme = scheme_of(Plan({"weights": WORD}), big, words)
    flips = np.random.default_rng(2).random((len(words), 32)) < 0.03
    masks = (flips * (1 << np.arange(32, dtype=np.uint64))).sum(axis=1).astype(np.uint32)
    estimate = recover_words(scheme, protect_words(scheme, words, big) ^ masks, big).ber
    assert estimate == pytest.approx(flips.mean(), rel=0.01)


@pytest.mark.parametrize(
    ("k", "signed", "expected"),
    [
        (43, (True, True, True, False), (11, 11, 11, 10)),
        (29, (True, True), (14, 15)),
        (22, (True, True), (11, 11)),
        (36, (True, True, True, False), (9, 9, 9, 9)),
        (45, (True, True, True, True), (11, 11, 11, 12)),
    ],
)
def test_data_bits_are_split_evenly_and_those_without_sign_give_up_first(k, signed, expected):
    assert split_data_bits(k, signed) == expected


def test_a_variance_has_no_sign_and_the_mantissa_of_the_others(binary32):
    tensors, words = binary32
    group = scheme_of(with_channels(), tensors, words).group_of["norm.running_var"]
    assert group.tensors == ("norm.weight", "norm.bias", "norm.running_mean", "norm.running_var")
    assert [layout.title for layout in group.layouts] == ["1-4-6", "1-4-6", "1-4-6", "0-4-6"]


class OddNorms(nn.Module):
    """BatchNorms that lack some of the four tensors, or have them in several shapes."""

    def __init__(self):
        super().__init__()
        self.plain = nn.BatchNorm2d(4, affine=False)
        self.uneven = nn.BatchNorm2d(4)
        self.uneven.register_buffer("running_var", torch.ones(1))
        self.whole = nn.BatchNorm2d(4)


def test_a_batchnorm_without_its_four_tensors_gets_a_code_for_each_word():
    tensors, words = tensors_and_words(OddNorms(), BINARY32)
    scheme = scheme_of(with_channels(), tensors, words)
    spans = {name: group.span for name, group in scheme.group_of.items()}
    assert spans == {tensor.name: "channel" if "whole" in tensor.name else "word" for tensor in tensors}
    stored = protect_words(scheme, words, tensors)
    assert np.array_equal(recover_words(scheme, stored, tensors).words, quantised(scheme, words, tensors))


def test_fused_groups_compute_what_the_batchnorm_did(binary32, small_network):
    tensors, words = binary32
    plan = Plan(
        {"weights": WORD, "other": WORD, "batchnorm": RolePlan(4, "extended-bch(128,29)", "median", span="fused")}
    )
    scheme = scheme_of(plan, tensors, words, {"norm": 1e-3})
    assert [layout.data_bits for layout in scheme.group_of["norm.bias"].layouts] == [14, 15]
    stored = protect_words(scheme, words, tensors)
    hit = stored.copy()
    for tensor in tensors:
        if tensor.role == "batchnorm":
            flip(hit, tensor.start, [1, 9, 17, 25, 31])  # 20 of 128 bits, t = 21
    recovered = recover_words(scheme, hit, tensors)
    assert recovered.corrected_bits == 20
    outputs = []
    for source in (words, recovered.words):
        model = nn.BatchNorm2d(4, eps=1e-3).double().eval()
        for tensor in tensors:
            if tensor.role == "batchnorm":
                value = values_of(source[tensor.span], BINARY32).double()
                model.state_dict()[tensor.kind].copy_(value)
        outputs.append(model(torch.linspace(-3, 3, 40, dtype=torch.float64).reshape(1, 4, 2, 5)).detach())
    assert torch.allclose(*outputs, rtol=2**-8, atol=2**-8)
    by_name = {tensor.name: recovered.words[tensor.span] for tensor in tensors}
    assert not by_name["norm.running_mean"].any()
    assert doubles_of(by_name["norm.running_var"], BINARY32) == pytest.approx(1 - 1e-3)


def test_fusing_needs_eps(binary32):
    tensors, words = binary32
    plan = Plan(
        {"weights": WORD, "other": WORD, "batchnorm": RolePlan(4, "extended-bch(128,29)", "median", span="fused")}
    )
    with pytest.raises(InputError, match="norm: scale and shift cannot be fused, as the eps"):
        scheme_of(plan, tensors, words)


@pytest.mark.parametrize("rule", ["thesis", "derived"])
def test_the_thesis_scheme_corrects_one_flip_a_word(binary32, rule):
    tensors, words = binary32
    scheme = thesis_scheme(Choice(floor=0x70, depth=12), rule, "keep", tensors, words, BINARY32)
    stored = protect_words(scheme, words, tensors)
    clean = recover_words(scheme, stored, tensors).words
    hit = stored.copy()
    for tensor in tensors:
        n = scheme.group_of[tensor.name].code.n
        for index in range(tensor.start, tensor.span.stop):
            flip(hit, index, [index % n])
    recovered = recover_words(scheme, hit, tensors)
    assert np.array_equal(recovered.words, clean)
    assert recovered.corrected_bits == len(words)


def test_flips_in_bits_that_a_code_leaves_without_use_are_repaired_too(binary32):
    tensors, words = binary32
    scheme = scheme_of(same_for_all(RolePlan(4, "hamming(15,11)", "keep")), tensors, words)
    stored = protect_words(scheme, words, tensors)
    assert stored.max() < 1 << 15
    hit = stored.copy()
    flip(hit, 3, [20, 31])
    flip(hit, 5, [2, 30])
    assert np.array_equal(recover_words(scheme, hit, tensors).words, recover_words(scheme, stored, tensors).words)
    repaired, reports = repair_words(scheme, hit, tensors)
    assert np.array_equal(repaired, stored)
    assert sum(report.corrected_bits for report in reports) == 4
    assert sum(report.corrected_words for report in reports) == 2


def test_repair_leaves_words_beyond_repair_as_they_are(binary32):
    tensors, words = binary32
    scheme = scheme_of(with_channels(), tensors, words)
    stored = protect_words(scheme, words, tensors)
    hit = stored.copy()
    conv = next(tensor for tensor in tensors if tensor.name == "conv.weight")
    bias = next(tensor for tensor in tensors if tensor.name == "norm.bias")
    flip(hit, conv.start + 4, range(6))
    flip(hit, bias.start + 1, range(16))
    beyond = [conv.start + 4, bias.start + 1]
    expected = stored.copy()
    expected[beyond] = hit[beyond]
    flip(hit, conv.start + 9, [31])
    flip(hit, bias.start + 3, [0, 31])
    repaired, reports = repair_words(scheme, hit, tensors)
    assert np.array_equal(repaired, expected)
    found = {report.group.tensors[0]: report.detected.tolist() for report in reports if len(report.detected)}
    assert found == {"conv.weight": [4], "norm.weight": [1]}
    again, reports = repair_words(scheme, repaired, tensors)
    assert np.array_equal(again, expected)
    assert sum(report.corrected_bits for report in reports) == 0


@pytest.mark.parametrize("code", ["extended-bch(128,43)", "extended-bch(64,24)", "hsiao(72,64)", "extended-bch(32,16)"])
def test_joined_words_are_parted_again(code):
    code = named_code(code)
    layouts = [Minifloat(BINARY32, 3, bits - 4, 100) for bits in split_data_bits(code.k, (True,) * 4)]
    group = Group(("a", "b", "c", "d"), tuple(layouts), code, "bounded distance", "keep", (0, 0, 0, 0))
    parts = list(np.random.default_rng(1).integers(0, 1 << 32, size=(4, 9), dtype=np.uint32))
    words = joined(group, parts)
    assert words.shape == ((9, 2) if code.n > 64 else (9,))
    back = parted(group, words)
    for member, (part, original) in enumerate(zip(back, parts, strict=True)):
        # What shares a limb with the code is kept.
        assert part.dtype == np.uint32
        kept = 128 if code.n > 64 else code.n
        used = min(max(kept - 32 * member, 0), 32)
        assert np.array_equal(part, original & np.uint32((1 << used) - 1))


def test_a_code_shorter_than_the_four_words_protects_them(binary32):
    tensors, words = binary32
    scheme = scheme_of(with_channels("extended-bch(64,36)"), tensors, words)
    stored = protect_words(scheme, words, tensors)
    hit = stored.copy()
    weight = next(tensor for tensor in tensors if tensor.name == "norm.weight")
    flip(hit, weight.start, [0, 8, 16, 24, 31])
    assert np.array_equal(recover_words(scheme, hit, tensors).words, quantised(scheme, words, tensors))
    assert np.array_equal(repair_words(scheme, hit, tensors)[0], stored)


def test_schemes_and_plans_survive_json(fmt, network):
    tensors, words = network
    plan = default_plan(fmt)
    assert plan_from_dict(json.loads(json.dumps(plan.as_dict()))) == plan
    scheme = fit_scheme(plan, tensors, words, fmt)
    again = scheme_from_dict(json.loads(json.dumps(scheme.as_dict())))
    assert again == scheme
    choice = Choice(floor=next(iter(fmt.forced_bits_of_floor)), depth=max(fmt.mantissa_bits - 4, 1))
    thesis = thesis_scheme(choice, "derived", "zero", tensors, words, fmt)
    assert scheme_from_dict(json.loads(json.dumps(thesis.as_dict()))) == thesis


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: plan.pop("window"),
        lambda plan: plan["roles"]["weights"].pop("code"),
        lambda plan: plan["roles"]["weights"].update(colour="red"),
        lambda plan: plan["roles"]["weights"].update(exponent_bits="4"),
        lambda plan: plan["roles"]["weights"].update(policy="hope"),
        lambda plan: plan["roles"]["weights"].update(span=None),
        lambda plan: plan.update(roles=["weights"]),
        lambda entry: entry.update(window="row"),
    ],
)
def test_a_plan_that_is_none_is_told(change):
    entry = default_plan(BINARY32).as_dict()
    change(entry)
    with pytest.raises(InputError):
        plan_from_dict(entry)


def test_a_plan_for_another_network_is_told(binary32):
    with pytest.raises(InputError, match="scale: the plan has nothing for the role other, only for weights"):
        scheme_of(Plan({"weights": WORD}), *binary32)


@pytest.mark.parametrize("word", [0x7FC00000, 0xFF800000, 0x7F800001])
def test_values_that_are_not_finite_are_told(binary32, word):
    tensors, words = binary32
    words[tensors[4].start + 1] = word
    with pytest.raises(InputError, match=f"{tensors[4].name}: 1 of {tensors[4].values} values are NaN or infinite"):
        scheme_of(same_for_all(WORD), tensors, words)


CODE = named_code("extended-bch(32,11)")
LAYOUT = Minifloat(BINARY32, 4, 6, 100)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layouts": (Minifloat(BINARY32, 4, 7, 100),)}, "12 data bits"),
        ({"code": named_code("extended-bch(64,16)"), "layouts": (Minifloat(BINARY32, 5, 10, 100),)}, "does not fit"),
        ({"decoder": "guess"}, "'guess'"),
        ({"policy": "hope"}, "'hope'"),
        ({"tensors": ("a", "b")}, "2 tensors and 1 layouts"),
        ({"tensors": ("a", "b", "c", "d")}, "4 tensors and 1 layouts"),
        ({"eps": 1e-5}, "1 tensors and 1 layouts"),
        ({"medians": ()}, "medians"),
        ({"medians": (2048,)}, "medians"),
        ({"medians": (-1,)}, "medians"),
    ],
)
def test_an_impossible_group_is_told(changes, message):
    fields = {
        "tensors": ("a",),
        "layouts": (LAYOUT,),
        "code": CODE,
        "decoder": "bounded distance",
        "policy": "median",
        "medians": (2047,),
    }
    Group(**fields)
    with pytest.raises(InputError, match=message):
        Group(**fields | changes)


def test_posterior_means_are_for_single_words(binary32):
    with pytest.raises(InputError, match="posterior mean is computed for codes over single words, of at most"):
        scheme_of(with_channels(policy="posterior mean"), *binary32)


def test_a_tensor_is_protected_once():
    group = Group(("a",), (LAYOUT,), CODE, "bounded distance", "median", (0,))
    with pytest.raises(InputError, match="protects a twice"):
        Scheme(BINARY32, (group, group))


def test_words_of_zero_values_are_protected(small_network):
    tensors = parameter_tensors(small_network())
    words = np.zeros(tensors[-1].span.stop, dtype=np.uint32)
    scheme = scheme_of(with_channels(), tensors, words)
    assert not recover_words(scheme, protect_words(scheme, words, tensors), tensors).words.any()


def test_the_model_that_was_protected_is_not_needed_to_recover(binary32, small_network):
    """Tensors may lie in any order; groups go by name."""
    tensors, words = binary32
    scheme = scheme_of(with_channels(), tensors, words)
    clean = recover_words(scheme, protect_words(scheme, words, tensors), tensors).words
    start, moved, parts = 0, [], []
    for tensor in reversed(tensors):
        moved.append(ParameterTensor(tensor.name, tensor.kind, tensor.role, "unknown", tensor.shape, start))
        parts.append(words[tensor.span])
        start += tensor.values
    other = recover_words(scheme, protect_words(scheme, np.concatenate(parts), moved), moved).words
    by_name = {tensor.name: other[tensor.span] for tensor in moved}
    assert all(np.array_equal(by_name[tensor.name], clean[tensor.span]) for tensor in tensors)


def test_a_thesis_choice_that_frees_too_few_bits_is_told(binary32):
    with pytest.raises(InputError, match="scale: the choice leaves 28 data bits, which take 6 check bits"):
        thesis_scheme(Choice(floor=0x60, depth=0), "thesis", "keep", *binary32, BINARY32)
