"""Output files appear whole or not at all, and are the same bytes for the same content."""

import errno
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sparebits.errors import InputError
from sparebits.files import remove_unfinished, whole_file, write_arrays, write_table, write_text


def test_a_whole_file_appears_with_its_folder_and_nothing_else(tmp_path):
    with whole_file(tmp_path / "a" / "b" / "out.csv") as temporary:
        temporary.write_text("text")
        assert not (tmp_path / "a" / "b" / "out.csv").exists()
        assert temporary.suffix == ".csv"
    assert [file.name for file in (tmp_path / "a" / "b").iterdir()] == ["out.csv"]
    assert (tmp_path / "a" / "b" / "out.csv").read_text() == "text"


def write_half(path, error: type[BaseException]) -> None:
    """Fail in the middle of writing a file."""
    with whole_file(path) as temporary:
        temporary.write_text("half")
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_exception_leaves_nothing(tmp_path, error):
    with pytest.raises(error):
        write_half(tmp_path / "out.npy", error)
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_the_old_file(tmp_path):
    write_text(tmp_path / "out.txt", "old")
    with pytest.raises(RuntimeError):
        write_half(tmp_path / "out.txt", RuntimeError)
    assert [file.name for file in tmp_path.iterdir()] == ["out.txt"]
    assert (tmp_path / "out.txt").read_text() == "old"


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "out.txt"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_text_is_utf_8_without_translation(tmp_path):
    write_text(tmp_path / "out.txt", "µ\n—\n")
    assert (tmp_path / "out.txt").read_bytes() == "µ\n—\n".encode()


def test_tables_keep_every_bit_of_a_float(tmp_path):
    values = [0.1, 1 / 3, 1e-300, 5e-324, 1.0, 123456789.123456789]
    write_table(tmp_path / "out.csv", pd.DataFrame({"name": list("abcdef"), "value": values}))
    content = (tmp_path / "out.csv").read_bytes()
    assert b"\r" not in content
    assert content.startswith(b"name,value\na,0.1\n")
    read = [float(line.split(",")[1]) for line in content.decode().splitlines()[1:]]
    assert read == values


def test_the_same_arrays_give_the_same_bytes(tmp_path, monkeypatch):
    for name, now in (("one", 1.7e9), ("two", 1.8e9)):
        monkeypatch.setattr("time.time", lambda now=now: now)
        arrays = {"variants": np.array(["golden", "lsb/3"]), "predictions": np.arange(6, dtype=np.uint16).reshape(2, 3)}
        write_arrays(tmp_path / f"{name}.npz", **arrays)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    read = np.load(tmp_path / "one.npz", allow_pickle=False)
    assert read["variants"].tolist() == ["golden", "lsb/3"]
    assert read["predictions"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_what_a_kill_left_unfinished_is_removed_and_nothing_else(tmp_path):
    write_text(tmp_path / "a" / "out.csv", "whole")
    (tmp_path / "a" / "out.csv.partial").write_text("a journal")
    code = "import os, sys; from sparebits.files import whole_file, whole_folder\n"
    code += "with whole_file(sys.argv[1] + '/a/out.csv') as file, whole_folder(sys.argv[1] + '/figures') as folder:\n"
    code += "    file.write_text('half'); (folder / 'half.svg').write_text('half'); os.kill(os.getpid(), 9)\n"
    subprocess.run([sys.executable, "-c", code, tmp_path], cwd=Path(__file__).parents[1])
    assert len([file for file in tmp_path.rglob("*") if "half" in file.name or ".csv" in file.name]) == 4
    remove_unfinished(tmp_path)
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["a", "out.csv", "out.csv.partial"]
    assert (tmp_path / "a" / "out.csv").read_text() == "whole"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space"), RuntimeError("I/O error (os error 28)")])
def test_a_full_disk_is_told_with_file_and_disk(tmp_path, error):
    with pytest.raises(InputError, match=rf"out\.csv could not be written \(No space.*the disk of {tmp_path} has \d+"):
        write_half(tmp_path / "out.csv", error)
    assert list(tmp_path.iterdir()) == []


def test_another_error_stays_what_it_is(tmp_path):
    with pytest.raises(PermissionError):
        write_half(tmp_path / "out.csv", PermissionError(errno.EACCES, "denied"))
