"""Entries of a config, read with an eye for what was mistyped."""

from collections.abc import Iterable
from numbers import Integral, Real

from sparebits.errors import InputError, nearest


def check_keys(what: str, entry: dict, known: Iterable[str]) -> None:
    """Raise InputError if a mapping has a key that is not known, or is no mapping."""
    if not isinstance(entry, dict):
        raise InputError(f"{what}: expected a mapping of keys to values, got {entry!r}")
    known = list(known)
    for key in entry:
        if key not in known:
            hint = nearest(str(key), known)
            has = f"known keys are {', '.join(known)}" if known else "it has no keys of its own"
            raise InputError(f"{what}: unknown key {key}; {has}{hint}")


def check_count(what: str, value: int, least: int = 1) -> None:
    """Raise InputError if a value is no integer of at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise InputError(f"{what}: expected a whole number of at least {least}, got {value!r}")


def check_seed(seed: int) -> None:
    """Raise InputError if a value is no seed of a trial."""
    if not isinstance(seed, Integral) or isinstance(seed, bool) or not 0 <= seed < 1 << 64:
        raise InputError(f"the seed of a trial is a whole number in 0..2^64 - 1, got {seed!r}")


def check_rate(what: str, value: float) -> None:
    """Raise InputError if a value is no number in 0..1."""
    if not isinstance(value, Real) or isinstance(value, bool) or not 0 <= value <= 1:
        raise InputError(f"{what}: expected a probability in 0..1, got {value!r}")
