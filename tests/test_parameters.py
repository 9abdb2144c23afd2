"""Which entries of a state dict are parameters, and the flat buffer of all their words."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from sparebits.formats import FORMATS
from sparebits.parameters import FlatParameters, kinds_of, parameter_tensors, values_of, words_of


def test_kind_role_and_layer_type_of_each_tensor(small_network):
    found = {t.name: (t.kind, t.role, t.layer_type, t.shape) for t in parameter_tensors(small_network())}
    assert found == {
        "scale": ("other", "other", "SmallNetwork", ()),
        "conv.weight": ("weight", "weights", "Conv2d", (4, 3, 3, 3)),
        "norm.weight": ("weight", "batchnorm", "BatchNorm2d", (4,)),
        "norm.bias": ("bias", "batchnorm", "BatchNorm2d", (4,)),
        "norm.running_mean": ("running_mean", "batchnorm", "BatchNorm2d", (4,)),
        "norm.running_var": ("running_var", "batchnorm", "BatchNorm2d", (4,)),
        "depthwise.weight": ("weight", "weights", "DepthwiseConv2d", (4, 1, 3, 3)),
        "depthwise.bias": ("bias", "other", "DepthwiseConv2d", (4,)),
        "linear.weight": ("weight", "weights", "Linear", (5, 4)),
        "linear.bias": ("bias", "other", "Linear", (5,)),
    }


def test_spans_cover_the_buffer_without_gap_or_overlap(small_network):
    model = small_network()
    tensors = parameter_tensors(model)
    covered = [index for tensor in tensors for index in range(tensor.span.start, tensor.span.stop)]
    state = model.state_dict()
    assert covered == list(range(sum(state[tensor.name].numel() for tensor in tensors)))


def test_integer_counters_are_no_parameters(small_network):
    model = small_network()
    assert "norm.num_batches_tracked" in model.state_dict()
    assert "norm.num_batches_tracked" not in {tensor.name for tensor in parameter_tensors(model)}


def test_a_grouped_convolution_is_not_depthwise():
    model = nn.Sequential(nn.Conv2d(4, 4, 1, groups=2), nn.Conv2d(1, 4, 1), nn.Conv2d(3, 6, 1, groups=3))
    assert [t.layer_type for t in parameter_tensors(model) if t.kind == "weight"] == [
        "Conv2d",
        "Conv2d",
        "DepthwiseConv2d",
    ]


class Tied(nn.Module):
    """An embedding whose weight is also the weight of the linear layer, and a layer used under two names."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(6, 3)
        self.linear = nn.Linear(3, 6)
        self.linear.weight = self.embedding.weight
        self.twice = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        self.twice.append(self.twice[0])

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.linear(self.twice(self.embedding(tokens)))


def test_a_tied_tensor_counts_once_under_its_first_name():
    tensors = parameter_tensors(Tied())
    assert [tensor.name for tensor in tensors] == ["embedding.weight", "linear.bias", "twice.0.weight", "twice.0.bias"]
    assert sum(tensor.values for tensor in tensors) == 18 + 6 + 9 + 3


def test_altering_a_tied_tensor_alters_it_everywhere():
    model = Tied()
    parameters = FlatParameters(model, model.state_dict())
    words = parameters.golden.copy()
    words[: 6 * 3] = np.float32(0.25).view(np.uint32)
    parameters.load(words)
    assert (model.embedding.weight == 0.25).all()
    assert (model.linear.weight == 0.25).all()


def test_kinds_come_in_their_fixed_order(small_network):
    assert kinds_of(parameter_tensors(small_network())) == ["weight", "bias", "running_mean", "running_var", "other"]
    assert kinds_of(parameter_tensors(nn.Linear(2, 2))) == ["weight", "bias"]


def test_spans_of_a_kind_are_its_tensors(small_network):
    model = small_network()
    parameters = FlatParameters(model, model.state_dict())
    assert list(parameters.spans("all")) == [slice(0, len(parameters.golden))]
    for kind in kinds_of(parameters.tensors):
        names = [tensor.name for tensor in parameters.tensors if tensor.kind == kind]
        expected = np.concatenate([words_of(model.state_dict()[name]) for name in names])
        assert np.array_equal(np.concatenate([parameters.golden[span] for span in parameters.spans(kind)]), expected)


def test_words_and_values_are_inverse_for_every_pattern(fmt, words):
    values = values_of(words.copy(), fmt)
    assert str(values.dtype) == f"torch.{fmt.dtype}"
    assert words_of(values).dtype == fmt.word_dtype
    assert np.array_equal(words_of(values), words)


@pytest.mark.parametrize(("dtype", "numpy_dtype"), [("float64", "f8"), ("float32", "f4"), ("float16", "f2")])
def test_words_are_numpys_view_of_the_values(dtype, numpy_dtype):
    values = np.random.default_rng(1).standard_normal((3, 5)).astype(numpy_dtype)
    expected = np.frombuffer(values.tobytes(), dtype=FORMATS[dtype].word_dtype)
    assert np.array_equal(words_of(torch.from_numpy(values)), expected)


def test_words_are_a_copy_in_row_major_order():
    values = torch.arange(6.0).reshape(2, 3)
    words = words_of(values.t())
    assert words.view(np.float32).tolist() == [0, 3, 1, 4, 2, 5]
    words[:] = 0
    assert values.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert words_of(torch.tensor(2.0)).tolist() == [0x40000000]


def test_values_share_the_memory_of_their_words():
    words = np.zeros(3, dtype=np.uint32)
    values = values_of(words, FORMATS["float32"])
    words[1] = 0x3F800000
    assert values.tolist() == [0, 1, 0]


def stored_network(small_network, fmt):
    """A network in its compute dtype and its state as it is stored in the format."""
    torch.manual_seed(4)
    model = small_network()
    model.norm.running_mean.normal_()
    model.norm.running_var.uniform_(0.5, 2)
    if fmt.dtype == "float64":
        model = model.double()
    state = {
        name: value.to(getattr(torch, fmt.dtype)) if value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }
    return model, state


def images_for(parameters) -> torch.Tensor:
    return torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(2)).to(parameters.compute_dtype)


def test_words_are_stored_in_their_format_and_computed_in_theirs_or_float32(fmt, small_network):
    parameters = FlatParameters(*stored_network(small_network, fmt))
    assert parameters.fmt is fmt
    assert parameters.golden.dtype == fmt.word_dtype
    assert parameters.compute_dtype == (torch.float64 if fmt.dtype == "float64" else torch.float32)
    assert {p.dtype for p in parameters.model.parameters()} == {parameters.compute_dtype}


def test_a_loaded_variant_computes_as_if_each_parameter_were_set_by_hand(fmt, small_network):
    model, state = stored_network(small_network, fmt)
    by_hand = copy.deepcopy(model).eval()
    parameters = FlatParameters(model, state)
    altered = parameters.golden ^ fmt.word_dtype.type(1 << (fmt.mantissa_bits - 1))
    altered[:100:3] ^= fmt.word_dtype.type(1 << fmt.sign_bit)
    parameters.load(altered)
    position = 0
    for name, value in state.items():
        if not value.is_floating_point():
            continue
        words = altered[position : position + value.numel()]
        position += value.numel()
        values = torch.from_numpy(words.view(f"i{fmt.width // 8}")).view(value.dtype).view(value.shape)
        target = dict(by_hand.state_dict(keep_vars=True))[name]
        with torch.no_grad():
            target.copy_(values.to(parameters.compute_dtype))
    images = images_for(parameters)
    with torch.inference_mode():
        logits = model(images)
        assert logits.isfinite().all()
        assert torch.equal(logits, by_hand(images))


def test_loading_golden_restores_parameters_and_outputs_bit_for_bit(fmt, small_network):
    parameters = FlatParameters(*stored_network(small_network, fmt))
    images = images_for(parameters)
    state = {name: value.clone() for name, value in parameters.model.state_dict().items()}
    with torch.inference_mode():
        before = parameters.model(images)
        parameters.load(np.full_like(parameters.golden, fmt.exponent_mask | 1))
        assert parameters.model(images).isnan().all()
        parameters.load(parameters.golden)
        after = parameters.model(images)
    assert torch.equal(before, after)
    for name, value in parameters.model.state_dict().items():
        assert value.numpy().tobytes() == state[name].numpy().tobytes(), name


def test_nan_payloads_and_subnormals_reach_the_model(fmt, random_network):
    if fmt.width < 32:
        return  # these compute in float32, which has other words
    state = random_network.model.state_dict()
    reached = np.concatenate([words_of(state[tensor.name]) for tensor in random_network.tensors])
    assert np.array_equal(reached, random_network.golden)


def test_golden_cannot_be_written(small_network):
    model = small_network()
    parameters = FlatParameters(model, model.state_dict())
    with pytest.raises(ValueError, match="read-only"):
        parameters.golden[0] = 0


def test_loading_copies_so_that_later_changes_of_the_words_do_not_matter(small_network):
    model = small_network()
    parameters = FlatParameters(model, model.state_dict())
    words = parameters.golden.copy()
    parameters.load(words)
    words[:] = 0
    assert torch.equal(model.scale, torch.ones(()))


def test_channels_last_weights_keep_their_row_major_words(small_network):
    model = small_network()
    expected = FlatParameters(copy.deepcopy(model), model.state_dict()).golden
    model = model.to(memory_format=torch.channels_last)
    assert np.array_equal(FlatParameters(model, model.state_dict()).golden, expected)
