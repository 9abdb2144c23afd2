"""Trials kept on disk as they finish, so that a killed campaign goes on where it ended."""

import fcntl
import json
import os
import zlib
from pathlib import Path
from typing import Any

from sparebits.errors import InputError
from sparebits.files import full_disk_told

_ABSENT = "nothing"


class Journal:
    """A file of finished trials beside a campaign's table; it is gone once the table is written.

    The first line is the setup, every other line what `append` was given, each after its CRC-32. A line counts once it
    ends; what a kill cut off is overwritten. One process at a time writes to it.

    Attributes:
        entries: those of an earlier run with the same setup, in their order.
    """

    def __init__(self, table: str | Path, setup: dict[str, Any]):
        """Take up the journal of a table, or begin one.

        Args:
            table: the file that the campaign makes.
            setup: all that its trials depend on; what JSON can hold.

        Raises:
            InputError: the journal was begun under another setup (the message says what differs), another process
                writes to it, or a line of it is not what was written.
        """
        self.path = Path(table).with_name(f"{Path(table).name}.partial")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        setup = json.loads(json.dumps(setup))
        self.entries: list[Any] = []
        with full_disk_told(self.path):
            self._file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666), "r+b")
            self._hold()
        written = self._file.read()
        complete = written[: written.rfind(b"\n") + 1]
        if complete:
            found, *self.entries = (self._parsed(line) for line in complete.splitlines())
            self._require_same(found, setup)
        self._file.truncate(len(complete))
        self._file.seek(len(complete))
        if not complete:
            self._write(setup)

    def append(self, entry: Any) -> None:
        """Keep what JSON can hold; it is on disk when this returns."""
        self._write(entry)
        self.entries.append(entry)

    def finish(self) -> None:
        """Remove the file; to be called when the campaign's table is written."""
        self._file.close()
        self.path.unlink()

    def _hold(self) -> None:
        try:
            # A lock of fcntl also holds between the machines that share a file system.
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise InputError(
                f"another process writes to {self.path}, perhaps a job of a run that was killed; wait for it or end it"
            ) from None

    def _write(self, entry: Any) -> None:
        text = json.dumps(entry).encode()
        with full_disk_told(self.path):
            self._file.write(b"%08x %b\n" % (zlib.crc32(text), text))
            self._file.flush()
            os.fsync(self._file.fileno())

    def _parsed(self, line: bytes) -> Any:
        checksum, _, text = line.partition(b" ")
        if checksum != b"%08x" % zlib.crc32(text):
            raise InputError(f"{self.path} is damaged: a line of it is not what was written; delete it to begin anew")
        return json.loads(text)

    def _require_same(self, found: Any, setup: dict[str, Any]) -> None:
        if found == setup:
            return
        then, now = _flat(found), _flat(setup)
        lines = [
            f"  {key}: {then.get(key, _ABSENT)} then, {now.get(key, _ABSENT)} now"
            for key in sorted({*then, *now})
            if then.get(key, _ABSENT) != now.get(key, _ABSENT)
        ]
        raise InputError(
            f"{self.path} holds {len(self.entries)} finished parts of a campaign with another setup:\n"
            + "\n".join(lines)
            + "\nrestore that setup to go on with it, or delete the file to begin anew"
        )


def _flat(setup: Any, path: str = "") -> dict[str, Any]:
    """Entries of nested mappings by their path, such as injections.parameters.trials."""
    if not isinstance(setup, dict) or not setup:
        return {path or "setup": setup}
    parts = (_flat(value, f"{path}.{key}" if path else key) for key, value in setup.items())
    return {key: value for part in parts for key, value in part.items()}
