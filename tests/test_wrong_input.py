"""Wrong input through the workflow: one clear message before any work, no traceback, nothing written."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file, save_file
from workflow import PROJECT, copy_project, environment


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def config(tmp_path) -> dict:
    """A config of one network that works; each test breaks one thing."""
    folders = [tmp_path / "images" / str(label) for label in range(10)]
    for label, folder in enumerate(folders):
        folder.mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (32, 32), (20 * label, 100 * number, 50)).save(folder / f"{number}.png")
    config = yaml.safe_load((PROJECT / "config/test.yaml").read_text())
    network = config["networks"]["lenet5"]
    weights = tmp_path / "weights.safetensors"
    shutil.copy(PROJECT / network["weights"], weights)
    transform = config["datasets"]["digits"]["transform"]
    return {
        "output": str(tmp_path / "run"),
        "datasets": {"photos": {"kind": "image_folder", "path": str(tmp_path / "images"), "transform": transform}},
        "networks": {"mine": {**network, "weights": str(weights), "dataset": "photos"}},
    }


def refused(project: Path, config: dict, tmp_path: Path) -> str:
    """Run, and give what the user reads; asserts that it has no traceback and that no table was written."""
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", str(file)]
    run = subprocess.run(command, cwd=project, env=environment(), capture_output=True, text=True, timeout=300)
    text = run.stdout + run.stderr
    assert run.returncode != 0
    assert "Traceback" not in text
    assert not list((tmp_path / "run").rglob("*.csv"))
    return text


def test_the_unbroken_config_is_accepted(project, config, tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config))
    command = [sys.executable, "-m", "snakemake", "--cores", "2", f"{tmp_path}/run/results/mine/golden.csv"]
    run = subprocess.run([*command, "--configfile", str(file)], cwd=project, env=environment(), capture_output=True)
    assert run.returncode == 0, run.stderr


def test_unknown_key(project, config, tmp_path):
    config["tolerance"] = 1.0
    text = refused(project, config, tmp_path)
    assert "unknown key tolerance" in text
    assert "tolerance_pp" in text


def test_bit_outside_the_word(project, config, tmp_path):
    config["lsb"] = {"bits": [40]}
    assert "lsb.bits: 40 lies outside the 32-bit words of networks.mine" in refused(project, config, tmp_path)


def test_unknown_architecture(project, config, tmp_path):
    config["networks"]["mine"]["architecture"] = "torchvision:resnet51"
    assert "torchvision:resnet51 is unknown; did you mean resnet50" in refused(project, config, tmp_path)


def test_missing_weights(project, config, tmp_path):
    config["networks"]["mine"]["weights"] = "nowhere.pth"
    assert "networks.mine.weights: there is no file nowhere.pth" in refused(project, config, tmp_path)


def test_truncated_weights(project, config, tmp_path):
    weights = Path(config["networks"]["mine"]["weights"])
    weights.write_bytes(weights.read_bytes()[:100_000])
    text = refused(project, config, tmp_path)
    assert str(weights) in text
    assert "truncated" in text


def test_weights_that_do_not_fit(project, config, tmp_path):
    config["networks"]["mine"]["arguments"]["classes"] = 7
    text = refused(project, config, tmp_path)
    assert "classifier.4.weight is (10, 84), expected (7, 84)" in text
    assert "classifier.4.bias is (10,), expected (7,)" in text


def test_nan_in_parameters(project, config, tmp_path):
    weights = config["networks"]["mine"]["weights"]
    state = load_file(weights)
    state["features.0.weight"][0, 0, 0, 0] = torch.nan
    save_file(state, weights)
    assert "1 of 450 values of features.0.weight are NaN" in refused(project, config, tmp_path)


def test_label_outside_the_classes(project, config, tmp_path):
    folder = tmp_path / "images" / "99"
    folder.mkdir()
    Image.new("RGB", (32, 32)).save(folder / "odd.png")
    text = refused(project, config, tmp_path)
    assert "image 99/odd.png has label 10" in text
    assert "classes 0 to 9" in text


def test_image_that_cannot_be_decoded(project, config, tmp_path):
    damaged = [tmp_path / "images" / "3" / "0.png", tmp_path / "images" / "5" / "1.png"]
    for file in damaged:
        file.write_bytes(file.read_bytes()[:60])
    text = refused(project, config, tmp_path)
    for file in damaged:
        assert f"{file}: the image cannot be decoded" in text
    assert "rule prepare_images" not in text, "work began before the images were looked at"


def test_empty_folder(project, config, tmp_path):
    shutil.rmtree(tmp_path / "images")
    (tmp_path / "images").mkdir()
    assert f"the folder {tmp_path / 'images'} is empty" in refused(project, config, tmp_path)


def test_download_without_a_network(project, config, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    # A proxy that refuses at once stands for a machine without a network.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    mine = config["networks"]["mine"]
    mine |= {
        "architecture": "torchvision:squeezenet1_1",
        "arguments": {},
        "weights": "SqueezeNet1_1_Weights.IMAGENET1K_V1",
    }
    text = refused(project, config, tmp_path)
    assert "cannot be downloaded" in text
    assert f"put the file at {tmp_path}/torch/hub/checkpoints/squeezenet1_1-b8a52dc0.pth" in text


def test_faults_that_fit_no_network_are_told_before_any_work(project, config, tmp_path):
    """A misspelt layer, with the nearest names; a fault that all schemes would meet, but nothing can."""
    injections = {"mine": {"trials": 5, "target": {"layer": "featurs.0"}}}
    text = refused(project, {**config, "faults": {"injections": injections}}, tmp_path)
    assert "faults.injections.mine: target layer featurs.0" in text
    assert "did you mean features.0" in text
    faults = [{"model": "burst", "length": 8, "target": {"bits": [0, 3]}}]
    text = refused(project, {**config, "campaign": {"faults": faults}}, tmp_path)
    assert "networks.mine: campaign.faults.0: fault model burst" in text
