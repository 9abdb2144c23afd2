"""What made the results: inputs by hash, versions, threads and seed. No times: the same run gives the same file."""

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "numba",
    "numpy",
    "pandas",
    "scipy",
    "scikit-learn",
    "pillow",
    "safetensors",
    "snakemake",
)
"""The installed packages whose version can change a result."""


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def provenance(config: dict, inputs: list[str], threads: int) -> dict:
    """Everything that the results depend on.

    Args:
        config: resolved.
        inputs: files that went in: weights, prepared images and labels, code.
        threads: of an evaluating job.
    """
    import torch

    return {
        "config": config,
        "inputs": {path: sha256_of(path) for path in sorted(set(inputs))},
        "machine": {
            "architecture": platform.machine(),
            "system": platform.system(),
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        },
        "python": platform.python_version(),
        "seed": config["seed"],
        "threads": threads,
        "versions": {package: version(package) for package in PACKAGES},
    }
