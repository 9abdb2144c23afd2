"""Experiments at full scale: what they need, and what cluster and user are told of it."""

import re
import time

import pandas as pd
import pytest
import yaml
from workflow import CONFIG, copy_project, edit, snakemake

RESOURCES = ("mem_mb", "runtime", "gpu")
EVERYTHING = ("all", "census", "campaign_full", "train_networks")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return copy_project(tmp_path_factory.mktemp("project"))


def test_the_census_needs_no_images(project):
    """Local weights, and a data set that is not there."""
    config = yaml.safe_load((project / CONFIG).read_text())
    config["output"] = "runs/census"
    digits = config["datasets"]["digits"]
    digits |= {"kind": "imagenet", "path": "nowhere", "labels": "nowhere.txt"}
    (project / "config/census.yaml").write_text(yaml.safe_dump(config))
    run = snakemake(project, "census", config="config/census.yaml")
    assert run.returncode == 0, run.stderr
    for network in config["networks"]:
        folder = project / "runs/census/results" / network
        tables = {table: pd.read_csv(folder / f"{table}.csv") for table in ("bits", "tensors", "modified", "free_bits")}
        assert tables["modified"]["floor"].is_monotonic_increasing
        assert tables["modified"]["modified_values"].is_monotonic_increasing
        assert (tables["modified"]["values"] == tables["tensors"]["values"].sum()).all()
        assert tables["free_bits"]["max_exponent"].item() == tables["tensors"]["max_exponent"].max()
    run = snakemake(project, config="config/census.yaml")
    assert run.returncode != 0
    assert "datasets.digits.path: there is no folder nowhere" in run.stderr
    assert "datasets.digits.labels: there is no file nowhere.txt" in run.stderr


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("thesis", ["datasets.imagenet.path: there is no folder", "datasets.imagenet.labels: there is no file"]),
        ("imagenette", ["datasets.imagenette: Imagenette is not in data/imagenette and cannot be downloaded"]),
    ],
)
def test_without_downloads_all_that_is_missing_is_told_at_once(project, tmp_path, monkeypatch, name, missing):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    # A proxy that refuses at once stands for a machine without a network.
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    started = time.monotonic()
    run = snakemake(project, config=f"config/{name}.yaml")
    assert time.monotonic() - started < 120, "most of it is for loading torch; time-outs of each network would add up"
    assert run.returncode != 0
    assert "Traceback" not in run.stderr
    for network in yaml.safe_load((project / f"config/{name}.yaml").read_text())["networks"]:
        assert re.search(
            rf"networks\.{network}\.weights: \S+ cannot be downloaded .*put the file at \S+\.pth", run.stderr
        )
    for sentence in missing:
        assert sentence in run.stderr
    assert not (project / f"runs/{name}/results").exists()


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_job_says_which_memory_time_and_device_it_needs(project, device):
    """A job that runs a network over images needs the device of the config."""
    edit(project / CONFIG, "device: ", f"device: {device}  # instead of ")
    try:
        run = snakemake(project, "--dry-run", *EVERYTHING)
    finally:
        edit(project / CONFIG, f"device: {device}  # instead of ", "device: ")
    assert run.returncode == 0, run.stderr
    blocks = re.findall(r"^rule (\w+):\n(.*?)(?=\n\[|\n\n|\Z)", run.stdout + run.stderr, re.MULTILINE | re.DOTALL)
    assert {rule for rule, _ in blocks} > {"sweep_lsb", "prepare_images", "build_report", "train_network"}
    for rule, block in blocks:
        if "benchmark: " not in block:
            continue  # a target, which runs nothing
        resources = dict(re.findall(r"(\w+)=(\w+)", re.search(r"resources: (.*)", block)[1]))
        assert set(RESOURCES) <= set(resources), rule
        inputs = re.search(r"input: (.*)", block)[1]
        evaluates = "images.npy" in inputs and rule != "record_provenance"
        assert int(resources["gpu"]) == (device == "cuda" and evaluates), rule
