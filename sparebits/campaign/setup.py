"""What the trials of a campaign depend on, for its journal."""

import hashlib
from pathlib import Path
from typing import Any

from sparebits.provenance import sha256_of
from sparebits.sources import sources


def setup_of(script: str, files: dict[str, str], options: dict[str, Any]) -> dict[str, Any]:
    """The setup of a campaign: code and input files by their hashes, and options as they are.

    Args:
        script: the Python file that runs it.
        files: by what they are, paths.
        options: what JSON can hold.
    """
    code = hashlib.sha256()
    for path in [script, *sources(script)]:
        # By its name, as the project may lie anywhere.
        code.update(f"{Path(path).name} {sha256_of(path)}\n".encode())
    return {**options, **{name: sha256_of(path) for name, path in files.items()}, "code": code.hexdigest()}
