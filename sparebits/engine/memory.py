"""Memory that the process keeps once it has it."""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of mallopt, in glibc's malloc.h."""
_LARGEST = 2**30


def keep_freed_memory() -> None:
    """Let the C library keep freed blocks of up to 1 GiB for the next results instead of giving them back.

    Otherwise the system supplies, and clears, new pages for nearly every large result, which takes a third of the time
    of convolutions of few channels. Does nothing where the C library is not glibc.
    """
    if sys.platform != "linux":
        return
    try:
        adjust = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    adjust(_MMAP_THRESHOLD, _LARGEST)
    adjust(_TRIM_THRESHOLD, 2 * _LARGEST - 1)
