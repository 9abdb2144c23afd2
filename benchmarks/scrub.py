"""How long scrubbing a file in place takes, by mode, size and bit error rate, beside the time to read the file.

    python -m benchmarks.scrub --output benchmarks/scrub_times.csv

Files of random normal float32 values in a temporary folder. Each is protected, hit by `sparebits flip`, and scrubbed in
a process of its own, which says how much memory it took. Times are those of scrubbing, reading and writing included,
after Python has started and kernels were loaded, which takes some 3 seconds; files are in the page cache.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import save_file

from sparebits.faults.flip_file import flip_file
from sparebits.files import write_table
from sparebits.long_codes.checkpoint import open_long, scrub_long
from sparebits.protection.checkpoint import read_protected, write_repaired
from sparebits.protection.encoding import repair_words

MODES = ("word", "nested", "block")
WORDS = (1_000_000, 5_000_000, 25_000_000)
BERS = (0.0, 0.01, 0.05, 0.1, 0.12)
WARM_UP_WORDS = 20_000
MOST = {"word": 0.05, "nested": 0.1, "block": 0.12}
"""Highest rate at which a mode is timed: the one that it is meant for."""


def main(output: Path, largest: int) -> None:
    machine = f"{_processor()}, {os.cpu_count()} cores"
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        warm = {mode: _protected(Path(folder), mode, WARM_UP_WORDS) for mode in MODES}
        for words in (size for size in WORDS if size <= largest):
            for mode in MODES:
                protected = _protected(Path(folder), mode, words)
                original = protected.read_bytes()
                for ber in (rate for rate in BERS if rate <= MOST[mode]):
                    if ber:
                        flip_file(protected, ber, 1)
                    command = [sys.executable, "-m", "benchmarks.scrub", "--scrub", mode, protected, warm[mode]]
                    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                    rows.append(
                        {"machine": machine, "threads": os.cpu_count(), "mode": mode, "words": words}
                        | {"bytes": len(original), "ber": ber, **found}
                        | {"same_bytes": protected.read_bytes() == original}
                    )
                    print(rows[-1], flush=True)
                    protected.write_bytes(original)
                protected.unlink()
    write_table(output, pd.DataFrame(rows))


def scrub(mode: str, path: Path, warm: Path) -> None:
    """Scrub a file and print seconds, read_seconds, peak_mib (of the process), added_mib (by scrubbing) and failed."""
    _scrub(mode, warm)
    before_mib = _peak_mib()
    start = time.perf_counter()
    with open(path, "rb", buffering=0) as file:
        buffer = bytearray(1 << 20)
        while file.readinto(buffer):
            pass
    read_seconds = time.perf_counter() - start
    start = time.perf_counter()
    failed = _scrub(mode, path)
    seconds = time.perf_counter() - start
    memory = {"peak_mib": _peak_mib(), "added_mib": _peak_mib() - before_mib}
    print(json.dumps({"seconds": seconds, "read_seconds": read_seconds, **memory, "failed": failed}))


def _scrub(mode: str, path: Path) -> int:
    """As the command line does it; the code words or blocks beyond repair."""
    if mode != "word":
        return len(scrub_long(open_long(path))[0].failed)
    checkpoint = read_protected(path)
    stored, reports = repair_words(checkpoint.scheme, checkpoint.words, checkpoint.tensors)
    if any(report.corrected_bits for report in reports):
        write_repaired(path, checkpoint, stored)
    return sum(len(report.detected) for report in reports)


def _peak_mib() -> float:
    """Of this program; what the one that started it had does not count, other than in getrusage."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


def _protected(folder: Path, mode: str, words: int) -> Path:
    plain, protected = folder / "plain.safetensors", folder / f"{mode}-{words}.safetensors"
    values = np.random.default_rng(words).normal(0, 0.05, words).astype(np.float32)
    # Tensors of some layers' sizes.
    save_file({f"layer{i}.weight": part for i, part in enumerate(np.array_split(values, 20))}, plain)
    command = [sys.executable, "-m", "sparebits", "protect", plain, "--mode", mode, "--output", protected]
    subprocess.run(command, check=True, capture_output=True)
    plain.unlink()
    # Its kernels are compiled for the flipped words as well.
    if words == WARM_UP_WORDS:
        flip_file(protected, 0.01, 1)
    return protected


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="table (.csv)")
    parser.add_argument("--largest", type=int, default=WORDS[-1], help="words of the largest file")
    parser.add_argument("--scrub", nargs=3, metavar=("MODE", "FILE", "WARM"), help="one of the timed runs")
    arguments = parser.parse_args()
    if arguments.scrub:
        scrub(arguments.scrub[0], Path(arguments.scrub[1]), Path(arguments.scrub[2]))
    else:
        main(arguments.output, arguments.largest)
