"""The plan for a checkpoint without images, on which no selection could be measured."""

from sparebits.formats import FloatFormat
from sparebits.protection.plan import Plan, RolePlan

_WORD = {
    8: RolePlan(2, "hsiao(8,4)", "posterior mean"),
    16: RolePlan(4, "extended-bch(16,7)", "posterior mean"),
    32: RolePlan(4, "extended-bch(32,11)", "posterior mean"),
    64: RolePlan(5, "extended-bch(64,16)", "posterior mean"),
}
_BATCHNORM = {
    # The four words of a channel are 32 bits, which are not joined.
    8: _WORD[8],
    16: RolePlan(4, "extended-bch(64,36)", "median", span="channel"),
    32: RolePlan(4, "extended-bch(128,43)", "median", span="channel"),
    # The four words of a channel are 256 bits, for which the catalogue has no code.
    64: _WORD[64],
}


def default_plan(fmt: FloatFormat) -> Plan:
    """What holds for most networks: weights as 1-4-6 in [32,11,12], a BatchNorm's channels in [128,43,32].

    For 8-bit words 1-2-1 in [8,4,4], for 16-bit words 1-4-2 in [16,7,6] and [64,36,12], for 64-bit words 1-5-10 in
    [64,16,24]. Scale and shift are not fused, as that takes the eps of each BatchNorm, which a bare checkpoint does not
    tell.
    """
    word = _WORD[fmt.width]
    return Plan({"weights": word, "batchnorm": _BATCHNORM[fmt.width], "other": word})
