"""The processor's own count of set bits, which numba does not offer."""

from numba import types
from numba.extending import intrinsic


@intrinsic
def popcount(_, x):
    """Set bits of an unsigned integer, as one of the same type; loops over it are vectorised where the CPU can."""
    if not (isinstance(x, types.Integer) and not x.signed):
        return None

    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return x(x), generate
