"""A lock that only a living process holds."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sparebits.errors import InputError
from sparebits.locking import hold_lock

ROOT = Path(__file__).parents[1]

HOLDER = """
import sys, time
from sparebits.locking import hold_lock
hold_lock(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Starts processes that hold a lock until they are killed."""
    started = []

    def start(path: Path) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_lock_is_refused_while_another_process_lives_and_free_once_it_is_killed(tmp_path, holder):
    lock = tmp_path / "logs" / ".lock"
    other = holder(lock)
    for _ in range(2):
        with pytest.raises(InputError, match=f"another run, process {other.pid}, works in {tmp_path}/logs"):
            hold_lock(lock)
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    assert lock.exists()
    hold_lock(lock)
    assert lock.read_text() == str(os.getpid())


def test_a_lock_of_a_killed_process_can_be_held_by_the_next_one(tmp_path, holder):
    lock = tmp_path / ".lock"
    first = holder(lock)
    first.kill()
    first.wait()
    second = holder(lock)
    assert lock.read_text() == str(second.pid)
    with pytest.raises(InputError, match=f"process {second.pid}"):
        hold_lock(lock)


def test_locks_of_different_folders_do_not_meet(tmp_path, holder):
    holder(tmp_path / "a" / ".lock")
    hold_lock(tmp_path / "b" / ".lock")
    assert (tmp_path / "b" / ".lock").read_text() == str(os.getpid())
