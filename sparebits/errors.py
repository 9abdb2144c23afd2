"""The one exception that is shown to the user as a sentence, without a traceback, and what such sentences share."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Something the user gave cannot be used. The message names the culprit, what was expected and what to do."""


def nearest(name: str, names: Iterable[str]) -> str:
    """What a message adds about names like an unknown one; empty if there is none."""
    close = get_close_matches(name, list(names), n=3)
    return f"; did you mean {' or '.join(close)}?" if close else ""
