"""How fast a whole altered network runs, beside plain torch at its best batch size, as a Markdown table.

    SPAREBITS_DATA=... python -m benchmarks.whole_network

Plain torch is eager, its images lie channel by channel (NCHW), and it gets the batch size at which it is fastest. Ours
is what `decide_engine` decides; compiled is the same engine with torch.compile, which the workflow uses where a stage
runs ten times longer than compiling takes. Rounds take turns; each figure is the best round. Predictions are compared.
"""

import argparse
import time
from dataclasses import replace

import numpy as np
import torch

from benchmarks.networks import evaluators
from sparebits.commandline import run
from sparebits.engine.choice import Engine
from sparebits.engine.decision import BATCH_SIZES, decide
from sparebits.evaluation import Evaluator


def main(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    print(f"{arguments.threads} threads\n")
    print("| network | plain: batch | ms an image | ours | ms an image | ratio | compiled, ratio | compiling, s |")
    print("|---|--:|--:|---|--:|--:|--:|--:|")
    for name, evaluator in evaluators():
        indices = np.arange(len(evaluator.images.labels))
        sample = indices[:512]
        plain = {size: _with(evaluator, Engine(size, "contiguous_format")) for size in _sizes(evaluator, sample)}
        engine = decide(evaluator, 0, None, 1024)
        ours = _with(evaluator, engine)
        compiled = _with(evaluator, replace(engine, compiled_from=0))
        compiled.prepare(0)
        started = time.perf_counter()
        _seconds(compiled, sample)
        compiling = time.perf_counter() - started
        best = _best({**plain, "ours": ours, "compiled": compiled}, sample, arguments.rounds)
        size = min(plain, key=best.get)
        words = evaluator.parameters.golden ^ np.uint32(1 << 12)
        same = [
            np.array_equal(plain[size].predict(words, indices), e.predict(words, indices)) for e in (ours, compiled)
        ]
        if not all(same):
            raise SystemExit(f"error: predictions of {name} differ: ours, compiled as plain: {same}")
        each = {key: 1e3 * seconds / len(sample) for key, seconds in best.items()}
        form = "channels last" if engine.memory_format == "channels_last" else "NCHW"
        print(
            f"| {name} | {size} | {each[size]:.3f} | {form}, batch {engine.batch_size} | {each['ours']:.3f} "
            f"| {best[size] / best['ours']:.2f} | {best[size] / best['compiled']:.2f} | {compiling:.0f} |",
            flush=True,
        )


def _sizes(evaluator: Evaluator, sample: np.ndarray) -> list[int]:
    largest = 16 if evaluator.images.pixels.shape[1] > 64 else 512
    return [size for size in BATCH_SIZES if size <= min(largest, len(sample)) and size >= largest // 16]


def _with(evaluator: Evaluator, engine: Engine) -> Evaluator:
    return Evaluator(evaluator.parameters, evaluator.images, engine)


def _best(tried: dict, sample: np.ndarray, rounds: int) -> dict:
    best = dict.fromkeys(tried, np.inf)
    for _ in range(rounds):
        for key, evaluator in tried.items():
            best[key] = min(best[key], _seconds(evaluator, sample))
    return best


def _seconds(evaluator: Evaluator, sample: np.ndarray) -> float:
    started = time.perf_counter()
    evaluator.predict(evaluator.parameters.golden, sample)
    return time.perf_counter() - started


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--rounds", type=int, default=6)
    run(main, parser)
