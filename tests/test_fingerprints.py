"""A result that is not what its rule wrote is noticed, and only such a one."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from sparebits import files, fingerprints
from sparebits.errors import InputError


@pytest.fixture
def table(tmp_path, monkeypatch) -> Path:
    """A recorded file, named as seen from the working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "_recorded", False)
    files.record_fingerprints()
    files.write_text("results/golden.csv", "hit\n1\n")
    return Path("results/golden.csv")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"1\n")


@pytest.mark.parametrize("damage", [flip, truncate, grow, lambda path: path.write_bytes(b"")])
@pytest.mark.parametrize("keep_time", [False, True])
def test_damage_is_told_with_the_remedy_also_where_times_are_as_before(table, damage, keep_time):
    before = table.stat()
    damage(table)
    if keep_time:
        os.utime(table, ns=(before.st_atime_ns, before.st_mtime_ns))
    for looked_at in (None, [table], [table.absolute()]):
        with pytest.raises(
            InputError, match=r"not what their rules wrote.*\n  results/golden\.csv\n.*rm results/golden"
        ):
            fingerprints.require_unchanged(looked_at)


def test_what_is_as_it_was_written_passes(table):
    fingerprints.require_unchanged()
    table.touch()
    fingerprints.require_unchanged()
    content = table.read_bytes()
    table.unlink()
    fingerprints.require_unchanged()
    table.write_bytes(content)
    fingerprints.require_unchanged()


def test_other_files_are_not_judged(table):
    Path("results/other.csv").write_text("x")
    flip(table)
    fingerprints.require_unchanged(["results/other.csv", "results", "no such file", "0.5"])


def test_writing_again_or_renewing_takes_a_file_as_it_is(table):
    flip(table)
    fingerprints.renew()
    fingerprints.require_unchanged()
    flip(table)
    files.write_text(table, "hit\n0\n")
    fingerprints.require_unchanged()


def test_large_files_are_read_where_size_or_time_changed(table, monkeypatch):
    monkeypatch.setattr(fingerprints, "LARGE", 1)
    read = []
    digest = fingerprints.sha256_of
    monkeypatch.setattr(fingerprints, "sha256_of", lambda path: read.append(path) or digest(path))
    fingerprints.require_unchanged()
    assert read == []
    os.utime(table, (1, 1))
    fingerprints.require_unchanged()
    assert read
    flip(table)
    with pytest.raises(InputError):
        fingerprints.require_unchanged()


def test_a_kill_between_writing_and_recording_leaves_a_file_that_is_not_judged(table, monkeypatch):
    """No later run takes the new content for a damaged old one."""
    monkeypatch.setattr(fingerprints, "record", lambda path: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        files.write_text(table, "hit\n0\n")
    assert table.read_text() == "hit\n0\n"
    fingerprints.require_unchanged()


def test_files_in_folders_are_known(table):
    with files.whole_folder("reports/figures") as folder:
        (folder / "a.svg").write_text("<svg/>")
    fingerprints.require_unchanged()
    Path("reports/figures/a.svg").write_text("<svg")
    with pytest.raises(InputError, match=r"reports/figures/a\.svg"):
        fingerprints.require_unchanged()


def test_what_git_has_committed_passes(table):
    """A pull brings summaries that no rule wrote here."""
    git = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost"]
    flip(table)
    subprocess.run([*git, "init", "--quiet"], check=True)
    with pytest.raises(InputError):
        fingerprints.require_unchanged()
    subprocess.run([*git, "add", str(table)], check=True)
    subprocess.run([*git, "commit", "--quiet", "-m", "pulled"], check=True)
    fingerprints.require_unchanged()
    truncate(table)
    with pytest.raises(InputError):
        fingerprints.require_unchanged()


@pytest.mark.parametrize("content", ["", "{", "[]", json.dumps({"path": 3})])
def test_a_damaged_fingerprint_is_told(table, content):
    (kept,) = fingerprints.FOLDER.glob("*.json")
    kept.write_text(content)
    with pytest.raises(InputError, match="is damaged"):
        fingerprints.require_unchanged()


def test_nothing_is_recorded_outside_a_workflow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "_recorded", False)
    files.write_text("golden.csv", "hit\n1\n")
    assert [path.name for path in tmp_path.iterdir()] == ["golden.csv"]
