"""Running the workflow in copies of the project, for tests."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil

PROJECT = Path(__file__).parents[1]
PARTS = ["Snakefile", "config.yaml", "config", "networks", "profiles", "reports", "rules", "schemas", "scripts"]
PARTS += ["sparebits", "benchmarks", "reference", "requirements.lock"]
CONFIG = "config/test.yaml"
TABLES = ["golden", "bits", "exponents", "tensors", "lsb", "rounding", "combined", "bit_classes", "ecc"]
TABLES += ["layouts", "failed_words", "finalists", "frontier", "faults", "campaign", "word_counts", "comparison"]
TABLES += ["ablation", "attack", "costs", "restoration", "modified", "free_bits"]


def snakemake(folder: Path, *options: str, config: str = CONFIG) -> subprocess.CompletedProcess:
    """Run Snakemake in a copy of the project, as a user would."""
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *options, "--configfile", config]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=900)


def environment() -> dict:
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def copy_project(folder: Path) -> Path:
    for part in PARTS:
        source = PROJECT / part
        if source.is_dir():
            # With __pycache__, where numba keeps what it compiled; times are copied too, so that it stays valid.
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("*.html", "figures*"))
        else:
            shutil.copy2(source, folder / part)
    return folder


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every result, by its path."""
    files = [
        file for part in ("results", "summary", "reports") for file in (folder / part).rglob("*") if file.is_file()
    ]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def finished_project(shared: Path) -> Path:
    """A copy of the project in which the test config has run, made once for all test processes of a session.

    Args:
        shared: a folder that all of them see.
    """
    folder = shared / "finished"
    with open(shared / "finished.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / "finished.done").exists():
            folder.mkdir()
            run = snakemake(copy_project(folder))
            assert run.returncode == 0, run.stderr
            (shared / "finished.done").touch()
    return folder


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


def scripts_in(folder: Path) -> list[int]:
    """Processes of this project's job scripts that watch for their parent's end."""
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
