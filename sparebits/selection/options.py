"""What selection chooses among: for each role layouts, and the strongest code for their data bits."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from sparebits.codes.catalogue import best_code, code_sizes, named_code
from sparebits.codes.packing import LIMB_BITS
from sparebits.decoding.bounded_distance import LISTED_BITS
from sparebits.decoding.search import SEARCHED_BITS
from sparebits.formats import FloatFormat
from sparebits.protection.plan import RolePlan

EXPONENT_BITS = (2, 3, 4, 5)
"""Windows of 3, 7, 15 and 31 powers of two beside the subnormal one; wider ones than 4 or 5 bits cost mantissa for
nothing, as weights further below the largest do not count (thesis 3.7)."""

CHANNEL_DATA_BITS = {"channel": {128: (43,), 64: (36,)}, "fused": {128: (22, 29), 64: (24,)}}
"""Data bits of the codes over a BatchNorm channel's four words, by span and code length."""


@dataclass(frozen=True)
class LayoutOption:
    """A layout for the tensors of a role.

    Attributes:
        role: "weights", "batchnorm" or "other".
        span: whose words make a code word, see plan.RolePlan.
        window: "tensor", or "channel" where powers of two are taken out of channels first.
        exponent_bits: of the window.
        data_bits: of a code word.
        code: name of the strongest code for them.
    """

    role: str
    span: str
    window: str
    exponent_bits: int
    data_bits: int
    code: str

    def role_plan(self, policy: str) -> RolePlan:
        return role_plan(self.exponent_bits, self.code, policy, self.span)

    @property
    def mantissa_bits(self) -> int:
        """Of a signed value; of the smallest one where several share a code word."""
        values = {"word": 1, "channel": 4, "fused": 2}[self.span]
        # 43 bits are 11 + 11 + 11 + 10, the last without a sign; 29 are 14 + 15.
        signed_bits = -(-self.data_bits // values) if self.span == "channel" else self.data_bits // values
        return signed_bits - 1 - self.exponent_bits


def layout_options(role: str, fmt: FloatFormat, windows: tuple[str, ...] = ("tensor",)) -> Iterator[LayoutOption]:
    """All layouts that are tried for a role."""
    for span in ("word", "channel", "fused") if role == "batchnorm" else ("word",):
        for k in data_bits_worth_trying(fmt, span):
            code = best_code(_length(fmt, span), k)
            for window in windows:
                for exponent_bits in EXPONENT_BITS:
                    option = LayoutOption(role, span, window, exponent_bits, k, code.name)
                    if 0 <= option.mantissa_bits <= fmt.mantissa_bits:
                        yield option


@cache
def data_bits_worth_trying(fmt: FloatFormat, span: str) -> tuple[int, ...]:
    """Of the codes of equal distance the one with most data bits."""
    n = _length(fmt, span)
    if span != "word":
        return CHANNEL_DATA_BITS[span].get(n, ())
    strongest: dict[int, int] = {}
    for length, k in code_sizes():
        # Posterior means need all codewords at hand.
        if length == n and k <= LISTED_BITS:
            d = best_code(n, k).d
            strongest[d] = max(k, strongest.get(d, 0))
    return tuple(sorted(strongest.values()))


def role_plan(exponent_bits: int, code: str, policy: str, span: str) -> RolePlan:
    """The plan of a layout and a code, decoded as suits them.

    Words of a fused BatchNorm are few and decide everything: those beyond t flips are worth a search of all codewords.
    """
    built = named_code(code)
    searched = span == "fused" and built.n > LIMB_BITS and built.k <= SEARCHED_BITS
    return RolePlan(exponent_bits, code, policy, span, "maximum likelihood" if searched else "bounded distance")


def reference_option(role: str, span: str, fmt: FloatFormat) -> LayoutOption:
    """With which the cost of failed words is measured: four exponent bits, of 8-bit words two, of 64-bit words five."""
    word = {8: 4, 16: 7, 32: 11, 64: 16}
    data_bits = word[fmt.width] if span == "word" else CHANNEL_DATA_BITS[span][4 * fmt.width][0]
    exponent_bits = {8: 2, 64: 5}.get(fmt.width, 4)
    return LayoutOption(role, span, "tensor", exponent_bits, data_bits, best_code(_length(fmt, span), data_bits).name)


def _length(fmt: FloatFormat, span: str) -> int:
    return fmt.width if span == "word" else 4 * fmt.width
