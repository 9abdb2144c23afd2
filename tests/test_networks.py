"""Weights: every way in which a file can come, and every way in which it can be wrong."""

import pickle
import socket
import urllib.error

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import models

from sparebits.construction import build_architecture, resolve_arguments
from sparebits.errors import InputError
from sparebits.networks import assemble, load_network, save_network
from sparebits.parameters import words_of
from sparebits.weights import read_weights

LENET = "sparebits.architectures:LeNet5"


def entry(weights, architecture: str = LENET, arguments: dict | None = None, dtype: str = "float32") -> dict:
    """An entry of the config, defaults filled in."""
    if arguments is None:
        arguments = {"channels": 1, "classes": 4} if architecture == LENET else {}
    return {"architecture": architecture, "arguments": arguments, "weights": str(weights), "dtype": dtype}


@pytest.fixture
def lenet():
    """The state dict of a LeNet5 with random weights."""
    torch.manual_seed(6)
    return build_architecture(LENET, {"channels": 1, "classes": 4}, ".").state_dict()


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    """Torch's cache is empty, and nothing can be downloaded."""

    def refuse(*arguments, **keywords):
        raise urllib.error.URLError(socket.gaierror(-3, "Temporary failure in name resolution"))

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch_home"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)


def prepared_bytes(weights, folder) -> bytes:
    """The file of the prepared network."""
    _, stored, header = assemble(entry(weights), ".")
    save_network(stored, header, folder / "prepared.safetensors")
    return (folder / "prepared.safetensors").read_bytes()


def test_the_same_weights_from_any_kind_of_file_give_the_same_bytes(lenet, tmp_path):
    save_file(lenet, tmp_path / "plain.safetensors")
    torch.save(lenet, tmp_path / "plain.pth")
    torch.save(lenet, tmp_path / "legacy.pt", _use_new_zipfile_serialization=False)
    wrapped = {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in lenet.items()}, "best": 0.9}
    torch.save(wrapped, tmp_path / "wrapped.pth")
    torch.save({f"module.{name}": value for name, value in lenet.items()}, tmp_path / "parallel.pth")
    torch.save({"state_dict": lenet}, tmp_path / "checkpoint.pt")
    files = sorted(file for file in tmp_path.iterdir() if file.is_file())
    assert len(files) == 6
    assert len({prepared_bytes(file, tmp_path) for file in files}) == 1


def test_a_submodule_called_module_keeps_its_name(tmp_path):
    state = {"module.weight": torch.ones(2), "head.weight": torch.ones(2)}
    torch.save(state, tmp_path / "w.pth")
    assert set(read_weights(str(tmp_path / "w.pth"), LENET)) == set(state)


def test_what_is_saved_is_loaded_again(lenet, tmp_path):
    save_file(lenet, tmp_path / "w.safetensors")
    model, stored, header = assemble(entry(tmp_path / "w.safetensors"), ".")
    save_network(stored, header, tmp_path / "prepared.safetensors")
    parameters = load_network(tmp_path / "prepared.safetensors")
    images = torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert torch.equal(parameters.model(images), model(images))
    for tensor in parameters.tensors:
        assert parameters.golden[tensor.span].tolist() == words_of(lenet[tensor.name]).tolist()


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16"])
def test_weights_are_stored_in_the_dtype_asked_for(lenet, tmp_path, dtype):
    save_file(lenet, tmp_path / "w.safetensors")
    _, stored, header = assemble(entry(tmp_path / "w.safetensors", dtype=dtype), ".")
    save_network(stored, header, tmp_path / "prepared.safetensors")
    parameters = load_network(tmp_path / "prepared.safetensors")
    assert parameters.fmt.dtype == dtype
    for tensor in parameters.tensors:
        expected = words_of(lenet[tensor.name].to(getattr(torch, dtype)))
        assert parameters.golden[tensor.span].tolist() == expected.tolist()


def test_a_batchnorm_network_survives_the_round_trip(tmp_path):
    arguments = {"depth": 8, "width": 4, "classes": 3}
    model = build_architecture("sparebits.architectures:CifarResNet", arguments, ".")
    model.bn1.running_mean.normal_()
    torch.save(model.state_dict(), tmp_path / "w.pth")
    network = entry(tmp_path / "w.pth", "sparebits.architectures:CifarResNet", arguments)
    _, stored, header = assemble(network, ".")
    save_network(stored, header, tmp_path / "prepared.safetensors")
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        assert torch.equal(load_network(tmp_path / "prepared.safetensors").model(images), model(images))


class Payload:
    """A pickle of this runs code when it is opened."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return (open, (self.target, "w"))


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, writer):
    target = tmp_path / "was_here"
    if writer == "torch":
        torch.save({"weight": Payload(target)}, tmp_path / "evil.pth")
    else:
        (tmp_path / "evil.pth").write_bytes(pickle.dumps({"weight": Payload(target)}, protocol=2))
    with pytest.raises(InputError, match=r"evil\.pth holds more than weights or is damaged"):
        read_weights(str(tmp_path / "evil.pth"), LENET)
    assert not target.exists()


def test_a_whole_pickled_model_is_refused(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "model.pth")
    with pytest.raises(InputError, match=r"model\.pth holds more than weights"):
        read_weights(str(tmp_path / "model.pth"), LENET)


@pytest.mark.parametrize("suffix", ["safetensors", "pth", "pt"])
@pytest.mark.parametrize("kept", [0, 3, 18, 100, 0.5, 0.999])
def test_a_truncated_file_is_named(lenet, tmp_path, suffix, kept):
    file = tmp_path / f"cut.{suffix}"
    if suffix == "safetensors":
        save_file(lenet, file)
    else:
        torch.save(lenet, file, _use_new_zipfile_serialization=suffix == "pth")
    content = file.read_bytes()
    file.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with pytest.raises(InputError, match=f"cut.{suffix}"):
        read_weights(str(file), LENET)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=f"{tmp_path}/gone.pth: the weights file does not exist"):
        read_weights(f"{tmp_path}/gone.pth", LENET)


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.ones(2)], {}, torch.ones(2), {"model": {"w": torch.ones(1)}}])
def test_a_file_without_a_state_dict_is_named(tmp_path, content):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(InputError, match=r"other\.pth holds no state dict"):
        read_weights(str(tmp_path / "other.pth"), LENET)


def test_missing_unknown_and_misfitting_tensors_are_listed_with_their_shapes(lenet, tmp_path):
    lenet["extra.weight"] = torch.ones(2, 7)
    del lenet["classifier.0.bias"]
    lenet["classifier.4.weight"] = torch.ones(10, 84)
    save_file(lenet, tmp_path / "w.safetensors")
    with pytest.raises(InputError) as raised:
        assemble(entry(tmp_path / "w.safetensors"), ".")
    lines = str(raised.value).splitlines()
    assert f"{tmp_path}/w.safetensors do not fit {LENET}" in lines[0]
    assert sorted(line.strip() for line in lines[1:]) == [
        "classifier.0.bias (120,) is missing",
        "classifier.4.weight is (10, 84), expected (4, 84)",
        "extra.weight (2, 7) is unknown to the architecture",
    ]


def test_weights_of_another_architecture_do_not_flood_the_terminal(lenet, tmp_path):
    save_file(lenet, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"and [0-9]+ more") as raised:
        assemble(entry(tmp_path / "w.safetensors", "torchvision:resnet18"), ".")
    assert len(str(raised.value).splitlines()) < 25


def test_training_counters_may_be_missing(tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    state = {name: value for name, value in model.state_dict().items() if "num_batches" not in name}
    (tmp_path / "without_counters.py").write_text(
        "from torch import nn\ndef build():\n    return nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))\n"
    )
    save_file(state, tmp_path / "w.safetensors")
    assembled, stored, _ = assemble(entry(tmp_path / "w.safetensors", "without_counters:build", {}), str(tmp_path))
    assert set(stored) == set(state)
    assert not assembled.training


def test_a_tied_tensor_is_stored_once(tmp_path):
    (tmp_path / "tied.py").write_text(
        "from torch import nn\n"
        "class Tied(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.first = nn.Linear(3, 3)\n"
        "        self.second = nn.Linear(3, 3)\n"
        "        self.second.weight = self.first.weight\n"
        "    def forward(self, x):\n"
        "        return self.second(self.first(x))\n"
    )
    model = build_architecture("tied:Tied", {}, str(tmp_path))
    torch.save(model.state_dict(), tmp_path / "w.pth")
    _, stored, header = assemble(entry(tmp_path / "w.pth", "tied:Tied", {}), str(tmp_path))
    assert set(stored) == {"first.weight", "first.bias", "second.bias"}
    save_network(stored, header, tmp_path / "prepared.safetensors")
    inputs = torch.randn(2, 3)
    with torch.inference_mode():
        assert torch.equal(load_network(tmp_path / "prepared.safetensors").model(inputs), model(inputs))


def test_nan_is_named_with_its_tensor(lenet, tmp_path):
    lenet["features.3.bias"][[2, 5]] = torch.nan
    save_file(lenet, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"w\.safetensors: 2 of 16 values of features\.3\.bias are NaN"):
        assemble(entry(tmp_path / "w.safetensors"), ".")


def test_values_too_large_for_float16_are_named_with_their_tensor(lenet, tmp_path):
    lenet["features.3.bias"][:3] = torch.tensor([65504.0, 65520.0, -1e6])
    save_file(lenet, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"2 values of features\.3\.bias are too large for float16"):
        assemble(entry(tmp_path / "w.safetensors", dtype="float16"), ".")
    _, stored, _ = assemble(entry(tmp_path / "w.safetensors", dtype="bfloat16"), ".")
    assert stored["features.3.bias"].isfinite().all()


# --- what torchvision published ---------------------------------------------------------------------------------------


def test_a_file_that_torchvision_published_gets_the_arguments_of_its_training(tmp_path):
    for name, aux in (("googlenet", False), ("inception_v3", True)):
        enum = models.get_model_weights(name).DEFAULT
        network = entry(tmp_path / enum.url.rsplit("/", 1)[1], f"torchvision:{name}")
        arguments = resolve_arguments(network)
        assert arguments["transform_input"] is True
        assert arguments["aux_logits"] is aux
        assert arguments["num_classes"] == 1000


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_renamed_file_must_say_how_it_was_trained(tmp_path, name, suffix):
    network = entry(tmp_path / f"mine.{suffix}", f"torchvision:{name}")
    with pytest.raises(InputError, match="aux_logits and transform_input") as raised:
        resolve_arguments(network)
    assert f"mine.{suffix}" in str(raised.value)
    network["arguments"] = {"transform_input": False, "aux_logits": False}
    assert resolve_arguments(network) == {"transform_input": False, "aux_logits": False}


def test_the_configs_own_arguments_override_the_published_ones(tmp_path):
    enum = models.GoogLeNet_Weights.IMAGENET1K_V1
    network = entry(tmp_path / enum.url.rsplit("/", 1)[1], "torchvision:googlenet", {"transform_input": False})
    assert resolve_arguments(network)["transform_input"] is False


def test_googlenet_from_its_published_file_drops_the_auxiliary_heads_and_rescales_its_input(tmp_path):
    torch.manual_seed(8)
    trained = models.googlenet(aux_logits=True, transform_input=True, init_weights=False).eval()
    file = tmp_path / models.GoogLeNet_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[1]
    torch.save(trained.state_dict(), file)
    model, stored, header = assemble(entry(file, "torchvision:googlenet"), ".")
    assert sum(value.numel() for value in stored.values() if value.is_floating_point()) == 6_639_464
    assert not any(name.startswith("aux") for name in stored)
    assert header["arguments"]["transform_input"] is True
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(model(images), trained(images))


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("resnet50", "ResNet50_Weights.IMAGENET1K_V1"),
        ("resnet50", "ResNet50_Weights.IMAGENET1K_V2"),
        ("shufflenet_v2_x2_0", "ShuffleNet_V2_X2_0_Weights.DEFAULT"),
    ],
)
def test_a_failed_download_names_where_to_put_the_file(tmp_path, name, weights):
    file = models.get_weight(weights).url.rsplit("/", 1)[1]
    with pytest.raises(InputError, match="cannot be downloaded") as raised:
        read_weights(weights, f"torchvision:{name}")
    assert str(tmp_path / "torch_home" / "hub" / "checkpoints" / file) in str(raised.value)
    assert "name resolution" in str(raised.value)


def test_an_enum_is_read_from_torchs_cache(tmp_path, monkeypatch):
    enum = models.ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1
    file = tmp_path / "torch_home" / "hub" / "checkpoints" / enum.url.rsplit("/", 1)[1]
    file.parent.mkdir(parents=True)
    state = models.shufflenet_v2_x0_5().state_dict()
    torch.save(state, file)
    network = entry("ShuffleNet_V2_X0_5_Weights.IMAGENET1K_V1", "torchvision:shufflenet_v2_x0_5")
    _, stored, _ = assemble(network, ".")
    assert all(torch.equal(stored[name], value) for name, value in state.items())


@pytest.mark.parametrize("weights", ["ResNet50_Weights.IMAGENET1K_V9", "ResNet5O_Weights.DEFAULT", "Weights.X"])
def test_an_unknown_enum_is_refused(weights):
    with pytest.raises(InputError, match=f"weights {weights} .*ResNet50_Weights.IMAGENET1K_V2"):
        read_weights(weights, "torchvision:resnet50")


def test_an_unknown_torchvision_architecture_is_refused_before_its_weights_are_read(tmp_path, lenet):
    save_file(lenet, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"torchvision:resnet5O is unknown; did you mean .*resnet50"):
        assemble(entry(tmp_path / "w.safetensors", "torchvision:resnet5O"), ".")


def test_densenet_takes_its_published_file_with_the_old_names_of_its_layers(tmp_path):
    # torchvision renames norm.1 to norm1 and so on when it loads the published file.
    state = models.densenet121().state_dict()
    old = {}
    for name, value in state.items():
        if "denselayer" in name:
            for part in ("norm", "relu", "conv"):
                name = name.replace(f".{part}1.", f".{part}.1.").replace(f".{part}2.", f".{part}.2.")
        old[name] = value
    assert set(old) != set(state)
    file = tmp_path / models.DenseNet121_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[1]
    torch.save(old, file)
    _, stored, _ = assemble(entry(file, "torchvision:densenet121"), ".")
    assert all(torch.equal(stored[name], value) for name, value in state.items())


def test_mnasnet_needs_the_version_that_its_state_dict_carries(tmp_path):
    # torchvision's MNASNet refuses a state dict without the version in its metadata.
    model = models.mnasnet0_5().eval()
    file = tmp_path / models.MNASNet0_5_Weights.IMAGENET1K_V1.url.rsplit("/", 1)[1]
    torch.save(model.state_dict(), file)
    _, stored, header = assemble(entry(file, "torchvision:mnasnet0_5"), ".")
    save_network(stored, header, tmp_path / "prepared.safetensors")
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert torch.equal(load_network(tmp_path / "prepared.safetensors").model(images), model(images))
