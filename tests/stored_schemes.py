"""Schemes that store a small network in words of its own, by name; their memories, hit, and what is then read wrong."""

import numpy as np
import torch
from protected_models import plan, with_values

from sparebits.choices import Choice
from sparebits.faults.ber import PARAMETERS, ber_mask
from sparebits.parameters import FlatParameters
from sparebits.protection.plan import Plan, RolePlan
from sparebits.schemes.bfloat16_code import bfloat16_with_code
from sparebits.schemes.coded import planned
from sparebits.schemes.force_only import ForceOnly
from sparebits.schemes.in_place_tmr import in_place_tmr
from sparebits.schemes.int8_copies import int8_three_times
from sparebits.schemes.minifloats import repeated, truncate_only, with_secded
from sparebits.schemes.thesis import thesis_hamming, thesis_secded
from sparebits.schemes.unprotected import Unprotected

CHOICE = Choice(floor=0x60, depth=14)
SIX = RolePlan(3, "reed-muller(32,6)", "posterior mean", decoder="maximum likelihood")
FUSED = RolePlan(4, "extended-bch(128,22)", "median", "fused", "maximum likelihood")
NEAREST = Plan({"weights": SIX, "other": SIX, "batchnorm": FUSED})
PLANS = {"word": plan("word"), "channel": plan("channel"), "fused": plan("fused"), "nearest": NEAREST}
PLANNED = {
    name: lambda parameters, name=name, of_name=of_name: planned(name, of_name, parameters)
    for name, of_name in PLANS.items()
}
CORRECTING = PLANNED | {
    "thesis": lambda p: thesis_hamming("thesis", CHOICE, p),
    "thesis SEC-DED": lambda p: thesis_secded("thesis SEC-DED", CHOICE, p),
    "in-place TMR": lambda p: in_place_tmr("in-place TMR", CHOICE, p),
    "repetition": lambda p: repeated("repetition", NEAREST, p),
    "SEC-DED": lambda p: with_secded("SEC-DED", PLANS["channel"], p, "median"),
    "bfloat16 + code": lambda p: bfloat16_with_code("bfloat16 + code", p),
    "int8 three times": lambda p: int8_three_times("int8 three times", p),
}
UNCODED = {
    "truncate-only": lambda p: truncate_only("truncate-only", PLANS["fused"], p),
    "force-only": lambda p: ForceOnly("force-only", CHOICE, p),
    "unprotected": lambda p: Unprotected(p),
}
SCHEMES = CORRECTING | UNCODED


def trained(model) -> FlatParameters:
    """The parameters of a SmallNetwork with exponents on both sides of 0x80, its BatchNorm as if trained."""
    generator = torch.Generator().manual_seed(2)
    for name, values in with_values(model).named_parameters():
        if "norm" not in name:
            values.data.copy_(torch.randn(values.shape, generator=generator) * (5 if name == "linear.weight" else 0.2))
    return FlatParameters(model, model.state_dict())


def hit(stored, flips):
    """A copy of the memory with some bits (plane, index, bit) flipped."""
    memory = {plane: words.copy() for plane, words in stored.memory.items()}
    for plane, index, bit in flips:
        memory[plane][index] ^= memory[plane].dtype.type(1 << int(bit))
    return memory


def at_rate(stored, ber, seed=1):
    """The memory hit everywhere, and the number of flips."""
    masks = {
        plane: ber_mask(seed, plane, len(words), 8 * words.itemsize, ber) for plane, words in stored.memory.items()
    }
    memory = {plane: words ^ masks[plane] for plane, words in stored.memory.items()}
    return memory, sum(int(np.bitwise_count(mask).sum()) for mask in masks.values())


def changed(reading, stored):
    """Indices of the values that are read wrong."""
    return np.flatnonzero(reading.words != stored.clean)


def code_words_of(stored):
    """The numbers of all code words."""
    return range(int(stored.code_word_of.max()) + 1)


def places_of(stored, number):
    """The stored bits (plane, index, bit) of a code word, in the order of the code's positions."""
    values = np.flatnonzero(stored.code_word_of == number)
    width = 8 * stored.clean.itemsize
    n = stored.group_at(int(values[0])).code.n
    return [(PARAMETERS, int(values[place // width]), place % width) for place in range(n)]
