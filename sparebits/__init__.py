"""sparebits: spare bits of a network's parameters, found by experiment and put to work as error-correcting codes."""

from importlib import import_module


def __getattr__(name: str) -> object:
    """Loads `sparebits.protect_module` when it is asked for, so that importing the package imports nothing."""
    if name == "protect_module":
        return import_module("sparebits.protection.wrapper").protect_module
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), "protect_module"]
