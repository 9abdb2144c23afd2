"""How fast words are altered, beside a loop over single values as in the thesis' Code Fragment 8, as a Markdown table.

    python -m benchmarks.alter_words

ShuffleNetV2 x2.0 has 7,427,712 words. The loop takes one value of a tensor after the other, reads it as an integer,
changes it and puts it back; it is timed on a part of the words, as all would take minutes, and its results are compared
with ours.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from sparebits.alterations import alter_low_bits, round_exponents
from sparebits.commandline import run
from sparebits.formats import FORMATS

FMT = FORMATS["float32"]
FLOOR, BIT = 0x78, 16


def main(arguments: argparse.Namespace) -> None:
    random = np.random.default_rng(1)
    words = (random.standard_normal(arguments.words, dtype=np.float32) * np.float32(0.05)).view(np.uint32)
    print(f"{arguments.words:,} words, the loop over {arguments.part:,} of them\n")
    print("| what | loop, million words/s | here, million words/s | ratio |")
    print("|---|--:|--:|--:|")
    for what, ours, one in (
        (f"bits {BIT}..0 altered", lambda part: alter_low_bits(part, BIT, FMT), _altered),
        (f"exponents rounded to {FLOOR:#x}", lambda part: round_exponents(part, FLOOR, FMT), _rounded),
    ):
        part = words[: arguments.part]
        looped, slow = _by_loop(part, one)
        if not np.array_equal(looped, ours(part)):
            raise SystemExit("error: the loop and ours differ")
        fast = min(_seconds(lambda ours=ours: ours(words)) for _ in range(7))
        theirs, here = len(part) / slow, len(words) / fast
        print(f"| {what} | {theirs / 1e6:.3f} | {here / 1e6:,.0f} | {here / theirs:,.0f} |", flush=True)


def _by_loop(words: np.ndarray, one: Callable[[int], int]) -> tuple[np.ndarray, float]:
    """The words altered one by one through a torch tensor, and the seconds it takes."""
    values = torch.from_numpy(words.copy().view(np.float32))
    start = time.perf_counter()
    for place in range(len(values)):
        pattern = int(np.frombuffer(values[place].view(torch.int32).numpy().tobytes(), dtype=np.uint32)[0])
        changed = np.frombuffer(np.uint32(one(pattern)).tobytes(), dtype=np.int32)[0]
        values[place] = torch.tensor(changed, dtype=torch.int32).view(torch.float32)
    return values.numpy().view(np.uint32), time.perf_counter() - start


def _altered(pattern: int) -> int:
    low = (1 << (BIT + 1)) - 1
    return pattern & ~low if pattern >> BIT & 1 else pattern | low


def _rounded(pattern: int) -> int:
    sign, exponent = pattern & 0x80000000, (pattern & 0x7F800000) >> 23
    return sign | FLOOR << 23 if exponent < FLOOR else pattern


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=7_427_712)
    parser.add_argument("--part", type=int, default=50_000, help="words that the loop is timed on")
    run(main, parser)
