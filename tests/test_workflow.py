"""The whole workflow on config/test.yaml: complete, re-run exactly where needed, and the same bytes after any kill."""

import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

PROJECT = Path(__file__).parents[1]
PARTS = ["Snakefile", "config.yaml", "config", "networks", "profiles", "reports", "rules", "schemas", "scripts"]
PARTS += ["sparebits", "requirements.lock"]
CONFIG = "config/test.yaml"
TABLES = ["golden", "bits", "exponents", "tensors", "lsb", "rounding", "combined", "bit_classes", "ecc"]


def snakemake(folder: Path, *options: str, config: str = CONFIG) -> subprocess.CompletedProcess:
    """Run Snakemake in a copy of the project, as a user would."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *options, "--configfile", config]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=500)


def environment() -> dict:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def copy_project(folder: Path) -> Path:
    for part in PARTS:
        source = PROJECT / part
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "report.html", "figures")
            shutil.copytree(source, folder / part, ignore=ignored)
        else:
            shutil.copy2(source, folder / part)
    return folder


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every result, by its path."""
    files = [
        file for part in ("results", "summary", "reports") for file in (folder / part).rglob("*") if file.is_file()
    ]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A copy of the project in which the test config has run; other tests copy it and leave it as it is."""
    folder = copy_project(tmp_path_factory.mktemp("finished"))
    run = snakemake(folder)
    assert run.returncode == 0, run.stderr
    return folder


@pytest.fixture
def project(finished, tmp_path) -> Path:
    """A copy of the finished project, with Snakemake's memory of it."""
    return Path(shutil.copytree(finished, tmp_path / "project", symlinks=True))


def jobs(folder: Path, *options: str, config: str = CONFIG) -> set[str]:
    """Rules that a dry run would run, with their network if they have one."""
    run = snakemake(folder, "--dry-run", *options, config=config)
    assert run.returncode == 0, run.stderr
    text = run.stdout + run.stderr
    found = set()
    for block in re.split(r"\n(?=(?:local)?rule )", text):
        rule = re.match(r"(?:local)?rule (\w+):", block)
        if rule:
            network = re.search(r"wildcards: .*?network=([\w.-]+)", block)
            found.add(rule[1] + (f" {network[1]}" if network else ""))
    return found


def edit(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


EVERY_REPORT = {"all", "build_report", "record_provenance", "summarize"}


# --- a finished run --------------------------------------------------------------------------------------------------


def test_every_promised_file_is_there(finished):
    output = finished / "runs/test"
    for network in yaml.safe_load((finished / CONFIG).read_text())["networks"]:
        for table in TABLES:
            frame = pd.read_csv(output / "results" / network / f"{table}.csv")
            assert len(frame), table
            assert "format" in frame, table
    for file in ("metrics.json", "sweeps.csv", "params.yaml", "provenance.json"):
        assert (output / "summary" / file).stat().st_size, file
    assert (output / "reports/report.html").stat().st_size
    assert not list(output.rglob(".*.csv")), "a temporary file was left behind"


def test_predictions_give_the_tables(finished):
    """predictions.npz holds what every row of the tables was counted from."""
    folder = finished / "runs/test/results/lenet5"
    golden = pd.read_csv(folder / "golden.csv")
    archive = np.load(folder / "predictions.npz")
    by_id = dict(zip(archive["variants"], archive["predictions"], strict=True))
    assert archive["predictions"].dtype == np.uint16
    assert (by_id["golden"] == golden["predicted"]).all()
    for row in pd.read_csv(folder / "lsb.csv").itertuples():
        predicted = by_id[f"lsb/{row.mode}/{row.kind}/{row.bit}"]
        used = predicted != np.iinfo(np.uint16).max
        hit = predicted[used] == golden["label"][used]
        assert used.sum() == row.images == 60
        assert hit.sum() == row.hits
        assert (golden["hit"][used] & ~hit).sum() == row.lost
        assert row.drop_pp == pytest.approx(100 * (golden["hit"][used].mean() - hit.mean()))


def test_second_run_does_nothing(finished):
    run = snakemake(finished)
    assert run.returncode == 0
    assert "Nothing to be done" in run.stdout + run.stderr


# --- re-running exactly what depends ---------------------------------------------------------------------------------


def test_touch_reruns_nothing(project):
    for part in ("sparebits", "scripts", "networks", "runs/test/results", "images"):
        for file in (project / part).rglob("*"):
            if file.is_file():
                file.touch()
    assert jobs(project) == set()


def test_tolerance_reruns_the_choices_and_no_sweep(project):
    edit(project / CONFIG, "tolerance_pp: 1.2", "tolerance_pp: 2.5")
    networks = ("lenet5", "resnet8_bfloat16")
    rules = ("combine", "classify_bits", "choose_ecc", "gather_predictions")
    assert jobs(project) == EVERY_REPORT | {f"{rule} {network}" for rule in rules for network in networks}


def test_limit_of_a_stage_reruns_that_stage_and_what_needs_it(project):
    edit(project / CONFIG, "rounding:\n  limit: null", "rounding:\n  limit: 50")
    networks = ("lenet5", "resnet8_bfloat16")
    rules = ("round_exponents", "combine", "classify_bits", "choose_ecc", "gather_predictions")
    assert jobs(project) == EVERY_REPORT | {f"{rule} {network}" for rule in rules for network in networks}


def test_seed_reruns_what_draws_at_random(project):
    """Of config/test.yaml that is everything but the weights' own stages, as its images are a sample."""
    edit(project / CONFIG, "seed: 1", "seed: 2")
    found = jobs(project)
    assert {"prepare_images", "run_golden lenet5", "sweep_lsb lenet5"} <= found
    assert not [job for job in found if job.startswith(("prepare_network", "census"))]
    edit(project / CONFIG, "limit: 100", "limit: null")
    edit(project / CONFIG, "limit: 60", "limit: null")
    run = snakemake(project)
    assert run.returncode == 0, run.stderr
    edit(project / CONFIG, "seed: 2", "seed: 3")
    networks = ("lenet5", "resnet8_bfloat16")
    rules = ("sweep_lsb", "combine", "classify_bits", "choose_ecc", "gather_predictions")
    assert jobs(project) == EVERY_REPORT | {f"{rule} {network}" for rule in rules for network in networks}


def test_another_dtype_reruns_that_network_alone(project):
    edit(project / CONFIG, "dtype: bfloat16", "dtype: float16")
    found = jobs(project)
    assert {job for job in found if job.endswith(" lenet5")} == set()
    assert {"prepare_network resnet8_bfloat16", "run_golden resnet8_bfloat16", *EVERY_REPORT} <= found


def test_new_network_runs_alone(project):
    config = yaml.safe_load((project / CONFIG).read_text())
    config["networks"]["another"] = config["networks"]["lenet5"]
    (project / CONFIG).write_text(yaml.safe_dump(config))
    found = jobs(project)
    assert {job for job in found if " " in job and not job.endswith(" another")} == set()
    assert "sweep_lsb another" in found


def test_comment_in_the_config_reruns_nothing(project):
    edit(project / CONFIG, "seed: 1", "seed: 1  # the first")
    assert jobs(project) == set()


def test_edit_of_the_library_reruns_what_imports_it(project):
    edit(project / "sparebits/alterations.py", "import numpy as np", "import numpy as np  # noqa: E402")
    networks = ("lenet5", "resnet8_bfloat16")
    rules = ("sweep_lsb", "round_exponents", "combine")
    dependents = ("classify_bits", "choose_ecc", "gather_predictions")
    assert jobs(project) == EVERY_REPORT | {
        f"{rule} {network}" for rule in (*rules, *dependents) for network in networks
    }


def test_edit_of_a_script_reruns_its_rule(project):
    edit(project / "scripts/choose_ecc.py", "import argparse", "import argparse  # noqa: F401")
    assert jobs(project) == EVERY_REPORT | {"choose_ecc lenet5", "choose_ecc resnet8_bfloat16"}


def test_edit_of_an_architecture_file_reruns_its_networks(project):
    (project / "config/own.py").write_text("from sparebits.architectures import LeNet5 as Own\n")
    edit(project / CONFIG, "architecture: sparebits.architectures:LeNet5", "architecture: own:Own")
    run = snakemake(project)
    assert run.returncode == 0, run.stderr
    assert jobs(project) == set()
    (project / "config/own.py").write_text("from sparebits.architectures import LeNet5 as Own  # edited\n")
    found = jobs(project)
    assert "run_golden lenet5" in found
    assert not [job for job in found if job.endswith("resnet8_bfloat16")]


# --- kills -----------------------------------------------------------------------------------------------------------


def test_same_bytes_after_kills_at_any_moment(finished, tmp_path):
    """Snakemake is killed (-9) at random moments until it gets through; the bytes are those of the undisturbed run."""
    folder = copy_project(tmp_path)
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", CONFIG]
    moments = random.Random(1)
    kills = 0
    for _ in range(4):
        run = subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            assert run.wait(timeout=moments.uniform(6, 14)) == 0
            break
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.wait()
            kills += 1
    assert kills >= 2
    last = snakemake(folder)
    assert last.returncode == 0, last.stderr
    assert digests(folder / "runs/test") == digests(finished / "runs/test")


def test_scripts_end_with_a_killed_snakemake(tmp_path):
    folder = copy_project(tmp_path)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", CONFIG]
    run = subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    scripts = wait_for(lambda: scripts_in(folder), seconds=90)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert scripts
    assert wait_for(lambda: not scripts_in(folder), seconds=30), "an orphaned script still runs"


def scripts_in(folder: Path) -> list[int]:
    """Processes of this project's job scripts that watch for their parent's end."""
    import psutil

    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        line = process.info["cmdline"] or []
        if process.info["cwd"] == str(folder) and any(re.match(r"scripts\.(?!check_inputs)", part) for part in line):
            found.append(process.pid)
    return found


def wait_for(condition, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.2)
    return False


def test_second_run_at_once_is_refused(project):
    """While one run works in a folder, another says so instead of writing the same files."""
    edit(project / CONFIG, "seed: 1", "seed: 2")
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", CONFIG]
    first = subprocess.Popen(
        command, cwd=project, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        assert wait_for(lambda: scripts_in(project), seconds=60)
        second = snakemake(project)
        assert second.returncode != 0
        assert f"another run, process {first.pid}, works in" in second.stdout + second.stderr
    finally:
        first.kill()
        first.wait()
