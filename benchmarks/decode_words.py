"""How fast words are encoded and decoded, beside numpy.copyto of the same bytes and galois' decoder.

    PYTHONPATH=. python benchmarks/decode_words.py

prints the tables of docs/kernels.md. Each time is the best of several, on all cores that numba may use
(NUMBA_NUM_THREADS), with the pages of every output touched before; the copy is measured again in each row.
"""

import argparse
import time
from collections.abc import Callable

import galois
import numba
import numpy as np

from sparebits.codes.catalogue import named_code
from sparebits.codes.linear import LinearCode
from sparebits.codes.packing import limbs_of, packed_dtype, unpack
from sparebits.decoding.bounded_distance import LISTED_BITS, decoder_for
from sparebits.decoding.minifloat_words import encode_values
from sparebits.faults.ber import PARAMETERS, ber_mask
from sparebits.formats import FORMATS
from sparebits.layouts.minifloat import Minifloat

BIT_ERROR_RATES = (0, 1e-3, 1e-2, 5e-2)
CODES = (
    "extended-bch(32,11)",
    "reed-muller(32,6)",
    "tabulated(32,8)",
    "extended-bch(32,16)",
    "extended-bch(64,24)",
    "extended-bch(128,29)",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=25_000_000, help="32-bit words, or as many bytes of longer ones")
    parser.add_argument("--seconds", type=float, default=3, help="spent on the repetitions of a measurement")
    arguments = parser.parse_args()
    print(f"{arguments.words:,} words of 32 bits, {numba.config.NUMBA_NUM_THREADS} threads\n")
    print("| what | code | decoder | BER | ms | GB/s | of the copy's bandwidth | million words/s |")
    print("|---|---|---|--:|--:|--:|--:|--:|")
    measure_encoding(arguments.words, arguments.seconds)
    for name in CODES:
        measure_decoding(named_code(name), 4 * arguments.words, arguments.seconds)
    print()
    measure_galois(arguments.seconds)


def measure_encoding(count: int, seconds: float) -> None:
    """float32 words of N(0, 0.05^2), in the layout 1-4-6, and the data words they become."""
    decoder = decoder_for(named_code("extended-bch(32,11)"))
    values = (np.random.default_rng(1).standard_normal(count, dtype=np.float32) * np.float32(0.05)).view(np.uint32)
    layout = Minifloat.fitting(values, FORMATS["float32"], 4, 6)
    data = layout.quantise(values)
    stored = np.zeros_like(values)
    copy = best_time(lambda: np.copyto(stored, values), seconds)
    for what, encode in (
        ("encode data words", lambda: decoder.encode(data, stored)),
        ("encode float32 values", lambda: encode_values(layout, decoder, values, stored)),
    ):
        print_row(what, decoder.code, "lookup", "", best_time(encode, seconds), copy, values)


def measure_decoding(code: LinearCode, size: int, seconds: float) -> None:
    """Random codewords of `size` bytes in all, with flips, to float32 values, or to data words where k > 17."""
    decoder = decoder_for(code)
    rng = np.random.default_rng(2)
    count = size // (limbs_of(code.n) * packed_dtype(code.n).itemsize)
    sent = decoder.encode(rng.integers(0, 1 << code.k, count, dtype=packed_dtype(code.k)))
    received, copied = np.empty_like(sent), np.zeros_like(sent)
    if code.k <= LISTED_BITS:
        table = rng.standard_normal(1 << code.k, dtype=np.float32)
        out = np.zeros(count, dtype=np.float32)
        what, decode = "decode to float32", lambda: decoder.decode_values(received, table, out)
    else:
        what, decode = "decode to data words", lambda: decoder.decode(received)
    for ber in BIT_ERROR_RATES:
        flips = ber_mask(3, PARAMETERS, sent.size, 8 * sent.itemsize, ber)
        np.bitwise_xor(sent, flips.reshape(sent.shape), out=received)
        copy = best_time(lambda: np.copyto(copied, received), seconds / 3)
        print_row(what, code, type(decoder.way).__name__, f"{ber:g}", best_time(decode, seconds), copy, received)


def measure_galois(seconds: float) -> None:
    """galois.BCH(31, 11), which corrects 5 flips as well, and ours on the same words."""
    code = named_code("bch(31,11)")
    decoder, theirs = decoder_for(code), galois.BCH(31, 11)
    data = np.random.default_rng(4).integers(0, 1 << code.k, 1_000_000, dtype=np.uint16)
    sent = decoder.encode(data)
    table, out = np.arange(1 << code.k, dtype=np.float32), np.zeros(len(data), dtype=np.float32)
    print("| BER | galois.BCH(31, 11), words/s | here, words/s | ratio |")
    print("|--:|--:|--:|--:|")
    for ber in BIT_ERROR_RATES:
        words = sent ^ (ber_mask(5, PARAMETERS, len(sent), 32, ber) & np.uint32((1 << 31) - 1))
        bits = galois.GF2(unpack(words[:20_000], 31)[:, ::-1])
        rate = len(bits) / best_time(lambda bits=bits: theirs.decode(bits), seconds)
        ours = len(words) / best_time(lambda words=words: decoder.decode_values(words, table, out), seconds)
        print(f"| {ber:g} | {rate:,.0f} | {ours:,.0f} | {ours / rate:,.0f} |")


def best_time(work: Callable[[], object], seconds: float) -> float:
    """Seconds of the fastest repetition after the first, which compiles; at least two, until the time is spent."""
    work()
    times: list[float] = []
    while len(times) < 2 or sum(times) < seconds:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def print_row(
    what: str, code: LinearCode, decoder: str, ber: str, taken: float, copy: float, words: np.ndarray
) -> None:
    rate = len(words) / taken
    print(
        f"| {what} | [{code.n},{code.k},{code.d}] | {decoder} | {ber} | {1e3 * taken:,.1f} "
        f"| {words.nbytes / taken / 1e9:.2f} | {copy / taken:.3f} | {rate / 1e6:,.1f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
