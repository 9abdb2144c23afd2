"""How often blocks of random data fail, and for nested storage what follows from its inner words."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from sparebits.faults.ber import PARAMETERS, ber_mask
from sparebits.long_codes.inner import InnerRates, decode_units, inner_code
from sparebits.long_codes.modes import DATA_BITS
from sparebits.long_codes.nested import NestedStorage, NestedWordStorage
from sparebits.long_codes.probabilities import capacity_ber, nested_failure, nested_word_failure
from sparebits.long_codes.scheme import STORAGES
from sparebits.long_codes.scrambling import pattern
from sparebits.statistics.intervals import clopper_pearson_interval

WIDTH = 32
CHUNK_WORDS = 1 << 20
"""Words that are encoded, hit and repaired at a time."""


def block_table(mode: str, data_bits: int, bers: Sequence[float], words: int, seed: int) -> pd.DataFrame:
    """Blocks of random data words, encoded, hit and repaired.

    Args:
        mode: one of long_codes.scheme.MODES.
        data_bits: of words of 32 bits.
        bers: bit error rates.
        words: that are hit at each, at least; whole blocks.
        seed: of data and faults.

    Returns:
        a row a rate: mode, code, words_per_block, data_bits, ber, capacity_ber (of the code's rate), words, blocks,
        failed (reported), wrong (not reported), wrong_words (in blocks that were not reported), rate (of failed and
        wrong ones), low, high (Clopper–Pearson, 95 %).
    """
    storage_of = STORAGES[mode]
    length = storage_of(0, WIDTH, data_bits).longest
    rows = []
    for ber in bers:
        blocks = failed = wrong = wrong_words = 0
        wanted = -(-words // length)
        for start, count in _chunks(wanted, length):
            storage = storage_of(count * length, WIDTH, data_bits)
            random = np.random.default_rng([seed, start])
            data = random.integers(0, 1 << data_bits, count * length).astype(storage.dtype)
            stored = storage.encode(data)
            stored ^= ber_mask(seed, PARAMETERS, len(stored), WIDTH, ber, start * length)
            report = storage.repair(stored)
            is_wrong = (storage.data_of(stored, report.failed)[0] != data).reshape(count, length)
            is_wrong[report.failed] = False
            blocks += count
            failed += len(report.failed)
            wrong += int(is_wrong.any(axis=1).sum())
            wrong_words += int(is_wrong.sum())
        low, high = clopper_pearson_interval(failed + wrong, blocks)
        rows.append(
            {
                "mode": mode,
                "code": storage_of(length, WIDTH, data_bits).code,
                "words_per_block": length,
                "data_bits": data_bits,
                "ber": ber,
                "capacity_ber": capacity_ber(data_bits / WIDTH),
                "words": blocks * length,
                "blocks": blocks,
                "failed": failed,
                "wrong": wrong,
                "wrong_words": wrong_words,
                "rate": (failed + wrong) / blocks,
                "low": float(low),
                "high": float(high),
            }
        )
    return pd.DataFrame(rows)


def inner_table(bers: Sequence[float], words: int, seed: int) -> pd.DataFrame:
    """Random inner words, hit and decoded, and the failure of whole blocks that follows.

    Returns:
        a row a rate: ber, inner_words, erased, wrong, erased_rate, erased_low, erased_high, wrong_rate, wrong_low,
        wrong_high (measured; Clopper–Pearson, 95 %), exact_erased, exact_wrong (InnerCode.rates), and the computed
        probabilities that a block fails: nested_measured (from the measured rates), nested_upper (from the upper ends
        of their intervals), nested_exact (from the exact ones), and nested_word_exact (an upper bound).
    """
    code, rows, unwiped = inner_code(), [], pattern(np.dtype(np.uint32))
    for ber in bers:
        erased = wrong = 0
        for start in range(0, words, CHUNK_WORDS):
            count = min(CHUNK_WORDS, words - start)
            data = np.random.default_rng([seed, start]).integers(0, len(code.codewords), count)
            units = code.codewords[data] ^ ber_mask(seed, PARAMETERS, count, WIDTH, ber, start)
            symbols, is_erased = np.empty(count, dtype=np.uint16), np.empty(count, dtype=bool)
            # The all-zero word is a code word here, where nothing is scrambled: wiped memory is not what is measured.
            decode_units(units ^ unwiped, unwiped, code.tables, code.leaders, symbols, is_erased)
            erased += int(is_erased.sum())
            wrong += int(((symbols != data) & ~is_erased).sum())
        exact = code.rates(ber)
        measured = InnerRates((words - erased - wrong) / words, erased / words, wrong / words)
        (erased_low, erased_high), (wrong_low, wrong_high) = (
            tuple(float(end) for end in clopper_pearson_interval(count, words)) for count in (erased, wrong)
        )
        upper = InnerRates(1 - erased_high - wrong_high, erased_high, wrong_high)
        rows.append(
            {
                "ber": ber,
                "inner_words": words,
                "erased": erased,
                "wrong": wrong,
                "erased_rate": measured.erased,
                "erased_low": erased_low,
                "erased_high": erased_high,
                "wrong_rate": measured.wrong,
                "wrong_low": wrong_low,
                "wrong_high": wrong_high,
                "exact_erased": exact.erased,
                "exact_wrong": exact.wrong,
                "nested_measured": _nested_failure(measured),
                "nested_upper": _nested_failure(upper),
                "nested_exact": _nested_failure(exact),
                "nested_word_exact": _nested_word_failure(exact),
            }
        )
    return pd.DataFrame(rows)


def _nested_failure(rates: InnerRates) -> float:
    """Of the longest blocks of the compact variant."""
    storage = NestedStorage(0, WIDTH, DATA_BITS["nested"][WIDTH])
    length = storage.longest
    return nested_failure(storage.units_of(length), storage.bearable(length), rates)


def _nested_word_failure(rates: InnerRates) -> float:
    storage = NestedWordStorage(0, WIDTH, DATA_BITS["nested-word"][WIDTH])
    length = storage.longest
    return nested_word_failure(length, storage.SHARES, storage.bearable(length), rates)


def _chunks(blocks: int, length: int) -> Iterator[tuple[int, int]]:
    """First block and number of blocks, of about CHUNK_WORDS words each."""
    most = max(1, CHUNK_WORDS // length)
    for start in range(0, blocks, most):
        yield start, min(most, blocks - start)
