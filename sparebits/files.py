"""Output files that appear whole or not at all."""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; it becomes `path` when the block ends well and is removed otherwise."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def continued_file(path: str | Path, setup: str) -> Iterator[BinaryIO]:
    """Give a file beside `path`, open for appending, that becomes `path` when the block ends well.

    If it does not, also by a kill, the next call with the same setup gives it again, with what was written so far; a
    call with another setup removes it.

    Args:
        path: of the whole file.
        setup: all that its content depends on.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{hashlib.sha256(setup.encode()).hexdigest()[:16]}.partial")
    for other in path.parent.glob(f".{path.name}.*.partial"):
        if other != temporary:
            other.unlink(missing_ok=True)
    with open(temporary, "a+b") as file:
        # A script whose Snakemake was killed ends within a second.
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file
        file.flush()
        os.fsync(file.fileno())
        os.replace(temporary, path)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; it replaces `path` when the block ends well and is removed otherwise."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.mkdir()
        yield temporary
        shutil.rmtree(path, ignore_errors=True)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_table(path: str | Path, table: pd.DataFrame) -> None:
    """Write a tidy CSV: comma, header, one observation a row; floats as their shortest exact decimals."""
    with whole_file(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def write_arrays(path: str | Path, **arrays: np.ndarray) -> None:
    """Write an uncompressed .npz; the same arrays give the same bytes."""
    with whole_file(path) as temporary, open(temporary, "wb") as archive:
        np.savez(archive, **arrays)
