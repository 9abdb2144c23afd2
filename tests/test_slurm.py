"""The workflow through a real Slurm of one node: the same bytes, also where a time limit ended a job."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest
from workflow import CONFIG, PROJECT, copy_project, digests, environment, jobs, scripts_in, wait_for

SCRIPTS = PROJECT / "tests/slurm"
TABLES = ["golden", "bits", "exponents", "tensors", "lsb", "rounding", "combined", "bit_classes", "ecc", "faults"]
TARGETS = [f"runs/test/results/lenet5/{table}.csv" for table in TABLES]
LIMITED = "inject_single_faults"

pytestmark = pytest.mark.skipif(
    "SPAREBITS_SLURM" not in os.environ and (os.geteuid() != 0 or not shutil.which("slurmctld")),
    reason="needs root and Debian's slurm-wlm and munge; with SPAREBITS_SLURM set they are installed",
)


@pytest.fixture
def slurm():
    """Environment of commands that use a Slurm of one node, which runs while the test does."""
    folder = Path(tempfile.mkdtemp(prefix="slurm"))
    started = subprocess.run([SCRIPTS / "start", folder], capture_output=True, text=True, timeout=300)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        path = f"{folder / 'bin'}:{environment()['PATH']}"
        yield {**environment(), "SLURM_CONF": str(folder / "slurm.conf"), "PATH": path}
    finally:
        subprocess.run([SCRIPTS / "stop", folder], capture_output=True, timeout=100)
        shutil.rmtree(folder)


def command(*options: str) -> list[str]:
    """Snakemake by the profile, with what this Slurm asks for: it has no accounting, and its jobs are short."""
    here = ["--slurm-status-command", "squeue", "--slurm-no-account", "--set-threads", "prepare_images=2"]
    here += ["--slurm-init-seconds-before-status-checks", "2", "--seconds-between-status-checks", "2"]
    files = ["--configfile", CONFIG, "--", *TARGETS]
    return [sys.executable, "-m", "snakemake", "--profile", "profiles/slurm", *here, *options, *files]


def attempts(rule: str, slurm: dict) -> list[tuple[str, str]]:
    """State and time limit of all Slurm jobs of a rule, in their order."""
    queue = ["squeue", "--states=all", "--noheader", "--sort=i", "--format=%k|%T|%l"]
    lines = subprocess.run(queue, env=slurm, capture_output=True, text=True, check=True).stdout.splitlines()
    found = [line.split("|") for line in lines]
    return [(state, limit) for comment, state, limit in found if comment.startswith(f"rule_{rule}_wildcards")]


def running(folder: Path, rule: str) -> list[int]:
    """Processes of a rule's script."""
    return [pid for pid in scripts_in(folder) if f"scripts.{rule}" in psutil.Process(pid).cmdline()]


def test_a_job_ended_by_its_time_limit_is_tried_again_with_more_and_the_bytes_are_those_of_a_local_run(
    slurm, finished, tmp_path
):
    """A job is held up until Slurm's time limit ends it; the next attempt has twice the time."""
    folder = copy_project(tmp_path)
    rules = (folder / "rules/campaign.smk").read_text()
    start = rules.index(f"rule {LIMITED}:")
    assert "runtime=growing(2880)" in rules[start:]
    limited = rules[:start] + rules[start:].replace("growing(2880)", "growing(1)", 1)
    (folder / "rules/campaign.smk").write_text(limited)
    log = tmp_path / "slurm.txt"
    with open(log, "w") as output:
        run = subprocess.Popen(command(), cwd=folder, env=slurm, stdout=output, stderr=subprocess.STDOUT)
        try:
            assert wait_for(lambda: running(folder, LIMITED) or run.poll() is not None, seconds=600), log.read_text()
            (held_up,) = running(folder, LIMITED)
            os.kill(held_up, signal.SIGSTOP)
            assert run.wait(timeout=600) == 0, log.read_text()
        finally:
            if run.poll() is None:
                run.kill()
                run.wait()
    states, limits = zip(*attempts(LIMITED, slurm), strict=True)
    # Where the machine has other work too, the second attempt may need more as well.
    assert states == ("TIMEOUT",) * (len(states) - 1) + ("COMPLETED",)
    assert limits == ("1:00", "2:00", "4:00", "8:00")[: len(limits)]
    assert len(limits) > 1
    assert attempts("run_golden", slurm) == [("COMPLETED", "2:00:00")]
    local, made = digests(finished / "runs/test"), digests(folder / "runs/test")
    assert {f"results/lenet5/{table}.csv" for table in TABLES} <= set(made)
    assert made == {path: local[path] for path in made}
    assert jobs(folder, *TARGETS) == set(), "a local run does not know what Slurm made"


def test_slurm_knows_what_a_local_run_made(slurm, finished, tmp_path):
    folder = Path(shutil.copytree(finished, tmp_path / "project", symlinks=True))
    run = subprocess.run(command(), cwd=folder, env=slurm, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    assert "Nothing to be done" in run.stdout + run.stderr
