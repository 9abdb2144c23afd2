"""DVC around the workflow: run, compare and plot revisions, offline and in a clone without a remote."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from workflow import CONFIG, PROJECT, copy_project, edit, environment


def run(folder: Path, *command: str) -> str:
    # A proxy that refuses at once stands for a machine without a network.
    offline = {**environment(), "https_proxy": "http://127.0.0.1:9", "GIT_CONFIG_GLOBAL": "/dev/null"}
    done = subprocess.run(command, cwd=folder, env=offline, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dvc(folder: Path, *arguments: str) -> str:
    return run(folder, sys.executable, "-m", "dvc", *arguments)


def commit(folder: Path, message: str) -> None:
    run(folder, "git", "add", "--all")
    run(folder, "git", "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "-m", message)


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """Two revisions of a small default experiment, which differ in their tolerance; each was run by `dvc repro`."""
    folder = copy_project(tmp_path_factory.mktemp("repository"))
    for part in (".gitignore", ".dvcignore", "dvc.yaml"):
        shutil.copy(PROJECT / part, folder / part)
    shutil.copytree(PROJECT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    config = yaml.safe_load((folder / CONFIG).read_text())
    # One network is enough to compare revisions of.
    one = {"lenet5": config["networks"]["lenet5"]}
    (folder / "config.yaml").write_text(yaml.safe_dump({**config, "networks": one, "output": "."}))
    run(folder, "git", "init", "--quiet")
    dvc(folder, "repro", "--quiet")
    commit(folder, "tolerance of 1.2 pp")
    edit(folder / "config.yaml", "tolerance_pp: 1.2", "tolerance_pp: 60.0")
    dvc(folder, "repro", "--quiet")
    commit(folder, "tolerance of 60 pp")
    return folder


@pytest.fixture(scope="module")
def clone(repository, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clone")
    run(folder, "git", "clone", "--quiet", str(repository), "clone")
    return folder / "clone"


def test_results_are_not_in_git_but_the_summary_is(repository):
    tracked = run(repository, "git", "ls-files").split()
    assert not [file for file in tracked if file.startswith(("results/", "images/", "logs/"))]
    assert {"summary/metrics.json", "summary/sweeps.csv", "summary/provenance.json", "dvc.lock"} <= set(tracked)


def test_nothing_is_out_of_date_after_a_run(repository):
    assert json.loads(dvc(repository, "status", "--json")) == {}


def test_metrics_of_two_revisions_are_compared_in_a_clone(clone):
    found = json.loads(dvc(clone, "metrics", "diff", "HEAD~1", "HEAD", "--json"))["summary/metrics.json"]
    spare = found["lenet5.best_spare_bits"]
    assert spare["new"] > spare["old"], "a wider tolerance frees more bits"


def test_params_of_two_revisions_are_compared_in_a_clone(clone):
    found = json.loads(dvc(clone, "params", "diff", "HEAD~1", "HEAD", "--json"))["config.yaml"]
    assert set(found) == {"tolerance_pp"}
    assert (found["tolerance_pp"]["old"], found["tolerance_pp"]["new"]) == (1.2, 60.0)


def test_plots_of_two_revisions_are_compared_in_a_clone_and_open_offline(clone):
    dvc(clone, "plots", "diff", "HEAD~1", "HEAD", "--out", "plots")
    page = (clone / "plots/index.html").read_text()
    assert not re.search(r"""<(script|link)[^>]+(src|href)=""", page), "the page would load something"
    assert page.count("vegaEmbed(") >= 1
    revisions = set(re.findall(r'"rev": "(\S+?)"', page))
    assert len(revisions) == 2
