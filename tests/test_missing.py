"""What a config names and is not there: all of it told, each in a sentence with a remedy, in a moment."""

import socket
import time

import pytest
import torchvision

from sparebits import downloads
from sparebits.config import resolve_config
from sparebits.downloads import unreachable
from sparebits.missing import missing_inputs

TRANSFORM = {"mean": [0.5], "std": [0.5]}


@pytest.fixture(autouse=True)
def no_network(monkeypatch, tmp_path):
    """Names cannot be resolved, which takes a while to find out; torch's cache is empty."""
    asked = []

    def refuse(address, timeout):
        asked.append(address[0])
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    for proxy in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(proxy, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(socket, "create_connection", refuse)
    downloads._refusal.cache_clear()
    yield asked
    downloads._refusal.cache_clear()


def network(weights: str, architecture: str = "sparebits.architectures:LeNet5", dataset: str = "images") -> dict:
    return {"architecture": architecture, "weights": weights, "dataset": dataset}


def missing(datasets: dict, networks: dict | None = None) -> list[str]:
    """Sentences about a config of these data sets, all of which are needed, and networks."""
    datasets = {name: {"transform": TRANSFORM, **entry} for name, entry in datasets.items()}
    networks = networks or {"net": network("net.pth", dataset=next(iter(datasets)))}
    config = resolve_config({"output": "out", "datasets": datasets, "networks": networks})
    return missing_inputs(config, networks, datasets)


def images_missing(kind: str, **keys) -> str:
    """What is said of one data set, beside its network's weights."""
    return "\n".join(line for line in missing({"images": {"kind": kind, **keys}}) if "networks." not in line)


@pytest.mark.parametrize("suffix", ["pth", "pt", "safetensors"])
def test_every_missing_weights_file_is_named(tmp_path, suffix):
    (tmp_path / f"there.{suffix}").touch()
    networks = {name: network(f"{tmp_path}/{name}.{suffix}") for name in ("gone", "there", "lost")}
    found = missing({"images": {"kind": "digits"}}, networks)
    assert found == [
        f"networks.{name}.weights: there is no file {tmp_path}/{name}.{suffix}" for name in ("gone", "lost")
    ]


@pytest.mark.parametrize("kind", ["image_folder", "imagenet"])
def test_missing_and_empty_folders_and_label_files_are_named(tmp_path, kind):
    assert f"datasets.images.path: there is no folder {tmp_path}/gone; put" in images_missing(
        kind, path=str(tmp_path / "gone")
    )
    (tmp_path / "empty").mkdir()
    assert f"the folder {tmp_path}/empty is empty" in images_missing(kind, path=str(tmp_path / "empty"))
    (tmp_path / "empty" / "1.png").touch()
    assert images_missing(kind, path=str(tmp_path / "empty")) == ""
    both = images_missing(kind, path=str(tmp_path / "gone"), labels=str(tmp_path / "gone.csv"))
    assert "datasets.images.path: there is no folder" in both
    assert f"datasets.images.labels: there is no file {tmp_path}/gone.csv; put" in both


def test_what_is_not_needed_may_be_missing(tmp_path):
    datasets = {"images": {"kind": "imagenet", "path": str(tmp_path / "gone"), "transform": TRANSFORM}}
    config = resolve_config({"output": "out", "datasets": datasets, "networks": {"net": network("gone.pth")}})
    assert missing_inputs(config, [], []) == []
    assert len(missing_inputs(config, ["net"], [])) == len(missing_inputs(config, [], ["images"])) == 1


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [
        ("imagenette", "unpack imagenette2.tgz into {path}, so that there is a folder {path}/imagenette2/val"),
        ("cifar10", "unpack cifar-10-python.tar.gz into {path}"),
        ("fashion_mnist", "put the files that torchvision expects into {path}/FashionMNIST/raw"),
    ],
)
def test_downloads_that_cannot_be_reached_say_where_their_files_belong(tmp_path, kind, remedy):
    found = images_missing(kind, path=str(tmp_path))
    assert f"is not in {tmp_path} and cannot be downloaded" in found
    assert "Temporary failure in name resolution" in found
    assert found.endswith(remedy.format(path=tmp_path))


def test_an_unpacked_imagenette_needs_no_network(tmp_path):
    (tmp_path / "imagenette2" / "val").mkdir(parents=True)
    assert images_missing("imagenette", path=str(tmp_path)) == ""


def test_published_weights_say_which_file_belongs_where_and_their_server_is_asked_once(tmp_path, no_network):
    names = ["mobilenet_v2", "resnet50", "shufflenet_v2_x2_0"]
    enums = {name: torchvision.models.get_model_weights(name).DEFAULT for name in names}
    networks = {name: network(str(enum), f"torchvision:{name}") for name, enum in enums.items()}
    found = missing({"images": {"kind": "digits"}}, networks)
    checkpoints = tmp_path / "torch" / "hub" / "checkpoints"
    for (name, enum), sentence in zip(enums.items(), found, strict=True):
        assert sentence.startswith(f"networks.{name}.weights: {enum} cannot be downloaded (download.pytorch.org")
        assert str(checkpoints / enum.url.rpartition("/")[2]) in sentence
    assert no_network == ["download.pytorch.org"]
    checkpoints.mkdir(parents=True)
    for enum in enums.values():
        (checkpoints / enum.url.rpartition("/")[2]).touch()
    assert missing({"images": {"kind": "digits"}}, networks) == []


def test_behind_a_proxy_the_proxy_is_asked(monkeypatch, no_network):
    monkeypatch.setenv("https_proxy", "http://gateway.example:3128")
    assert "the proxy gateway.example cannot be reached" in unreachable("https://download.pytorch.org/models/x.pth")
    assert no_network == ["gateway.example"]


def test_a_server_that_listens_is_reachable(monkeypatch):
    monkeypatch.undo()
    with socket.create_server(("127.0.0.1", 0)) as server:
        started = time.monotonic()
        assert unreachable(f"http://127.0.0.1:{server.getsockname()[1]}/file") is None
        assert time.monotonic() - started < 2
