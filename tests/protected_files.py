"""What tests do to checkpoint files with nothing of the project: read their headers, flip their bits."""

import json
from pathlib import Path

import numpy as np

WIDTHS = {"F64": 64, "F32": 32, "F16": 16, "BF16": 16}


def header_and_content(path: Path) -> tuple[dict, bytes]:
    """The header of a safetensors file, parsed, and the bytes that follow."""
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    return json.loads(whole[8 : 8 + length]), whole[8 + length :]


def write_file(path: Path, header: dict, content: bytes) -> None:
    """A safetensors file of any header, right or wrong."""
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content)


def flip_words(path: Path, masks: np.ndarray) -> None:
    """XOR the words of a file's floating-point tensors, in the order of their bytes, with masks (values,)."""
    whole = bytearray(path.read_bytes())
    first = 8 + int.from_bytes(whole[:8], "little")
    header, _ = header_and_content(path)
    start = 0
    for entry in sorted(
        (e for name, e in header.items() if name != "__metadata__" and e["dtype"] in WIDTHS),
        key=lambda e: e["data_offsets"],
    ):
        begin, end = entry["data_offsets"]
        words = np.frombuffer(bytes(whole[first + begin : first + end]), dtype=f"<u{WIDTHS[entry['dtype']] // 8}")
        whole[first + begin : first + end] = (words ^ masks[start : start + len(words)]).astype(words.dtype).tobytes()
        start += len(words)
    assert start == len(masks)
    path.write_bytes(whole)
