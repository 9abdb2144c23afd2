"""How a network runs over many images: decided once, kept in engine.json, and read by every later stage."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sparebits.errors import InputError
from sparebits.files import write_text

MEMORY_FORMATS = ("channels_last", "contiguous_format")
"""Orders of memory of images and what layers give, by torch's names."""


@dataclass(frozen=True)
class Engine:
    """How a network runs.

    Attributes:
        batch_size: images an inference, at most.
        memory_format: one of MEMORY_FORMATS.
        compiled_from: inferences of an image from which on a stage compiles the network first, as it then takes ten
            times as long as compiling; None if it never does.
    """

    batch_size: int
    memory_format: str = "channels_last"
    compiled_from: int | None = None

    def is_worth_compiling(self, evaluations: int) -> bool:
        """Whether a stage with so many inferences of an image should run the compiled network."""
        return self.compiled_from is not None and evaluations >= self.compiled_from


def write_engine(path: str | Path, engine: Engine) -> None:
    """Write engine.json; no time stands in it."""
    write_text(path, json.dumps(asdict(engine), indent=2) + "\n")


def read_engine(path: str | Path) -> Engine:
    """The inverse of `write_engine`.

    Raises:
        InputError: the file is none that it wrote.
    """
    try:
        engine = Engine(**json.loads(Path(path).read_text(encoding="utf-8")))
        if engine.memory_format not in MEMORY_FORMATS or engine.batch_size < 2:
            raise ValueError(f"it says {engine}")
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} is no engine.json ({error}); delete it and run snakemake again") from None
    return engine
