"""Compiled kernels that numba keeps beside the modules: what was cut off is removed, so that it is compiled again."""

import pickletools
from pathlib import Path


def remove_truncated(folder: str | Path) -> list[Path]:
    """Remove files of numba's cache that end too early.

    numba writes its cache whole or not at all, but fails on every call once a file of it was cut off by other means.
    Kernels whose files are missing are compiled again.

    Args:
        folder: looked through with everything below.

    Returns:
        what was removed, sorted.
    """
    suffixes = {".nbi": 2, ".nbc": 1}
    files = sorted(file for file in Path(folder).rglob("__pycache__/*.nb?") if file.suffix in suffixes)
    truncated = [file for file in files if not _holds_pickles(file, suffixes[file.suffix])]
    for file in truncated:
        file.unlink(missing_ok=True)
    return truncated


def _holds_pickles(path: Path, count: int) -> bool:
    """Whether a file is that many pickles and nothing else, by their structure: nothing is unpickled."""
    try:
        with open(path, "rb") as file:
            for _ in range(count):
                for _ in pickletools.genops(file):
                    pass
            return not file.read(1)
    except FileNotFoundError:
        # Another process may have replaced it.
        return True
    except ValueError:
        return False
