"""Output files that appear whole or not at all."""

import errno
import fcntl
import hashlib
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd

from sparebits import fingerprints
from sparebits.errors import InputError

_recorded = False


def record_fingerprints() -> None:
    """From now on keep the fingerprint of every whole file, and of all in whole folders, that this process writes."""
    global _recorded
    _recorded = True


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside `path`; it becomes `path` when the block ends well and is removed otherwise."""
    path = Path(path)
    temporary = _beside(path, path.suffix)
    with full_disk_told(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            with open(temporary, "rb") as written:
                os.fsync(written.fileno())
            _put(temporary, path, [path])
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def continued_file(path: str | Path, setup: str) -> Iterator[BinaryIO]:
    """Give a file beside `path`, open for appending, that becomes `path` when the block ends well.

    If it does not, also by a kill or on a full disk, the next call with the same setup gives it again, with what was
    written so far; a call with another setup removes it.

    Args:
        path: of the whole file.
        setup: all that its content depends on.
    """
    path = Path(path)
    with full_disk_told(path, "what was written so far is taken up again"):
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
            _put(temporary, path, [path])


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; it replaces `path` when the block ends well and is removed otherwise."""
    path = Path(path)
    temporary = _beside(path)
    with full_disk_told(path):
        try:
            temporary.mkdir(parents=True)
            yield temporary
            shutil.rmtree(path, ignore_errors=True)
            files = [file.relative_to(temporary) for file in temporary.rglob("*") if file.is_file()]
            _put(temporary, path, [path / file for file in files])
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def full_disk_told(path: str | Path, kept: str = "nothing half-written was kept") -> Iterator[None]:
    """Turn what is raised while `path` is written on a full disk into a sentence that names file and disk.

    Args:
        kept: what becomes of what was written.

    Raises:
        InputError: if the block ended because no space is left, or none that the user may fill.
    """
    try:
        yield
    except Exception as error:
        # safetensors raises an error of its own, with the operating system's number in its text.
        numbers = [n for n in _NO_SPACE if getattr(error, "errno", 0) == n or f"(os error {n})" in str(error)]
        if not numbers:
            raise
        disk = next(folder for folder in Path(path).absolute().parents if folder.is_dir())
        raise InputError(
            f"{path} could not be written ({os.strerror(numbers[0])}), {kept}; the disk of "
            f"{disk} has {shutil.disk_usage(disk).free} bytes free: make room and start the same command again"
        ) from None


_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def remove_unfinished(folder: str | Path) -> None:
    """Remove what killed processes were writing below a folder; nobody else may be writing there."""
    for unfinished in Path(folder).rglob(f".*{_UNFINISHED}*"):
        if unfinished.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
        else:
            unfinished.unlink(missing_ok=True)


_UNFINISHED = ".unfinished"


def _beside(path: Path, suffix: str = "") -> Path:
    """A name that no other process of any machine writes to."""
    return path.with_name(f".{path.name}.{socket.gethostname()}-{os.getpid()}{_UNFINISHED}{suffix}")


def _put(temporary: Path, path: Path, files: list[Path]) -> None:
    """Give what was written its name. Killed at any moment, a file has the fingerprint of itself or none."""
    if _recorded:
        for file in files:
            fingerprints.forget(file)
    os.replace(temporary, path)
    if _recorded:
        for file in files:
            fingerprints.record(file)


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
