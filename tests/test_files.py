"""Output files appear whole or not at all, and are the same bytes for the same content."""

import numpy as np
import pandas as pd
import pytest

from sparebits.files import whole_file, write_arrays, write_table, write_text


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
