"""What was measured of codes over many words whatever the network."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sparebits.errors import InputError
from sparebits.report.results import read_table

BLOCK_COLUMNS = ["mode", "data_bits", "ber", "capacity_ber", "blocks", "failed", "wrong", "rate", "low", "high"]
INNER_COLUMNS = [
    *("ber", "inner_words", "erased_rate", "erased_low", "erased_high", "wrong_rate", "wrong_low", "wrong_high"),
    *("exact_erased", "exact_wrong", "nested_measured", "nested_upper", "nested_exact", "nested_word_exact"),
]
SCRUB_COLUMNS = [
    *("machine", "threads", "mode", "words", "bytes", "ber", "seconds", "read_seconds", "peak_mib", "failed"),
]


@dataclass(frozen=True)
class Measurements:
    """Tables by their files' names.

    Attributes:
        block_failures: blocks of random data, hit and repaired.
        inner_words: of nested storage, and what follows for its blocks.
        scrub_times: on one machine, with one number of threads.
    """

    block_failures: pd.DataFrame
    inner_words: pd.DataFrame
    scrub_times: pd.DataFrame

    @property
    def machine(self) -> str:
        return self.scrub_times["machine"].iloc[0]

    @property
    def threads(self) -> int:
        return int(self.scrub_times["threads"].iloc[0])


def read_measurements(block_failures: str | Path, inner_words: str | Path, scrub_times: str | Path) -> Measurements:
    """Read the tables.

    Args:
        block_failures, inner_words: of the rule measure_block_failures.
        scrub_times: what benchmarks/scrub.py wrote once.

    Raises:
        InputError: a file is missing or empty or lacks a column, or scrubs were timed under different conditions.
    """
    times = read_table(Path(scrub_times), SCRUB_COLUMNS, "it is part of the repository: restore it with git")
    if len(times[["machine", "threads"]].drop_duplicates()) > 1:
        raise InputError(
            f"{scrub_times} has times of several machines or numbers of threads, which do not compare; run"
            " benchmarks/scrub.py on one machine with one number of threads"
        )
    return Measurements(
        block_failures=read_table(Path(block_failures), BLOCK_COLUMNS, "run snakemake"),
        inner_words=read_table(Path(inner_words), INNER_COLUMNS, "run snakemake"),
        scrub_times=times,
    )
