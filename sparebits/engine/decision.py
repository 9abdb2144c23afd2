"""The choice of an engine: the fastest way of running a whole network that predicts the same as plain torch."""

import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from sparebits.engine.choice import MEMORY_FORMATS, Engine
from sparebits.evaluation import Evaluator
from sparebits.faults.ber import PARAMETERS, ber_mask
from sparebits.parameters import FlatParameters

PLAIN = Engine(batch_size=256, memory_format="contiguous_format")
"""What predictions are compared with: eager torch, images channel by channel."""
BATCH_SIZES = (4, 8, 16, 32, 64, 128, 256, 512)
TIMED_IMAGES = 512
ROUNDS = 3
CLEARLY_FASTER = 0.8
"""A choice by rule is only given up for one that takes at most this share of its time: timings are noisy."""
LARGEST_RESULT = 8 << 20
"""Bytes of a layer's result in a batch, by which the rule chooses: larger ones leave the caches."""
WORTH_KEEPING = 0.95
"""A compiled network has to take at most this share of the time."""
WORTH_COMPILING = 10
"""A stage compiles if it takes so many times as long as compiling."""
LEAST_COMPILING_S = 5.0
"""Nothing compiles faster; so shorter stages need not try."""


def decide(evaluator: Evaluator, evaluations: int, batch_size: int | None, memory_mb: int) -> Engine:
    """The engine of a network.

    A rule chooses (channels last, batches by the size of the largest result), measured times correct it where they
    clearly differ, and the choice counts only if its predictions are those of plain torch on all images, for the golden
    words and three altered variants; else the next one is tried.

    Args:
        evaluator: of the network; its own engine plays no part.
        evaluations: inferences of an image in the longest stage, for which compiling may pay.
        batch_size: fixed by the user, or None.
        memory_mb: that a batch's largest two results may take.
    """
    indices = np.arange(len(evaluator.images.labels))
    variants = list(_variants(evaluator.parameters))
    expected = [_with(evaluator, PLAIN).predict(words, indices) for words in variants]

    def agrees(engine: Engine, compiles: bool = False) -> bool:
        tried = _with(evaluator, engine)
        tried.prepare(evaluations if compiles else 0)
        return all(
            np.array_equal(tried.predict(words, indices), golden)
            for words, golden in zip(variants, expected, strict=True)
        )

    sample = indices[:TIMED_IMAGES]
    largest = _largest_result(evaluator)
    by_rule = Engine(batch_size or _size_by_rule(largest, len(indices)))
    sizes = {by_rule.batch_size}
    if not batch_size:
        near = [size for size in BATCH_SIZES if by_rule.batch_size / 4 <= size <= by_rule.batch_size]
        sizes |= {size for size in near if size <= len(sample) and 2 * size * largest <= memory_mb << 20}
    candidates = {Engine(size, form) for size in sizes for form in MEMORY_FORMATS}
    times = _times([_with(evaluator, engine) for engine in sorted(candidates, key=_order)], sample)
    ranked = sorted(times, key=lambda engine: times[engine] * (CLEARLY_FASTER if engine == by_rule else 1))
    chosen = next((engine for engine in ranked if agrees(engine)), replace(PLAIN, batch_size=by_rule.batch_size))
    return _compiled_if_worth(evaluator, chosen, times.get(chosen), evaluations, sample, agrees)


def _compiled_if_worth(evaluator, chosen: Engine, seconds: float | None, evaluations: int, sample, agrees) -> Engine:
    """The engine with `compiled_from`, if compiling can pay, is faster and predicts the same."""
    if seconds is None or seconds / len(sample) * evaluations < WORTH_COMPILING * LEAST_COMPILING_S:
        return chosen
    tried = _with(evaluator, replace(chosen, compiled_from=1))
    tried.prepare(1)
    started = time.perf_counter()
    _time(tried, sample)
    compiling = time.perf_counter() - started
    compiled = min(_time(tried, sample) for _ in range(ROUNDS))
    if compiled > WORTH_KEEPING * seconds:
        return chosen
    # Rounded up to a power of two, so that noise moves it seldom.
    needed = WORTH_COMPILING * compiling * len(sample) / compiled
    engine = replace(chosen, compiled_from=1 << max(0, int(np.ceil(np.log2(needed)))))
    return engine if engine.is_worth_compiling(evaluations) and agrees(engine, compiles=True) else chosen


def _with(evaluator: Evaluator, engine: Engine) -> Evaluator:
    return Evaluator(evaluator.parameters, evaluator.images, engine, evaluator.device)


def _variants(parameters: FlatParameters) -> Iterator[np.ndarray]:
    """Golden words and three alterations: two thirds of the mantissa cleared, set, and bits flipped at random."""
    golden, fmt = parameters.golden, parameters.fmt
    low = fmt.word_dtype.type((1 << (2 * fmt.mantissa_bits // 3)) - 1)
    yield golden
    yield golden & ~low
    yield golden | low
    yield golden ^ ber_mask(1, PARAMETERS, len(golden), fmt.width, 1e-5)


def _order(engine: Engine) -> tuple:
    return engine.batch_size, engine.memory_format


def _largest_result(evaluator: Evaluator) -> int:
    """Bytes an image of the largest tensor that a module gives."""
    sizes = []

    def note(module, inputs, output) -> None:
        if isinstance(output, torch.Tensor):
            sizes.append(output.nbytes // 2)

    handles = [module.register_forward_hook(note) for module in evaluator.parameters.model.modules()]
    try:
        evaluator.logits(np.array([0, len(evaluator.images.labels) - 1]))
    finally:
        for handle in handles:
            handle.remove()
    return max(sizes)


def _size_by_rule(largest: int, images: int) -> int:
    fitting = [size for size in BATCH_SIZES if size * largest <= LARGEST_RESULT and size <= max(images, 4)]
    return max(fitting, default=BATCH_SIZES[0])


def _times(evaluators: list[Evaluator], sample: np.ndarray) -> dict[Engine, float]:
    """Seconds of each for the sample: the best of some rounds in which all take their turn; slow ones leave early."""
    best = {evaluator.engine: np.inf for evaluator in evaluators}
    for _ in range(ROUNDS):
        fastest = min(best.values())
        for evaluator in evaluators:
            if best[evaluator.engine] <= 1.5 * fastest or not np.isfinite(fastest):
                best[evaluator.engine] = min(best[evaluator.engine], _time(evaluator, sample))
    return best


def _time(evaluator: Evaluator, sample: np.ndarray) -> float:
    started = time.perf_counter()
    evaluator.predict(evaluator.parameters.golden, sample)
    if evaluator.device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - started
