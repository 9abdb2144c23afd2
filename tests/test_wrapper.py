"""Models that keep stored words: what they compute and count, against decoding the whole network."""

import copy
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from protected_models import flat_words, flip, plain_twin, plan, protected, with_values
from torch import nn

import sparebits
from sparebits.config import load_config
from sparebits.faults.ber import count_flips
from sparebits.formats import FORMATS
from sparebits.networks import assemble
from sparebits.protection.default_plan import default_plan
from sparebits.protection.wrapper import Counts

ROOT = Path(__file__).parents[1]


@pytest.fixture
def small(small_network):
    torch.manual_seed(0)
    return with_values(small_network())


@pytest.fixture
def images():
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(2))


class Entangled(nn.Module):
    """Tied weights, a module under two names, and modules that read parameters of others, or their own as a list."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.lstm = nn.LSTM(8, 8, batch_first=True)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.embedding.weight
        self.alias = self.head

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        y, _ = self.lstm(self.embedding(tokens))
        y = y + self.attention(y, y, y)[0]
        return self.head(y) + self.alias(y)


@pytest.mark.parametrize(
    ("network", "span"),
    [("lenet5", "word"), ("resnet8", "channel"), ("resnet8", "fused"), ("shufflenet_v2_x0_5", "channel")],
)
def test_flips_that_the_codes_correct_leave_the_outputs_as_they_were(network, span, monkeypatch):
    monkeypatch.chdir(ROOT)
    model, _, _ = assemble(load_config("config.yaml")["networks"][network], ".")
    model = protected(model, plan(span))
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(4))
    with torch.inference_mode():
        outputs = model(pixels)
        assert model.protection.last.corrected_bits == 0
        mask = flip(model, 5e-3)
        assert torch.equal(model(pixels), outputs)
        assert (model.protection.last.corrected_bits, model.protection.last.detected_words) == (count_flips(mask), 0)
        plain, found = plain_twin(
            model, copy.deepcopy(assemble(load_config("config.yaml")["networks"][network], ".")[0])
        )
        assert found == model.protection.last
        assert torch.equal(plain(pixels), outputs)
        assert abs(model.protection.ber / 5e-3 - 1) < 0.1


@pytest.mark.parametrize("decoder", ["bounded distance", "maximum likelihood"])
@pytest.mark.parametrize("policy", ["keep", "zero", "median", "posterior mean"])
def test_words_beyond_repair_become_what_decoding_the_whole_network_makes_of_them(small, images, policy, decoder):
    plain = copy.deepcopy(small)
    model = protected(small, plan("channel", policy, decoder))
    # Maps one upon the other, so that no count of an earlier pass is right for a later one.
    for seed, ber in enumerate((0.0, 0.08, 0.02, 0.08)):
        flip(model, ber, seed)
        twin, found = plain_twin(model, plain)
        assert torch.equal(model(images), twin(images))
        assert model.protection.last == found
    assert found.detected_words > 20
    assert torch.get_num_threads() == 1


def test_every_format_that_the_processor_computes_in(small, images, fmt):
    if fmt.width == 8:
        pytest.skip("torch multiplies no float8 on the processor")
    dtype = getattr(torch, fmt.dtype)
    plain = copy.deepcopy(small.to(dtype))
    model = protected(small, default_plan(fmt))
    assert model(images.to(dtype)).dtype == dtype
    flip(model, 0.03)
    twin, found = plain_twin(model, plain)
    assert torch.equal(model(images.to(dtype)), twin(images.to(dtype)))
    assert found == model.protection.last
    assert found.corrected_bits > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tied_tensors_and_modules_that_read_the_parameters_of_others(dtype):
    torch.manual_seed(0)
    model = Entangled().eval().to(dtype)
    plain, keys = copy.deepcopy(model), list(model.state_dict())
    protected(model, default_plan(FORMATS[str(dtype).removeprefix("torch.")]))
    state = model.state_dict()
    assert list(state) == keys
    assert state["head.weight"].data_ptr() == state["alias.weight"].data_ptr() == state["embedding.weight"].data_ptr()
    tokens = torch.arange(15).view(3, 5)
    for seed, ber in enumerate((0.0, 0.05, 0.08)):
        flip(model, ber, seed)
        twin, _ = plain_twin(model, plain)
        with torch.inference_mode():
            assert torch.equal(model(tokens), twin(tokens))


def test_a_group_is_decoded_once_in_a_forward_pass(small, images):
    model = protected(small, plan())
    # Four words of each channel of the BatchNorm make up one.
    code_words = len(flat_words(model)) - 3 * model.norm.num_features
    for passes in (1, 2, 3):
        model(images)
        assert model.protection.passes == passes
        assert model.protection.last.words == code_words
        assert model.protection.total.words == passes * code_words


def test_decoded_values_serve_several_passes(small, images):
    plain = copy.deepcopy(small)
    model = protected(small, plan(), decode_every=3)
    outputs, totals = [], []
    for number in range(7):
        if number == 1:
            flip(model, 0.08)
        # Kept values made in inference mode serve passes that record gradients, too.
        with torch.inference_mode(number % 3 == 0):
            outputs.append(model(images.clone().requires_grad_()))
        totals.append(model.protection.total.words)
    words = totals[0]
    assert totals == [words, words, words, 2 * words, 2 * words, 2 * words, 3 * words]
    assert torch.equal(outputs[0], outputs[1])
    assert torch.equal(outputs[0], outputs[2])
    twin, found = plain_twin(model, plain)
    assert all(torch.equal(output, twin(images)) for output in outputs[3:])
    assert model.protection.total == Counts(words, 0, 0, 0) + found + found


def test_counts_by_group_and_anew(small, images):
    model = protected(small, plan())
    stored = model.conv.parametrizations.weight.original
    stored.view(torch.int32)[0, 0, 0, :2] ^= 0b1000000000000000000000000000101
    stored.view(torch.int32)[3, 2, 1, 1] ^= 0x7F
    model(images)
    counts = {group.tensors: group.last for group in model.protection.groups}
    assert counts.pop(("conv.weight",)) == Counts(4 * 27, 6, 2, 1)
    assert all(count.corrected_bits == count.detected_words == 0 for count in counts.values())
    group = next(group for group in model.protection.groups if group.tensors == ("conv.weight",))
    assert group.report.detected.tolist() == [3 * 27 + 2 * 9 + 1 * 3 + 1]
    model(images)
    assert group.total == group.last + group.last
    model.protection.reset_counts()
    assert (model.protection.last, model.protection.total, model.protection.ber) == (Counts(), Counts(), 0.0)


def test_access_outside_of_a_forward_pass_decodes_what_is_stored_now(small, images):
    plain = copy.deepcopy(small)
    model = protected(small, plan())
    weight, variance = model.conv.weight, model.norm.running_var
    flip(model, 0.02)
    assert torch.equal(model.conv.weight, weight)
    assert torch.equal(model.norm.running_var, variance)
    with pytest.raises(RuntimeError, match="channels"):
        model(torch.zeros(1, 5, 8, 8))
    # An error in a pass leaves no decoded values behind.
    flip(model, 0.02)
    stored = model.conv.parametrizations.weight.original.view(torch.int32)
    stored.bitwise_not_()
    assert not torch.equal(model.conv.weight, weight)
    stored.bitwise_not_()
    # Nor does it rely on a bit error rate that was estimated before.
    for seed, ber in enumerate((0.1, 0.08)):
        flip(model, ber, seed)
        twin, _ = plain_twin(model, plain)
        assert torch.equal(model.depthwise.weight, twin.depthwise.weight)


def test_gradients_reach_the_input_and_no_parameter(small, images):
    model = protected(small, plan())
    images.requires_grad_()
    model(images).sum().backward()
    assert images.grad.abs().sum() > 0
    assert all(not parameter.requires_grad and parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("decode_every", [1, 2])
def test_a_compiled_model_decodes_inside_one_graph(small, images, decode_every):
    """Traced whole, run without a C++ compiler; `sparebits::decode` is a node of the graph."""
    plain = copy.deepcopy(small)
    model = protected(small, plan(), decode_every)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    with torch.inference_mode():
        outputs = compiled(images)
        words = model.protection.last.words
        flip(model, 0.08)
        with torch.compiler.set_stance("fail_on_recompile"):
            again = [compiled(images) for _ in range(3)]
    twin, found = plain_twin(model, plain)
    assert model.protection.passes == 4
    assert found == model.protection.last
    assert model.protection.total.words == {1: 4, 2: 2}[decode_every] * words
    assert torch.equal(outputs, again[0]) == (decode_every == 2)
    with torch.inference_mode():
        assert all(torch.allclose(output, twin(images), atol=1e-6) for output in again[1:])


def test_importing_the_package_imports_nothing():
    code = (
        "import sys, sparebits; assert 'protect_module' in dir(sparebits)\n"
        "assert 'torch' not in sys.modules and not any(name.startswith('sparebits.') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    with pytest.raises(AttributeError, match="no attribute 'protect_modul'"):
        sparebits.protect_modul  # noqa: B018


def test_the_example_of_the_documentation_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    text = Path("docs/wrapper.md").read_text(encoding="utf-8")
    for example in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(example, "docs/wrapper.md", "exec"), {})
    assert "corrected_bits=" in capsys.readouterr().out
