"""What is cut off of numba's cache is compiled again."""

import subprocess
import sys

import pytest

from sparebits.kernel_cache import remove_truncated

KERNEL = """
import numba

@numba.njit(cache=True)
def double(value):
    return value + value
"""


@pytest.fixture
def doubled(tmp_path, monkeypatch):
    """Runs a cached kernel in a process of its own: what it gives, and how often the cache had it."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    (tmp_path / "kernel.py").write_text(KERNEL)
    code = "import kernel; print(kernel.double(21), sum(kernel.double.stats.cache_hits.values()))"

    def run() -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)

    assert run().stdout == "42 0\n"
    return run


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
def test_a_file_that_was_cut_off_is_removed_and_the_kernel_works_again(doubled, tmp_path, suffix):
    assert remove_truncated(tmp_path) == []
    (file,) = (tmp_path / "__pycache__").glob(f"*{suffix}")
    whole = file.read_bytes()
    for length in (0, 1, 20, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert remove_truncated(tmp_path) == [file]
    file.write_bytes(whole[:-9])
    assert doubled().returncode != 0, "numba gets over it by itself; this module is not needed any more"
    assert remove_truncated(tmp_path) == [file]
    assert doubled().stdout == "42 0\n"
