"""Models that keep stored words: what they save, load and copy, and what they refuse."""

import copy

import numpy as np
import pytest
import torch
from protected_models import flat_words, flip, plain_twin, plan, protected, scheme_of, with_values
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn.utils import parametrize

import sparebits
from sparebits.errors import InputError
from sparebits.faults.ber import count_flips
from sparebits.parameters import parameter_tensors
from sparebits.protection.encoding import protect_words


@pytest.fixture
def small(small_network):
    torch.manual_seed(0)
    return with_values(small_network())


@pytest.fixture
def images():
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(2))


def test_state_dict_has_the_stored_words_under_the_original_keys(small, tmp_path):
    before, words, tensors = copy.deepcopy(small.state_dict()), flat_words(small), parameter_tensors(small)
    scheme = scheme_of(small, plan())
    model = sparebits.protect_module(small, scheme)
    state = model.state_dict()
    assert list(state) == list(before)
    assert {name: (value.dtype, value.shape) for name, value in state.items()} == {
        name: (value.dtype, value.shape) for name, value in before.items()
    }
    assert [(tensor.name, tensor.span) for tensor in parameter_tensors(model)] == [(t.name, t.span) for t in tensors]
    assert np.array_equal(flat_words(model), protect_words(scheme, words, tensors))
    assert torch.equal(state["norm.num_batches_tracked"], before["norm.num_batches_tracked"])
    assert list(model.norm.state_dict()) == [name.removeprefix("norm.") for name in before if name.startswith("norm.")]
    assert set(state._metadata) == set(before._metadata)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_saved_words_load_bit_by_bit(small, small_network, tmp_path, suffix):
    scheme, fresh = scheme_of(small, plan()), copy.deepcopy(small)
    model = sparebits.protect_module(small, scheme)
    # Half of all bits flipped: every bit pattern there is, NaN and infinities among them.
    flip(model, 0.5)
    assert sum(int(value.isnan().sum()) for value in model.state_dict().values()) > 0
    path = tmp_path / f"model.{suffix}"
    if suffix == "pt":
        torch.save(model.state_dict(), path)
        state = torch.load(path, weights_only=True)
    else:
        save_file(model.state_dict(), path)
        state = load_file(path)
    sparebits.protect_module(fresh, scheme)
    fresh.load_state_dict(state, strict=True)
    assert np.array_equal(fresh.protection.stored_words(), model.protection.stored_words())


def test_kept_values_end_with_a_load(small, images):
    plain = copy.deepcopy(small)
    model = protected(small, plan(), decode_every=100)
    golden, state = model(images), copy.deepcopy(model.state_dict())
    flip(model, 0.08)
    model.load_state_dict(model.state_dict())
    twin, _ = plain_twin(model, plain)
    assert torch.equal(model(images), twin(images))
    model.load_state_dict(state)
    assert torch.equal(model(images), golden)


def test_what_does_not_load_is_named_by_its_original_key(small):
    model = protected(small, plan())
    state, stored = model.state_dict(), model.protection.stored_words()
    without = {name: value for name, value in state.items() if name not in ("conv.weight", "scale")}
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "conv.weight", "scale"'):
        model.load_state_dict(without)
    with pytest.raises(
        RuntimeError, match=r"conv.weight holds stored words as bit patterns of torch.float32, got torch"
    ):
        model.load_state_dict({**state, "conv.weight": state["conv.weight"].double()})
    with pytest.raises(RuntimeError, match="Unexpected"):
        model.load_state_dict({**state, "conv.gain": state["conv.weight"]})
    assert np.array_equal(model.protection.stored_words(), stored)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda model: model.half(),
            r"conv.weight holds stored words .* of torch.float32: a conversion to torch.float16",
        ),
        (lambda model: model.bfloat16(), "torch.bfloat16 would destroy"),
        (lambda model: model.double(), "torch.float64 would destroy"),
        (lambda model: model.to(torch.float64), "torch.float64 would destroy"),
        (lambda model: model.to("cpu", torch.float16), "torch.float16 would destroy"),
        (lambda model: model.type(torch.float16), "torch.float16 would destroy"),
        (lambda model: model.norm.half(), "norm.weight holds stored words"),
        (lambda model: model.train(), "cannot be trained"),
        (lambda model: model.linear.train(), "linear.weight holds stored words, which cannot be trained"),
        (lambda model: sparebits.protect_module(model, model.protection.scheme), "protected already"),
        (lambda model: sparebits.protect_module(model.conv, model.protection.scheme), "parametrized already"),
        (lambda model: model.protection.flip(np.zeros(3, dtype=np.uint32)), r"uint32 of shape \(190,\)"),
        (lambda model: setattr(model.linear, "weight", torch.zeros(3)), r"linear.weight has the shape \(5, 4\)"),
    ],
)
def test_what_would_destroy_the_words_is_refused_and_changes_nothing(small, images, act, message):
    model = protected(small, plan())
    stored, outputs = model.protection.stored_words(), model(images)
    with pytest.raises(InputError, match=message):
        act(model)
    assert np.array_equal(model.protection.stored_words(), stored)
    assert torch.equal(model(images), outputs)
    assert not any(module.training for module in model.modules())


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.trace:FutureWarning")
def test_whole_models_are_neither_pickled_nor_traced(small, images, tmp_path):
    model = protected(small, plan())
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        torch.save(model, tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"would keep decoded values as constants; use torch\.compile"):
        torch.jit.trace(model, images)


def _parametrized(model):
    parametrize.register_parametrization(model.linear, "weight", nn.Identity())


@pytest.mark.parametrize(
    ("prepare", "decode_every", "message"),
    [
        (lambda model: model.train(), 1, "training mode.*call model.eval"),
        (lambda model: model.double(), 1, r"scale is float64, the scheme is of float32"),
        (_parametrized, 1, "linear is parametrized already"),
        (lambda model: setattr(model, "protection", 1), 1, "`protection` of its own"),
        (lambda model: setattr(model.norm, "eps", 1e-3), 1, "fused with eps = 1e-05, this model's is 0.001"),
        (lambda model: setattr(model, "gain", nn.Parameter(torch.ones(2))), 1, "gain is not in the scheme"),
        (lambda model: delattr(model, "linear"), 1, "linear.weight is not in the model"),
        (lambda model: None, 0, "decode_every is a number of forward passes"),
        (lambda model: None, 2.0, "decode_every is a number of forward passes"),
    ],
)
def test_models_and_schemes_that_do_not_go_together(small, prepare, decode_every, message):
    scheme = scheme_of(small, plan("fused"))
    prepare(small)
    before = copy.deepcopy(small.state_dict())
    with pytest.raises(InputError, match=message):
        sparebits.protect_module(small, scheme, decode_every)
    assert not isinstance(getattr(small, "protection", None), sparebits.protection.wrapper.ModuleProtection)
    assert all(torch.equal(value, before[name]) for name, value in small.state_dict().items())


def test_a_deep_copy_has_words_and_counts_of_its_own(small, images):
    model = protected(small, plan())
    outputs = model(images)
    twin = copy.deepcopy(model)
    mask = flip(twin, 0.02)
    assert torch.equal(twin(images), outputs)
    assert twin.protection.last.corrected_bits == count_flips(mask)
    assert (model.protection.passes, twin.protection.passes) == (1, 2)
    model(images)
    assert model.protection.last.corrected_bits == 0
    assert twin.protection.scheme is model.protection.scheme


@pytest.mark.parametrize("span", ["word", "channel", "fused"])
def test_assigned_values_are_encoded(small, images, span):
    model = protected(small, plan(span))
    before = [value.clone() for value in (model.norm.weight, model.norm.running_mean, model.norm.running_var)]
    model.conv.weight = model.conv.weight / 2
    model.norm.bias = torch.tensor([0.5, 0.25, -0.5, 0.0])
    assert model.norm.bias.tolist() == [0.5, 0.25, -0.5, 0.0]
    after = (model.norm.weight, model.norm.running_mean, model.norm.running_var)
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))
    outputs = model(images)
    mask = flip(model, 0.02)
    assert torch.equal(model(images), outputs)
    assert model.protection.last.corrected_bits == count_flips(mask)


def test_other_memory_formats_and_devices(small, images):
    model = protected(small, plan())
    outputs, stored = model(images), model.protection.stored_words()
    model.to("cpu").float().to(memory_format=torch.channels_last)
    assert model.conv.weight.is_contiguous(memory_format=torch.channels_last)
    assert np.array_equal(model.protection.stored_words(), stored)
    mask = flip(model, 0.02)
    assert torch.allclose(model(images), outputs, atol=1e-6)
    assert model.protection.last.corrected_bits == count_flips(mask)


def test_a_model_without_parameters(small):
    with pytest.raises(InputError, match="ReLU has no parameters to protect"):
        sparebits.protect_module(nn.ReLU().eval(), scheme_of(small, plan()))
