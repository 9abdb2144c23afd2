"""Finished trials survive a kill; a changed setup is refused and told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sparebits.campaign.journal import Journal
from sparebits.campaign.setup import setup_of
from sparebits.errors import InputError

ROOT = Path(__file__).parents[1]
SETUP = {"trials": 20, "bers": [0.1, 0.01], "network": "abc", "injections": {"mine": {"trials": 5, "target": {}}}}


def begun(folder, entries):
    journal = Journal(folder / "campaign.csv", SETUP)
    for entry in entries:
        journal.append(entry)
    return journal


def test_entries_are_there_again_in_their_order(tmp_path):
    begun(tmp_path, [{"trial": 0, "drop": 0.1 + 0.2}, {"trial": 1, "drop": float("inf")}])
    again = Journal(tmp_path / "campaign.csv", SETUP)
    assert again.entries == [{"trial": 0, "drop": 0.1 + 0.2}, {"trial": 1, "drop": float("inf")}]
    again.append({"trial": 2})
    assert [entry["trial"] for entry in Journal(tmp_path / "campaign.csv", SETUP).entries] == [0, 1, 2]


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_what_a_kill_cut_off_does_not_count_and_is_overwritten(tmp_path, cut):
    path = begun(tmp_path, [{"trial": 0}, {"trial": 1}]).path
    path.write_bytes(path.read_bytes()[:-cut])
    again = Journal(tmp_path / "campaign.csv", SETUP)
    assert again.entries == [{"trial": 0}]
    again.append({"trial": 7})
    assert Journal(tmp_path / "campaign.csv", SETUP).entries == [{"trial": 0}, {"trial": 7}]


def test_a_kill_within_the_setup_begins_anew(tmp_path):
    path = begun(tmp_path, []).path
    path.write_bytes(path.read_bytes()[:9])
    assert Journal(tmp_path / "campaign.csv", {"trials": 3}).entries == []


def test_another_setup_is_refused_and_what_differs_is_shown(tmp_path):
    path = begun(tmp_path, [{"trial": 0}]).path
    kept = path.read_bytes()
    injections = {"mine": {"trials": 7, "target": {}}}
    changed = {"trials": 30, "bers": [0.1, 0.01], "code": "new", "injections": injections}
    with pytest.raises(InputError) as raised:
        Journal(tmp_path / "campaign.csv", changed)
    told = str(raised.value)
    assert "trials: 20 then, 30 now" in told
    assert "network: abc then, nothing now" in told
    assert "code: nothing then, new now" in told
    assert "injections.mine.trials: 5 then, 7 now" in told
    assert "bers" not in told
    assert "target" not in told
    assert "campaign.csv.partial holds 1 finished" in told
    assert "delete the file" in told
    assert path.read_bytes() == kept


def test_a_damaged_line_is_told(tmp_path):
    path = begun(tmp_path, [{"trial": 0}]).path
    path.write_bytes(path.read_bytes() + b"{trial\n")
    with pytest.raises(InputError, match=r"campaign\.csv\.partial is damaged"):
        Journal(tmp_path / "campaign.csv", SETUP)


def test_a_finished_journal_is_gone(tmp_path):
    journal = begun(tmp_path, [{"trial": 0}])
    journal.finish()
    assert list(tmp_path.iterdir()) == []
    assert Journal(tmp_path / "campaign.csv", {"other": 1}).entries == []


def test_a_setup_is_its_options_files_and_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "library.py").write_text("x = 1\n")
    (tmp_path / "script.py").write_text("import library\n")
    (tmp_path / "golden.csv").write_text("hit\n1\n")

    def found():
        return setup_of("script.py", {"golden": "golden.csv"}, {"trials": 3})

    first = found()
    assert first["trials"] == 3
    assert found() == first
    for file, text, key in (
        ("golden.csv", "hit\n0\n", "golden"),
        ("library.py", "x = 2\n", "code"),
        ("script.py", "import library as other\n", "code"),
    ):
        before = found()
        (tmp_path / file).write_text(text)
        assert {name for name in before if found()[name] != before[name]} == {key}


def test_a_line_that_was_changed_is_told(tmp_path):
    """Also where it is still a trial's record, of another outcome."""
    path = begun(tmp_path, [{"trial": 0, "hits": 41}]).path
    path.write_bytes(path.read_bytes().replace(b"41", b"47"))
    with pytest.raises(InputError, match=r"campaign\.csv\.partial is damaged"):
        Journal(tmp_path / "campaign.csv", SETUP)


def test_one_process_at_a_time_writes(tmp_path):
    """A job that a killed run left behind, or one of another machine, does not mix its trials in."""
    begun(tmp_path, [{"trial": 0}])
    code = "import sys, json; from sparebits.campaign.journal import Journal\n"
    code += "journal = Journal(sys.argv[1], json.loads(sys.argv[2])); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code, str(tmp_path / "campaign.csv"), json.dumps(SETUP)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=r"another process writes to .*campaign\.csv\.partial"):
            Journal(tmp_path / "campaign.csv", SETUP)
        other.communicate()
    assert Journal(tmp_path / "campaign.csv", SETUP).entries == [{"trial": 0}]
