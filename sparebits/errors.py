"""The one exception that is shown to the user as a sentence, without a traceback."""


class InputError(ValueError):
    """Something the user gave cannot be used. The message names the culprit, what was expected and what to do."""
