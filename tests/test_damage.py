"""Damaged results, killed jobs, full disks and two runs at once: nothing wrong is ever taken for a result."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from workflow import CONFIG, copy_project, digests, environment, jobs, scripts_in, snakemake, wait_for

RESULTS = Path("runs/test/results/lenet5")
PIXELS = Path("runs/test/images/digits/resize32-crop32-bilinear-3/images.npy")


def start(folder: Path, *targets: str, config: str = CONFIG) -> subprocess.Popen:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", config, "--", *targets]
    return subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def config_with(folder: Path, output: str, name: str) -> str:
    """A config that writes elsewhere, with one network."""
    config = yaml.safe_load((folder / CONFIG).read_text())
    config |= {"output": output, "networks": {"lenet5": config["networks"]["lenet5"]}}
    (folder / f"config/{name}.yaml").write_text(yaml.safe_dump(config))
    return f"config/{name}.yaml"


def flip_bit(file: Path) -> None:
    """One bit in the middle, as a failing disk would: size and times stay."""
    status, content = file.stat(), bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def same_as(finished: Path, folder: Path) -> None:
    """All results that are there have the bytes of the undisturbed run, and no half-written file lies beside them."""
    expected, found = digests(finished), digests(folder)
    assert found
    assert found == {path: expected.get(path) for path in found}
    assert not list(folder.rglob(".*unfinished*"))


# --- damaged results -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [flip_bit, truncate])
def test_damaged_results_of_every_kind_are_told_and_nothing_runs(project, damage):
    """Prepared images, a table, a network, results that no rule reads, a figure, a summary."""
    damaged = [PIXELS, *(RESULTS / name for name in ("network.safetensors", "lsb.csv", "engine.json"))]
    damaged += [RESULTS / "protected.safetensors", RESULTS / "predictions.npz", Path("runs/test/summary/metrics.json")]
    damaged += [next((project / "runs/test/reports/figures").glob("*.svg")).relative_to(project)]
    for file in damaged:
        damage(project / file)
    before = digests(project / "runs/test")
    for options in ([], ["--dry-run"]):
        run = snakemake(project, *options)
        told = run.stdout + run.stderr
        assert run.returncode != 0
        for file in damaged:
            assert f"  {file}\n" in told
        assert f"rm {' '.join(sorted(map(str, damaged)))}" in told
    assert digests(project / "runs/test") == before


def test_every_result_is_known_again(finished):
    """Also those that no test damages."""
    recorded = {yaml.safe_load(file.read_text())["path"] for file in (finished / ".snakemake/fingerprints").iterdir()}
    results = {f"runs/test/{path}" for path in digests(finished / "runs/test")}
    assert {path for path in results if not path.endswith(".snakemake_timestamp")} <= recorded
    assert str(PIXELS) in recorded


def test_removing_what_is_damaged_gives_the_same_bytes_again(finished, project):
    for file in (PIXELS, RESULTS / "bits.csv"):
        truncate(project / file)
        assert snakemake(project, "--dry-run").returncode != 0
        (project / file).unlink()
    run = snakemake(project, str(PIXELS), str(RESULTS / "bits.csv"))
    assert run.returncode == 0, run.stderr
    assert (project / PIXELS).read_bytes() == (finished / PIXELS).read_bytes()
    same_as(finished / "runs/test", project / "runs/test")


def test_touch_takes_results_as_they_are(project):
    """As after `dvc checkout`, which brings the results of another revision."""
    table = project / RESULTS / "attack.csv"
    table.write_text(table.read_text() + "\n")
    assert snakemake(project, "--dry-run").returncode != 0
    run = snakemake(project, "--touch")
    assert run.returncode == 0, run.stderr
    assert jobs(project) == set()


def test_what_is_damaged_while_a_run_goes_on_is_not_read(project):
    """The prepared network loses a bit after the run began."""
    for name in ("golden.csv", "faults.csv"):
        (project / RESULTS / name).unlink()
    run = start(project, str(RESULTS / "faults.csv"))
    assert wait_for(lambda: scripts_in(project), seconds=90)
    flip_bit(project / RESULTS / "network.safetensors")
    told, _ = run.communicate(timeout=200)
    assert run.returncode != 0
    assert f"  {RESULTS / 'network.safetensors'}\n" in told
    assert not (project / RESULTS / "faults.csv").exists()


# --- killed jobs -----------------------------------------------------------------------------------------------------


def test_same_bytes_after_jobs_are_killed_at_any_moment(finished, tmp_path):
    """Each run loses a job by kill -9 at a random moment and says so; the last one ends in the same bytes."""
    folder = copy_project(tmp_path)
    targets = [str(RESULTS / name) for name in ("bits.csv", "golden.csv", "faults.csv")]
    moments = random.Random(1)
    for _ in range(3):
        run = start(folder, *targets)
        assert wait_for(lambda run=run: scripts_in(folder) or run.poll() is not None, seconds=90)
        time.sleep(moments.uniform(0, 5))
        alive = scripts_in(folder)
        if alive:
            os.kill(moments.choice(alive), signal.SIGKILL)
        told, _ = run.communicate(timeout=200)
        assert (run.returncode != 0) == ("Error in rule" in told)
    last = snakemake(folder, *targets)
    assert last.returncode == 0, last.stderr
    same_as(finished / "runs/test", folder / "runs/test")


# --- a full disk -----------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1.5 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", disk], capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("needs the right to mount a file system")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_told_and_leaves_nothing_half_written(finished, small_disk, tmp_path):
    """The images do not fit, then the network; when there is room the same command ends in the same bytes."""
    (tmp_path / "project").mkdir()
    folder = copy_project(tmp_path / "project")
    config = config_with(folder, str(small_disk / "run"), "small")
    targets = [str(small_disk / "run/results/lenet5" / name) for name in ("bits.csv", "golden.csv")]
    ballast = small_disk / "ballast"
    for room, culprit in ((200_000, "images.npy"), (400_000, "network.safetensors")):
        ballast.write_bytes(bytes(1_536_000 - room - 40_960))
        # One job at a time, so that it is known which one finds no room.
        first = str(small_disk / "run/images/digits" / PIXELS.parent.name / "images.npy")
        for targets_now in ([first], targets):
            run = snakemake(folder, "--cores", "1", *targets_now, config=config)
            if run.returncode:
                break
        told = run.stdout + run.stderr
        assert run.returncode != 0
        assert f"{culprit} could not be written (No space left on device)" in told
        assert f"the disk of {small_disk}" in told
        left = [file for part in ("images", "results") for file in (small_disk / "run" / part).rglob("*")]
        assert not [file for file in left if file.name.endswith(culprit) or "unfinished" in file.name]
    ballast.unlink()
    run = snakemake(folder, *targets, config=config)
    assert run.returncode == 0, run.stderr
    same_as(finished / "runs/test", small_disk / "run")


# --- two runs at once ------------------------------------------------------------------------------------------------


def test_two_runs_at_once_into_different_folders(finished, tmp_path):
    folder = copy_project(tmp_path)
    runs = []
    for name in ("a", "b"):
        config = config_with(folder, f"runs/{name}", name)
        targets = [f"runs/{name}/results/lenet5/{table}.csv" for table in ("bits", "golden")]
        runs.append(start(folder, *targets, config=config))
    for run in runs:
        told, _ = run.communicate(timeout=200)
        assert run.returncode == 0, told
    for name in ("a", "b"):
        same_as(finished / "runs/test", folder / "runs" / name)
