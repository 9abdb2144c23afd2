"""Gates, depth and operations of encoders and decoders, by one model for all, so that schemes can be compared.

The model:

- A gate is a two-input XOR, AND or OR; each counts 1, inverters nothing. A function of m inputs is a balanced tree of
  m - 1 gates and ceil(log2 m) levels. A choice between two bits is 3 gates (two AND, one OR) and 2 levels.
- Nothing is shared between trees (no common subexpressions). A synthesis tool would share in every scheme: these are
  upper bounds that serve for ratios, not areas.
- Encoder: one XOR tree a check bit, over the ones of its column in the generator.
- Check, of every word that is read: the syndrome, one XOR tree a row of H, and an OR tree that tells a dirty word. The
  same gates encode the data bits again, compare and join the differences: n - k XOR and n - k - 1 OR more than the
  encoder.
- Correction of codes with t = 1 is combinational (Hsiao 1970): every data bit has an AND tree that matches the syndrome
  with its column of H, and an XOR that flips it. Where all columns are odd, as in Hsiao's code and in every code of
  even weights, a syndrome that is even but not zero is a detected double error.
- Correction of more flips is sequential and for dirty words only: operations in one unit that all words share, whose
  gates are not counted; a choice for each data bit takes its result in.
- Majority votes are combinational: T(i, j), "at least j of the first i copies are 1", is
  T(i-1, j) OR (x_i AND T(i-1, j-1)). That is (r^2 - 1) / 2 gates for r copies, 4 for three; from seven copies on adders
  would need fewer.
"""

from dataclasses import dataclass, field
from math import ceil, log2

from sparebits.codes.catalogue import named_code
from sparebits.codes.linear import LISTABLE_BITS, LinearCode
from sparebits.decoding.algebraic import algebraic_decoder
from sparebits.decoding.bounded_distance import LISTED_BITS
from sparebits.decoding.leaders import LARGEST_SYNDROME
from sparebits.errors import InputError
from sparebits.protection.scheme import DECODERS, POLICIES

CHOICE, CHOICE_DEPTH = 3, 2
"""Gates and levels of a choice between two bits."""
FLOAT_BITS = 32
COPIED_BITS = 16
"""Of a float32 word in replication: sign, exponent, 7 mantissa bits."""
BOUNDED, NEAREST, MAJORITY = DECODERS
WAYS = ("syndrome", "Hadamard transform", "comparison", "algebraic", "leader table")
"""How bounded distance may be decoded; `decoding_cost` takes them as decoders too."""


@dataclass(frozen=True)
class Operation:
    """A step of a sequential decoder: what it is, how often it is done for a word, on how many bits."""

    what: str
    count: int
    width: int


@dataclass(frozen=True)
class DecodingCost:
    """What it takes to write and read one code word.

    Attributes:
        encoder_gates, encoder_depth: gates and levels that make the check bits.
        check_gates: gates that every word passes to be found clean or dirty.
        correct_gates: gates beside these on the way to the value, whether the word is dirty or not.
        depth: levels from the stored word to the value of a word that needs no sequential operations.
        dirty_operations: of a dirty word, where decoding is sequential.
        beyond_operations: of a word beyond repair, in addition.
        table_bits: memory of look-up tables.
        words: float32 words that the code word protects; its own width in words where it is kept in their place.
    """

    encoder_gates: int = 0
    encoder_depth: int = 0
    check_gates: int = 0
    correct_gates: int = 0
    depth: int = 0
    dirty_operations: tuple[Operation, ...] = field(default=())
    beyond_operations: tuple[Operation, ...] = field(default=())
    table_bits: int = 0
    words: int = 1

    @property
    def read_gates(self) -> int:
        """Gates on the way of every code word that is read."""
        return self.check_gates + self.correct_gates

    @property
    def read_gates_a_word(self) -> float:
        """The same, a float32 word."""
        return self.read_gates / self.words

    @property
    def encoder_gates_a_word(self) -> float:
        return self.encoder_gates / self.words


def decoding_cost(code: LinearCode, decoder: str, policy: str, words: int | None = None) -> DecodingCost:
    """The cost of a code of the catalogue.

    Args:
        code: for "majority" a repetition code.
        decoder: "bounded distance", "maximum likelihood" or "majority", or one of WAYS. Bounded distance is decoded in
            the first of these ways that fits: by syndrome (t = 1), by Hadamard transform (first-order Reed–Muller
            codes), by comparison with all codewords (k <= 17), by solving for the locator.
        policy: what a detected word becomes; "keep", "zero", "median" or "posterior mean".
        words: float32 words that a code word protects; k / 32 where that is whole, as of the (72,64) code, whose check
            bits are stored beside them, else n / 32 rounded up.

    Raises:
        InputError: decoder or policy are unknown, or the code cannot be decoded that way.
    """
    if decoder not in (*DECODERS, *WAYS) or policy not in POLICIES:
        raise InputError(
            f"decoder {decoder!r} or policy {policy!r} is none of {(*DECODERS, *WAYS)} and {POLICIES}: no cost is known"
        )
    words = _words_of(code) if words is None else words
    if not code.check_bits:
        return DecodingCost(words=words)
    if decoder == MAJORITY:
        return _voting(code, words)
    way = _way_of(code, decoder)
    return _by_syndrome(code, policy, words) if way == "syndrome" else _sequential(code, way, policy, words)


def published_costs() -> dict[str, DecodingCost]:
    """The published schemes, and what is compared with them, by the names that campaigns use; float32 words.

    Parity-zero: even parity of a word in its lowest bit, a mismatch zeroes the word. MSET: bit 30 is voted from three
    bits. CEP: eight parities of three bits each, a mismatch zeroes the chunk. Replication c: a vote over the original
    and c copies of its 16 highest bits, for c = 1 a comparison only. Words that are detected otherwise are kept.
    """
    return {
        "unprotected": DecodingCost(),
        "parity-zero": _parity_zero(),
        "MSET": DecodingCost(correct_gates=majority_gates(3), depth=majority_depth(3)),
        "CEP": _chunk_parities(),
        "SEC-DED (72,64)": decoding_cost(named_code("hsiao(72,64)"), "bounded distance", "keep"),
        "WOT-like": decoding_cost(named_code("hsiao(64,57)"), "bounded distance", "keep"),
        "replication c=1": _duplicated(),
        "replication c=2": _replicated(3),
        "replication c=4": _replicated(5),
    }


def tree_depth(inputs: int) -> int:
    """Levels of a balanced tree of two-input gates."""
    return ceil(log2(inputs)) if inputs > 1 else 0


def majority_gates(copies: int) -> int:
    """Gates that vote over one bit: (r^2 - 1) / 2, see the model.

    Of the t^2 entries T(i, j) that count, t = (r + 1) / 2, one is x_1, the 2 (t - 1) at the edges take one gate
    (T(i, i) an AND, T(i, 1) an OR) and the others two.

    Raises:
        InputError: the number of copies is even.
    """
    if copies < 1 or copies % 2 == 0:
        raise InputError(f"a majority needs an odd number of copies, got {copies}")
    return (copies**2 - 1) // 2


def majority_depth(copies: int) -> int:
    """Levels of the same: the longest way through T, where a step with AND and OR is two."""

    def levels(i: int, j: int) -> int:
        if i == 1:
            return 0
        if j == i:
            return 1 + levels(i - 1, j - 1)
        if j == 1:
            return 1 + levels(i - 1, 1)
        return 1 + max(levels(i - 1, j), 1 + levels(i - 1, j - 1))

    return levels(copies, (copies + 1) // 2)


def _words_of(code: LinearCode) -> int:
    return code.k // FLOAT_BITS if code.k % FLOAT_BITS == 0 else ceil(code.n / FLOAT_BITS)


def _way_of(code: LinearCode, decoder: str) -> str:
    """The first way that fits, or the one asked for.

    Raises:
        InputError: none does, or that one does not.
    """
    ways = {BOUNDED: WAYS[:4], NEAREST: ("Hadamard transform", "comparison")}.get(decoder, (decoder,))
    largest = LISTED_BITS if decoder == BOUNDED else LISTABLE_BITS
    for way in ways:
        if _fits(way, code, largest):
            return way
    raise InputError(f"no cost is known of {code.name} by {decoder}: the code is not of that kind, or too large")


def _fits(way: str, code: LinearCode, largest: int) -> bool:
    match way:
        case "syndrome":
            return code.t == 1
        case "Hadamard transform":
            return code.n == 1 << (code.k - 1) and 2 * code.d == code.n
        case "comparison":
            return code.k <= largest
        case "algebraic":
            return algebraic_decoder(code) is not None
        case _:
            return code.t > 1 and code.check_bits <= LARGEST_SYNDROME


def _family(code: LinearCode) -> str:
    return code.name.partition("(")[0]


def _encoder(code: LinearCode) -> tuple[int, int]:
    """Gates and levels that make the check bits."""
    ones = code.generator[:, list(code.check_positions)].sum(axis=0).tolist()
    return sum(max(count - 1, 0) for count in ones), max(tree_depth(count) for count in ones)


def _check(code: LinearCode) -> tuple[int, int]:
    """Gates that tell clean words from dirty ones, and levels of the syndrome in it."""
    ones = code.parity_check.sum(axis=1).tolist()
    return sum(count - 1 for count in ones) + code.check_bits - 1, max(tree_depth(count) for count in ones)


def _by_syndrome(code: LinearCode, policy: str, words: int) -> DecodingCost:
    """Codes that correct one flip; a posterior mean of what they detect is still sequential."""
    check_bits = code.check_bits
    encoder_gates, encoder_depth = _encoder(code)
    check_gates, syndrome_depth = _check(code)
    match_depth, flag_depth = tree_depth(check_bits), 0
    gates, depth = code.k * check_bits, match_depth + 1
    if (code.parity_check.sum(axis=0) % 2 == 1).all():
        gates += check_bits
        flag_depth = match_depth + 1
    elif policy != "keep":
        # No column matches, those of the check bits included, and the syndrome is not zero.
        gates += check_bits * (check_bits - 1) + code.n
        flag_depth = match_depth + tree_depth(code.n) + 1
    depth = max(depth, flag_depth)
    if policy == "zero":
        gates, depth = gates + code.k, depth + 1
    elif policy != "keep":
        gates, depth = gates + CHOICE * code.k, depth + CHOICE_DEPTH
    return DecodingCost(
        encoder_gates,
        encoder_depth,
        check_gates,
        gates,
        syndrome_depth + depth,
        beyond_operations=_beyond(code, policy),
        words=words,
    )


def _sequential(code: LinearCode, way: str, policy: str, words: int) -> DecodingCost:
    """Codes whose dirty words are decoded step by step; zero and median are then no further gates."""
    encoder_gates, encoder_depth = _encoder(code)
    check_gates, syndrome_depth = _check(code)
    return DecodingCost(
        encoder_gates,
        encoder_depth,
        check_gates,
        CHOICE * code.k,
        syndrome_depth + tree_depth(code.check_bits) + CHOICE_DEPTH,
        _dirty(code, way),
        _beyond(code, policy),
        8 * code.leader_table_bytes if way == "leader table" else 0,
        words,
    )


def _dirty(code: LinearCode, way: str) -> tuple[Operation, ...]:
    """Hadamard transform: n log2 n additions of numbers in -n..n (MacWilliams & Sloane 1977, ch. 14), then the largest.

    Algebraic, at most: t odd power sums of n terms, Massey's t steps of a discrepancy and an update of t terms each,
    and the locator's value at n positions by t terms each (ibid., ch. 9).
    """
    n, t, levels = code.n, code.t, tree_depth(code.n)
    return {
        "Hadamard transform": (
            Operation("addition", n * levels, levels + 2),
            Operation("comparison", n - 1, levels + 2),
        ),
        "comparison": (Operation("XOR, popcount and comparison", code.correlations, n),),
        "algebraic": (Operation("multiply-add in the field", 2 * n * t + 2 * t * t, levels),),
        "leader table": (Operation("look-up", 1, n),),
    }[way]


def _beyond(code: LinearCode, policy: str) -> tuple[Operation, ...]:
    """The posterior mean is a sum over all codewords, weighted by prior and distance."""
    if policy != "posterior mean":
        return ()
    if code.k > LISTED_BITS:
        raise InputError(f"a posterior mean over the 2^{code.k} words of {code.name} is not computed: k is above 17")
    return (Operation("multiply-add", code.correlations, FLOAT_BITS),)


def _voting(code: LinearCode, words: int) -> DecodingCost:
    if _family(code) != "repetition":
        raise InputError(f"a majority decides among copies, {code.name} is no repetition code")
    copies = code.n // code.k
    return DecodingCost(correct_gates=code.k * majority_gates(copies), depth=majority_depth(copies), words=words)


def _parity_zero() -> DecodingCost:
    return DecodingCost(
        encoder_gates=FLOAT_BITS - 2,
        encoder_depth=tree_depth(FLOAT_BITS - 1),
        check_gates=FLOAT_BITS - 1,
        correct_gates=FLOAT_BITS - 1,
        depth=tree_depth(FLOAT_BITS) + 1,
    )


def _chunk_parities(chunks: int = 8, bits: int = 3) -> DecodingCost:
    return DecodingCost(
        encoder_gates=chunks * (bits - 1),
        encoder_depth=tree_depth(bits),
        check_gates=chunks * bits,
        correct_gates=chunks * bits,
        depth=tree_depth(bits + 1) + 1,
    )


def _duplicated() -> DecodingCost:
    return DecodingCost(check_gates=2 * COPIED_BITS - 1, depth=1 + tree_depth(COPIED_BITS))


def _replicated(copies: int) -> DecodingCost:
    return DecodingCost(correct_gates=COPIED_BITS * majority_gates(copies), depth=majority_depth(copies))
