"""What a result was when its rule wrote it, so that a damaged or edited one is noticed and never taken for a result.

A fingerprint is kept for every file that a script of the workflow writes, in Snakemake's own folder. Files without one,
such as those that `dvc checkout` brings into a clone, are not judged.
"""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sparebits.errors import InputError
from sparebits.provenance import sha256_of

FOLDER = Path(".snakemake/fingerprints")
"""Where fingerprints lie, below the folder in which Snakemake was started."""
LARGE = 1 << 28
"""Bytes from which a file is read again only where its size or time of change is another."""
_NOT_JUDGED: dict[str, Any] = {}


def record(path: str | Path) -> None:
    """Keep what a file is now."""
    place = _place(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.name}.{os.getpid()}")
    temporary.write_text(json.dumps({"path": _name(path), **_state(path), "sha256": sha256_of(path)}))
    os.replace(temporary, place)


def forget(path: str | Path) -> None:
    """Keep nothing of a file; to be called before it is written anew."""
    _place(path).unlink(missing_ok=True)


def renew() -> None:
    """Take all files that have a fingerprint as they are now."""
    for kept in _all():
        if Path(kept["path"]).is_file():
            record(kept["path"])
        else:
            forget(kept["path"])


def require_unchanged(paths: Iterable[str | Path] | None = None) -> None:
    """Find out whether files are still what their rules wrote.

    A file that git finds as it was committed passes, whoever wrote it. So does a missing one: Snakemake makes it again.

    Args:
        paths: of these files those with a fingerprint are looked at; None for all that have one.

    Raises:
        InputError: names those that are not, and what to do.
    """
    changed = sorted(kept["path"] for kept in (_all() if paths is None else map(_read, paths)) if _has_changed(kept))
    if changed:
        raise InputError(
            "not what their rules wrote, but damaged or edited since:\n  "
            + "\n  ".join(changed)
            + f"\nhave them made again: rm {' '.join(changed)}\n"
            "or, if they are right as they are (after `dvc checkout`, where `dvc status` is clean): snakemake --touch"
        )


def _has_changed(kept: dict[str, Any]) -> bool:
    if not kept or not os.path.isfile(kept["path"]) or _is_same(kept):
        return False
    # Another process may have written the file between the look at its fingerprint and at itself.
    again = _read(kept["path"])
    return bool(again) and not _is_same(again) and not _is_committed(kept["path"])


def _is_same(kept: dict[str, Any]) -> bool:
    state = _state(kept["path"])
    if state["bytes"] != kept["bytes"]:
        return False
    if state["bytes"] >= LARGE and state["modified_ns"] == kept["modified_ns"]:
        return True
    return sha256_of(kept["path"]) == kept["sha256"]


def _is_committed(path: str) -> bool:
    known = ["git", "ls-files", "--error-unmatch", "--", path]
    same = ["git", "diff", "--quiet", "HEAD", "--", path]
    try:
        return all(subprocess.run(command, capture_output=True).returncode == 0 for command in (known, same))
    except FileNotFoundError:
        return False


def _all() -> list[dict[str, Any]]:
    return [kept for place in sorted(FOLDER.glob("*.json")) if (kept := _read_place(place))]


def _read(path: str | Path) -> dict[str, Any]:
    return _read_place(_place(path))


def _read_place(place: Path) -> dict[str, Any]:
    try:
        kept = json.loads(place.read_text())
        if {*kept} >= {"path", "bytes", "modified_ns", "sha256"}:
            return kept
    except FileNotFoundError:
        return _NOT_JUDGED
    except (ValueError, TypeError):
        pass
    raise InputError(
        f"{place} is damaged, so it is not known whether a result is still what its rule wrote; remove it, and with it "
        "results that you do not trust"
    )


def _place(path: str | Path) -> Path:
    return FOLDER / f"{hashlib.sha256(_name(path).encode()).hexdigest()[:32]}.json"


def _name(path: str | Path) -> str:
    """The path as seen from the working directory, so that a project may be moved."""
    absolute = Path(path).absolute()
    folder = Path.cwd()
    return str(absolute.relative_to(folder) if absolute.is_relative_to(folder) else absolute)


def _state(path: str | Path) -> dict[str, int]:
    status = os.stat(path)
    return {"bytes": status.st_size, "modified_ns": status.st_mtime_ns}
