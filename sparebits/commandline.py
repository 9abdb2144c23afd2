"""What all scripts share: plain errors and an end with their parent."""

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable

import psutil

from sparebits.errors import InputError


def run(main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Parse the arguments and run a script's `main`; an InputError becomes one sentence and exit code 1."""
    arguments = parser.parse_args()
    end_with_parent()
    try:
        main(arguments)
    except InputError as error:
        sys.exit(f"error: {error}")


def end_with_parent(poll_seconds: float = 0.5) -> None:
    """End this process when the Snakemake that started it is gone, so that a killed run leaves no writer behind.

    Snakemake starts a shell, which starts the script; neither ends the script when it is killed. Without a Snakemake
    among the ancestors nothing is watched.
    """
    watched = []
    for ancestor in psutil.Process().parents():
        watched.append(ancestor)
        if any("snakemake" in part for part in ancestor.cmdline()[:3]):
            break
    else:
        return

    def watch() -> None:
        while all(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in watched):
            time.sleep(poll_seconds)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
