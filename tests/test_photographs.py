"""The whole workflow on ImageNet photographs and a torchvision architecture; SPAREBITS_DATA names their folder."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torchvision
import yaml
from PIL import Image
from safetensors.torch import save_file
from torchvision import transforms
from workflow import copy_project, snakemake

NETWORK = "shufflenet_v2_x0_5"
IMAGES, BITS = 12, [8, 16, 22, 30]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
TRANSFORM = transforms.Compose(
    [transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
)
RESTORATION = {"bers": [0.05], "trials": 2, "claim_trials": 2, "block_bers": [0.12], "words": 9000, "claim_words": 9000}
CAMPAIGN = {
    "bers": [0.01],
    "trials": 2,
    "claim_trials": 2,
    "faults": [],
    "ablation": {"bers": [0.01], "trials": 2},
    "restoration": RESTORATION,
    "limit": 5,
}


def write_weights(data: Path, file: Path) -> None:
    """Random weights, as torchvision initialises them, with BatchNorm statistics of the photographs.

    Only the last layer is fitted to the photographs, by least squares, so that there is something to lose.
    """
    torch.manual_seed(1)
    model = torchvision.models.get_model(NETWORK, weights=None)
    rows = pd.read_csv(data / "labels.csv")
    images = torch.stack([TRANSFORM(Image.open(data / name).convert("RGB")) for name in rows["file"]])
    labels = torch.from_numpy(rows["label"].to_numpy())
    features = []
    model.fc.register_forward_hook(lambda module, inputs, output: features.append(inputs[0]))
    with torch.no_grad():
        for _ in range(20):
            model(images)
        features.clear()
        logits = model.eval()(images)
        wanted = 10 * torch.nn.functional.one_hot(labels, 1000) - logits
        model.fc.weight += (torch.linalg.pinv(features[0]) @ wanted).T
        assert (model(images).argmax(dim=1) == labels).all()
    save_file(model.state_dict(), file)


def experiment(data: Path, weights: Path) -> dict:
    """A config whose every stage is as small as it can be."""
    injections = {"parameters": {"trials": 5}, "activations": {"where": "activations", "trials": 10}}
    photographs = {
        "kind": "image_folder",
        "path": str(data),
        "labels": str(data / "labels.csv"),
        "limit": IMAGES,
        "calibration": 0.25,
        "transform": {"resize": 256, "crop": 224, "mean": MEAN, "std": STD},
    }
    network = {"architecture": f"torchvision:{NETWORK}", "weights": str(weights), "dataset": "photographs"}
    return {
        "output": "runs/photographs",
        "evaluation": {"batch_size": 10, "memory_mb": 256},
        "lsb": {"bits": BITS, "jobs": 2},
        "combined": {"limit": 5},
        "selection": {"trials": 2, "limit": 3},
        "faults": {"limit": 5, "injections": injections},
        "campaign": CAMPAIGN,
        "attack": {"seeds": 1, "flips": 2, "limit": 5},
        "datasets": {"photographs": photographs},
        "networks": {NETWORK: network},
    }


def test_photographs_go_through_a_torchvision_architecture_from_preparation_to_the_report(tmp_path):
    if "SPAREBITS_DATA" not in os.environ:
        pytest.skip("SPAREBITS_DATA names no folder of real images")
    folder = copy_project(tmp_path)
    data = Path(os.environ["SPAREBITS_DATA"]) / "imagenet-sample"
    write_weights(data, tmp_path / "random.safetensors")
    config = experiment(data, tmp_path / "random.safetensors")
    (folder / "config" / "photographs.yaml").write_text(yaml.safe_dump(config))
    run = snakemake(folder, config="config/photographs.yaml")
    assert run.returncode == 0, run.stderr
    output = folder / "runs" / "photographs"
    [pixels] = output.glob("images/photographs/*/images.npy")
    assert np.load(pixels, mmap_mode="r").shape == (IMAGES, 224, 224, 3)
    results = output / "results" / NETWORK
    golden, lsb = pd.read_csv(results / "golden.csv"), pd.read_csv(results / "lsb.csv")
    assert len(golden) == IMAGES
    assert golden["hit"].all(), "prepared otherwise than torchvision's transform does it"
    assert (lsb["images"] == IMAGES).all()
    assert set(lsb["bit"]) == set(BITS)
    drops = lsb[(lsb["mode"] == "alteration") & (lsb["kind"] == "all")].set_index("bit")["drop_pp"]
    assert drops[8] == 0
    assert drops[30] > 50
    assert (output / "reports" / "report.html").stat().st_size
