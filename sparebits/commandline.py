"""What all scripts share: plain errors, an end with their parent, and results that are known again."""

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable

import psutil

from sparebits import fingerprints
from sparebits.errors import InputError
from sparebits.files import record_fingerprints


def run(main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Parse the arguments and run a script's `main`; an InputError becomes one sentence and exit code 1.

    Within a workflow no file that an argument names is read if it is not what its rule wrote, and what the script
    writes will be known again.
    """
    arguments = parser.parse_args()
    try:
        if end_with_parent():
            fingerprints.require_unchanged(_texts(vars(arguments).values()))
            record_fingerprints()
        main(arguments)
    except InputError as error:
        sys.exit(f"error: {error}")


def _texts(values: Iterable) -> list[str]:
    """All arguments that may name a file."""
    lists = [value if isinstance(value, list) else [value] for value in values]
    return [text for texts in lists for text in texts if isinstance(text, str) and text]


def end_with_parent(poll_seconds: float = 0.5) -> bool:
    """End this process when the Snakemake that started it is gone, so that a killed run leaves no writer behind.

    Snakemake starts a shell, which starts the script; neither ends the script when it is killed. Without a Snakemake
    among the ancestors nothing is watched.

    Returns:
        whether there is one.
    """
    watched = []
    for ancestor in psutil.Process().parents():
        watched.append(ancestor)
        if any("snakemake" in part for part in ancestor.cmdline()[:3]):
            break
    else:
        return False

    def watch() -> None:
        while all(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in watched):
            time.sleep(poll_seconds)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    return True
