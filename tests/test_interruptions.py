"""Runs that are killed or collide: the same bytes in the end, no writer left behind, nothing overwritten."""

import random
import signal
import subprocess
import sys

from workflow import CONFIG, copy_project, digests, edit, environment, scripts_in, snakemake, wait_for


def test_same_bytes_after_kills_at_any_moment(finished, tmp_path):
    """Snakemake is killed (-9) at random moments until it gets through; the bytes are those of the undisturbed run."""
    folder = copy_project(tmp_path)
    targets = [f"runs/test/results/lenet5/{table}.csv" for table in ("lsb", "combined", "faults", "campaign")]
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *targets, "--configfile", CONFIG]
    moments = random.Random(1)
    kills = 0
    for _ in range(3):
        run = subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            assert run.wait(timeout=moments.uniform(6, 20)) == 0
            break
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGKILL)
            run.wait()
            kills += 1
    assert kills >= 2
    last = snakemake(folder, *targets)
    assert last.returncode == 0, last.stderr
    undisturbed, made = digests(finished / "runs/test"), digests(folder / "runs/test")
    assert len(made) > len(targets)
    assert made == {path: undisturbed[path] for path in made}


def test_scripts_end_with_a_killed_snakemake(tmp_path):
    folder = copy_project(tmp_path)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--configfile", CONFIG]
    run = subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    scripts = wait_for(lambda: scripts_in(folder), seconds=90)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert scripts
    assert wait_for(lambda: not scripts_in(folder), seconds=30), "an orphaned script still runs"


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
