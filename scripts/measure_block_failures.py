"""Measure how often blocks of codes over many words fail, and what becomes of the inner words of nested storage."""

import argparse

import numba
import pandas as pd
from tqdm import tqdm

from sparebits.commandline import run
from sparebits.files import write_table
from sparebits.long_codes.block_failures import block_table, inner_table
from sparebits.long_codes.modes import MEANT_FOR

CODES = (("block", 11), ("block", 10), ("nested", 10), ("nested-word", 10))
"""Mode and data bits in words of 32 bits."""


def main(arguments: argparse.Namespace) -> None:
    numba.config.NUMBA_NUM_THREADS = arguments.threads
    bers = sorted({*arguments.bers, *MEANT_FOR.values()})
    plan = [(mode, bits, ber) for mode, bits in CODES for ber in bers]
    tables = []
    for mode, bits, ber in tqdm(plan, unit="rate", mininterval=2):
        words = arguments.claim_words if ber == MEANT_FOR[mode] else arguments.words
        tables.append(block_table(mode, bits, [ber], words, arguments.seed))
    write_table(arguments.blocks, pd.concat(tables, ignore_index=True).assign(format="binary32"))
    write_table(arguments.inner, inner_table(bers, arguments.claim_words, arguments.seed).assign(format="binary32"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bers", type=float, nargs="+", required=True, help="bit error rates")
    parser.add_argument("--words", type=int, required=True, help="random words at each, at least")
    parser.add_argument("--claim-words", type=int, required=True, help="at the rate that a mode is meant for")
    parser.add_argument("--seed", type=int, required=True, help="of data and faults")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--blocks", required=True, help="block_failures.csv")
    parser.add_argument("--inner", required=True, help="inner_words.csv")
    run(main, parser)
