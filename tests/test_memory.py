"""Many images never sit in memory: ten times as many take no more of it."""

import pytest

from benchmarks.memory import SIDE, in_a_process

FEW, MANY = 200, 2_000
PIXELS_MIB = MANY * SIDE * SIDE * 3 / 2**20


@pytest.mark.parametrize("what", ["evaluate", "prepare"])
def test_peak_memory_does_not_grow_with_the_images(what):
    few, many = (in_a_process(what, count)[0] for count in (FEW, MANY))
    assert many - few < 0.15 * PIXELS_MIB
