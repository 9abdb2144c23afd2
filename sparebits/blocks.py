"""Work on many words, block by block, on as many threads as numba may use."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numba

Result = TypeVar("Result")

BLOCK = 1 << 18
"""Words of a block: its 32-bit words, their values and their errors stay in the caches."""


def map_blocks(
    worker: Callable[[Iterator[slice]], list[tuple[int, Result]]], count: int, size: int = BLOCK
) -> list[Result]:
    """The results for the blocks of 0..count - 1, in order.

    Threads are worth it because the kernels release the interpreter's lock. Blocks do not depend on the number of
    threads, NUMBA_NUM_THREADS, so neither does any result. Unlike numba's own parallel loops, several threads may do
    this at once, and a process may fork afterwards.

    Args:
        worker: is called once a thread; takes blocks until there are no more, and returns the start and the result of
            each that it took.
        count: words.
        size: of a block.
    """
    blocks = iter([slice(start, min(start + size, count)) for start in range(0, count, size)])
    threads = min(numba.config.NUMBA_NUM_THREADS, -(-count // size))
    if threads <= 1:
        return [result for _, result in worker(blocks)]
    with ThreadPoolExecutor(threads) as pool:
        # All draw from one iterator, so a thread that is held up takes fewer blocks.
        found = [future.result() for future in [pool.submit(worker, blocks) for _ in range(threads)]]
    return [result for _, result in sorted((pair for part in found for pair in part), key=lambda pair: pair[0])]
