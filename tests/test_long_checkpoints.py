"""Checkpoints in codes over many words: the same size, the same bytes after scrubbing, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from protected_files import header_and_content, write_file
from safetensors.torch import load_file, save_file

from sparebits.errors import InputError
from sparebits.faults.flip_file import flip_file
from sparebits.formats import FORMATS
from sparebits.long_codes import checkpoint as long_checkpoint
from sparebits.long_codes.checkpoint import (
    LongCheckpoint,
    open_long,
    restore_long,
    scrub_long,
    verify_long,
    write_long,
)
from sparebits.long_codes.header import mode_of
from sparebits.long_codes.modes import DATA_BITS, MODES
from sparebits.long_codes.scheme import fit_long_scheme
from sparebits.parameters import doubles_of, named_tensors, nearest_words, words_of
from sparebits.protection.checkpoint import read_checkpoint
from sparebits.protection.header import DESCRIPTION, RECORDS

SUITED = [(mode, dtype) for mode in MODES for dtype, fmt in FORMATS.items() if fmt.width in DATA_BITS[mode]]
UNSUITED = [("nested-word", dtype) for dtype, fmt in FORMATS.items() if fmt.width != 32]
TENSORS = {"scale": (), "conv.weight": (70, 8, 3, 3), "gap": (0, 4), "norm.running_var": (70,), "fc.weight": (50, 70)}
"""8,611 values in an order of their own; block mode and 32-bit nested ones cut them into several blocks."""


def state_of(dtype: str, shapes=TENSORS) -> dict[str, torch.Tensor]:
    """Values as of a trained network, a counter, and integers of a byte."""
    generator = torch.Generator().manual_seed(4)
    state = {}
    for name, shape in shapes.items():
        drawn = torch.randn(shape, generator=generator) / 5
        state[name] = (drawn.abs() + 0.1 if "var" in name else drawn).to(getattr(torch, dtype))
    state["norm.num_batches_tracked"] = torch.tensor(1234567890123)
    state["table"] = torch.arange(-5, 6, dtype=torch.int8)
    return state


def protect(source: Path, output: Path, mode: str):
    """Protect a file; the scheme."""
    checkpoint = read_checkpoint(source)
    scheme = fit_long_scheme(mode, checkpoint.tensors, checkpoint.words, checkpoint.fmt)
    write_long(output, checkpoint, scheme)
    return scheme


@pytest.fixture
def plain(tmp_path) -> Path:
    save_file(state_of("float32"), tmp_path / "plain.safetensors", metadata={"origin": "test"})
    return tmp_path / "plain.safetensors"


@pytest.fixture(params=MODES)
def protected(request, plain, tmp_path) -> Path:
    """A float32 file in each mode."""
    protect(plain, tmp_path / "protected.safetensors", request.param)
    return tmp_path / "protected.safetensors"


@pytest.fixture
def blocks(plain, tmp_path) -> Path:
    """A float32 file in block mode: 12 blocks."""
    protect(plain, tmp_path / "blocks.safetensors", "block")
    return tmp_path / "blocks.safetensors"


def scrub(path: Path):
    return scrub_long(open_long(path))


def spoil(path: Path, block: int) -> None:
    """Flip half of the bits of a block of 32-bit words."""
    checkpoint = open_long(path)
    starts = checkpoint.storage.partition.starts
    whole = bytearray(path.read_bytes())
    random = np.random.default_rng(block)
    first = 8 + int.from_bytes(whole[:8], "little")
    for offset, words in checkpoint.places(slice(int(starts[block]), int(starts[block + 1]))):
        size = 4 * (words.stop - words.start)
        whole[first + offset : first + offset + size] = random.bytes(size)
    path.write_bytes(whole)


def files_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


# What is written


@pytest.mark.parametrize(("mode", "dtype"), SUITED)
def test_a_protected_file_has_the_original_size_but_for_the_header(mode, dtype, tmp_path):
    save_file(state_of(dtype), tmp_path / "plain.safetensors")
    protect(tmp_path / "plain.safetensors", tmp_path / "p.safetensors", mode)
    before, content_before = header_and_content(tmp_path / "plain.safetensors")
    after, content_after = header_and_content(tmp_path / "p.safetensors")
    assert set(after.pop("__metadata__")) == {DESCRIPTION, RECORDS}
    assert list(after.items()) == list(before.items())
    assert len(content_after) == len(content_before)
    lengths = [
        int.from_bytes((tmp_path / name).read_bytes()[:8], "little") for name in ("plain.safetensors", "p.safetensors")
    ]
    sizes = [(tmp_path / name).stat().st_size for name in ("plain.safetensors", "p.safetensors")]
    assert sizes[1] - sizes[0] == lengths[1] - lengths[0]
    checkpoint = open_long(tmp_path / "p.safetensors")
    assert (checkpoint.header_bytes, checkpoint.added_bytes) == (lengths[1], lengths[1] - lengths[0])
    for entry in before.values():
        place = slice(*entry["data_offsets"])
        is_same = content_after[place] == content_before[place]
        assert is_same == (entry["dtype"].startswith("I") or place.start == place.stop)


@pytest.mark.parametrize(("mode", "dtype"), SUITED)
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_restored_values_are_those_of_the_layouts(mode, dtype, suffix, tmp_path):
    state = state_of(dtype)
    save_file(state, tmp_path / "plain.safetensors", metadata={"origin": "test"})
    scheme = protect(tmp_path / "plain.safetensors", tmp_path / "p.safetensors", mode)
    report = restore_long(open_long(tmp_path / "p.safetensors"), tmp_path / f"r{suffix}")
    assert (report.corrected_bits, len(report.failed)) == (0, 0)
    restored = load_file(tmp_path / "r.safetensors") if suffix == ".safetensors" else torch.load(tmp_path / "r.pt")
    assert restored.keys() == state.keys()
    for name, value in state.items():
        assert (restored[name].dtype, restored[name].shape) == (value.dtype, value.shape)
        if value.is_floating_point():
            layout = scheme.layouts[name]
            assert layout.data_bits == DATA_BITS[mode][8 * value.element_size()]
            np.testing.assert_array_equal(words_of(restored[name]), layout.restore(layout.quantise(words_of(value))))
        else:
            assert torch.equal(restored[name], value)
    if suffix == ".safetensors":
        before, after = header_and_content(tmp_path / "plain.safetensors"), header_and_content(tmp_path / f"r{suffix}")
        assert after[0] == before[0]


@pytest.mark.parametrize("mode", MODES)
def test_every_tensor_keeps_its_own_window(mode, tmp_path):
    """Layouts with and without a sign take turns, and windows lie far apart."""
    generator = torch.Generator().manual_seed(5)
    state = {name: torch.randn(30, generator=generator) * 10.0 ** (3 * place) for place, name in enumerate("abcdef")}
    state |= {name: state[name].abs() for name in "bdf"}
    save_file(state, tmp_path / "plain.safetensors")
    path = tmp_path / "p.safetensors"
    scheme = protect(tmp_path / "plain.safetensors", path, mode)
    assert len(set(scheme.bases)) == 6
    before = path.read_bytes()
    header, content = header_and_content(path)
    header["__metadata__"][RECORDS] = "#" + header["__metadata__"][RECORDS][1:]
    write_file(path, header, content)
    assert open_long(path).scheme.layouts == scheme.layouts
    scrub(path)
    assert path.read_bytes() == before
    restore_long(open_long(path), tmp_path / "r.safetensors")
    for name, restored in load_file(tmp_path / "r.safetensors").items():
        assert torch.allclose(restored, state[name], rtol=2.0**-6, atol=2.0**-20 * float(state[name].abs().max()))


def test_restored_values_are_near_the_original(protected, plain, tmp_path):
    restore_long(open_long(protected), tmp_path / "r.safetensors")
    restored = load_file(tmp_path / "r.safetensors")
    for name, value in load_file(plain).items():
        if value.is_floating_point() and value.numel():
            # Half a step of a mantissa of 5 bits; in a window of 15 powers of two.
            atol = 2.0**-20 * float(value.abs().max())
            assert torch.allclose(restored[name], value, rtol=2.0**-6, atol=atol)


@pytest.mark.parametrize(("mode", "dtype"), SUITED)
def test_a_file_says_in_its_header_what_it_is(mode, dtype, tmp_path):
    save_file(state_of(dtype), tmp_path / "plain.safetensors", metadata={"origin": "test"})
    scheme = protect(tmp_path / "plain.safetensors", tmp_path / "p.safetensors", mode)
    metadata = header_and_content(tmp_path / "p.safetensors")[0]["__metadata__"]
    description = json.loads(metadata[DESCRIPTION])
    assert (description["version"], description["mode"], description["dtype"]) == (3, mode, dtype)
    assert sorted(name for entry in description["layouts"] for name in entry["tensors"]) == sorted(TENSORS)
    assert metadata["origin"] == "test"
    assert mode_of(metadata) == mode
    again = open_long(tmp_path / "p.safetensors")
    assert (again.scheme.mode, again.scheme.fmt, again.scheme.layouts) == (mode, FORMATS[dtype], scheme.layouts)


@pytest.mark.parametrize(("mode", "dtype"), UNSUITED)
def test_a_mode_that_does_not_suit_the_format_is_refused(mode, dtype, tmp_path):
    save_file(state_of(dtype), tmp_path / "plain.safetensors")
    with pytest.raises(InputError, match=f"{mode} mode is for words of 32 bits, .* has {FORMATS[dtype].width}: use"):
        protect(tmp_path / "plain.safetensors", tmp_path / "p.safetensors", mode)
    assert files_in(tmp_path) == ["plain.safetensors"]


@pytest.mark.parametrize(("mode", "dtype"), SUITED)
@pytest.mark.parametrize(
    "shapes",
    [
        {"a": ()},
        {"a": (1,)},
        {"a": (2,)},
        {"a": (3,)},
        {"a": (0,)},
        {"a": (0, 3), "b": ()},
        {"a": (), "b": (0,), "c": (2,), "d": (1, 1)},
        {"a": (5,), "b": (0, 0), "c": (3, 1)},
    ],
    ids=range(8),
)
def test_tensors_of_a_few_values_come_back(mode, dtype, shapes, tmp_path):
    save_file(state_of(dtype, shapes), tmp_path / "plain.safetensors")
    scheme = protect(tmp_path / "plain.safetensors", tmp_path / "p.safetensors", mode)
    before = (tmp_path / "p.safetensors").read_bytes()
    report, is_written = scrub(tmp_path / "p.safetensors")
    assert (report.corrected_bits, len(report.failed), is_written) == (0, 0, False)
    assert (tmp_path / "p.safetensors").read_bytes() == before
    restore_long(open_long(tmp_path / "p.safetensors"), tmp_path / "r.safetensors")
    restored = load_file(tmp_path / "r.safetensors")
    for name, value in state_of(dtype, shapes).items():
        if value.is_floating_point():
            layout = scheme.layouts[name]
            assert np.array_equal(words_of(restored[name]), layout.restore(layout.quantise(words_of(value))))


@pytest.mark.parametrize(("mode", "dtype"), SUITED)
def test_a_flip_in_a_few_values_is_undone(mode, dtype, tmp_path):
    # 16-bit words of an odd number end in half a unit, which no inner code protects: two or four values.
    values = 2 if dtype in ("float16", "bfloat16") else 1
    save_file(state_of(dtype, {"a": (values,), "b": (values,)}), tmp_path / "plain.safetensors")
    protect(tmp_path / "plain.safetensors", tmp_path / "p.safetensors", mode)
    before = (tmp_path / "p.safetensors").read_bytes()
    header, content = header_and_content(tmp_path / "p.safetensors")
    for name in "ab":
        for byte in range(*header[name]["data_offsets"]):
            damaged = bytearray(content)
            damaged[byte] ^= 0b100
            (tmp_path / "p.safetensors").write_bytes(before[: len(before) - len(content)] + damaged)
            report, is_written = scrub(tmp_path / "p.safetensors")
            assert (report.corrected_bits, len(report.failed), is_written) == (1, 0, True)
            assert (tmp_path / "p.safetensors").read_bytes() == before


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("mode", MODES)
def test_values_that_no_layout_holds_are_refused(mode, value, tmp_path):
    save_file({"w": torch.tensor([1.0, value, 2.0])}, tmp_path / "plain.safetensors")
    with pytest.raises(InputError, match="w: 1 of 3 values are NaN or infinite"):
        protect(tmp_path / "plain.safetensors", tmp_path / "p.safetensors", mode)


def test_only_a_safetensors_file_is_written(plain, tmp_path):
    checkpoint = read_checkpoint(plain)
    scheme = fit_long_scheme("block", checkpoint.tensors, checkpoint.words, checkpoint.fmt)
    with pytest.raises(InputError, match=r"is a \.safetensors file"):
        write_long(tmp_path / "p.pt", checkpoint, scheme)


def test_tied_tensors_are_stored_once_and_stay_tied(tmp_path):
    state = state_of("float32")
    # As in a model that uses one BatchNorm twice: its counter is tied too.
    state |= {f"again.{name}": state[name] for name in ("norm.running_var", "norm.num_batches_tracked")}
    torch.save(state, tmp_path / "plain.pt")
    protect(tmp_path / "plain.pt", tmp_path / "p.safetensors", "nested")
    assert not any(name.startswith("again") for name in header_and_content(tmp_path / "p.safetensors")[0])
    flip_file(tmp_path / "p.safetensors", 0.01, 1)
    scrub(tmp_path / "p.safetensors")
    restore_long(open_long(tmp_path / "p.safetensors"), tmp_path / "r.pt")
    restored = torch.load(tmp_path / "r.pt")
    assert restored.keys() == state.keys()
    for name in ("norm.running_var", "norm.num_batches_tracked"):
        assert restored[f"again.{name}"].data_ptr() == restored[name].data_ptr()


# Verifying and scrubbing


@pytest.mark.parametrize(("mode", "dtype"), SUITED)
def test_scrubbing_gives_the_same_bytes(mode, dtype, tmp_path):
    ber = {16: 0.01, 32: 0.07, 64: 0.07}[FORMATS[dtype].width]
    save_file(state_of(dtype), tmp_path / "plain.safetensors")
    path = tmp_path / "p.safetensors"
    protect(tmp_path / "plain.safetensors", path, mode)
    before = path.read_bytes()
    flips = flip_file(path, ber, 2)
    hit = path.read_bytes()
    counted = verify_long(open_long(path))
    assert path.read_bytes() == hit
    outside = open_long(path).flips_outside
    report, is_written = scrub(path)
    assert is_written
    assert path.read_bytes() == before
    # Flips in the tensors of integers are told by the header's copy.
    assert report.corrected_bits + outside == flips
    assert 0 < outside < 8 * (8 + 11)
    assert (report.blocks, len(report.failed)) == (open_long(path).storage.partition.blocks, 0)
    assert (counted.corrected_bits, counted.corrected_blocks) == (report.corrected_bits, report.corrected_blocks)


def test_a_hit_file_is_restored_as_the_clean_one(protected, tmp_path):
    restore_long(open_long(protected), tmp_path / "clean.safetensors")
    flip_file(protected, 0.05, 1)
    restore_long(open_long(protected), tmp_path / "hit.safetensors")
    assert (tmp_path / "hit.safetensors").read_bytes() == (tmp_path / "clean.safetensors").read_bytes()


def test_a_clean_file_is_not_written(protected):
    before = protected.stat()
    report, is_written = scrub(protected)
    assert not is_written
    assert (report.corrected_bits, report.corrected_blocks, len(report.failed)) == (0, 0, 0)
    after = protected.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_verifying_does_not_write(protected):
    flip_file(protected, 0.05, 1)
    before, content = protected.stat(), protected.read_bytes()
    assert verify_long(open_long(protected)).corrected_bits
    after = protected.stat()
    assert (after.st_ino, after.st_mtime_ns, protected.read_bytes()) == (before.st_ino, before.st_mtime_ns, content)


def test_integers_are_repaired_where_no_parameter_was_hit(protected):
    before = protected.read_bytes()
    header, content = header_and_content(protected)
    damaged = bytearray(content)
    damaged[header["norm.num_batches_tracked"]["data_offsets"][0]] ^= 0xFF
    damaged[header["table"]["data_offsets"][1] - 1] ^= 0b11
    protected.write_bytes(before[: len(before) - len(content)] + damaged)
    assert open_long(protected).flips_outside == 10
    report, is_written = scrub(protected)
    assert is_written
    assert report.corrected_bits == 0
    assert protected.read_bytes() == before


def test_integers_beyond_what_the_header_has_room_for_are_left_alone(plain, tmp_path, monkeypatch):
    monkeypatch.setattr(long_checkpoint, "MOST_COPIED", 10)
    path = tmp_path / "p.safetensors"
    protect(plain, path, "nested")
    description = json.loads(header_and_content(path)[0]["__metadata__"][DESCRIPTION])
    assert list(description["copied"]) == ["norm.num_batches_tracked"]
    header, content = header_and_content(path)
    start = path.stat().st_size - len(content)
    table = slice(*(start + offset for offset in header["table"]["data_offsets"]))
    before = path.read_bytes()
    flip_file(path, 0.05, 3)
    hit = path.read_bytes()
    assert hit[table] != before[table]
    scrub(path)
    assert path.read_bytes() == before[: table.start] + hit[table] + before[table.stop :]


@pytest.mark.parametrize("damage", ["one", "upper case", "a copy"])
def test_a_damaged_text_of_records_is_put_right(protected, damage):
    before = protected.read_bytes()
    header, content = header_and_content(protected)
    text = header["__metadata__"][RECORDS]
    damaged = {"one": "?" + text[1:], "upper case": text.upper(), "a copy": "#" * (len(text) // 6)}[damage]
    damaged += text[len(damaged) :]
    header["__metadata__"][RECORDS] = damaged
    write_file(protected, header, content)
    checkpoint = open_long(protected)
    assert checkpoint.protection.damaged_digits == sum(a != b for a, b in zip(damaged, text, strict=True))
    report, is_written = scrub_long(checkpoint)
    assert is_written
    assert report.corrected_bits == 0
    assert protected.read_bytes() == before


def test_a_link_stays_one_and_rights_are_kept(protected, tmp_path):
    link = tmp_path / "link.safetensors"
    link.symlink_to(protected)
    before = protected.read_bytes()
    flip_file(protected, 0.02, 1)
    protected.chmod(0o640)
    _, is_written = scrub(link)
    assert is_written
    assert link.is_symlink()
    assert protected.read_bytes() == before
    assert protected.stat().st_mode & 0o777 == 0o640
    assert files_in(tmp_path) == ["link.safetensors", "plain.safetensors", "protected.safetensors"]


@pytest.mark.parametrize("at", [1, 5, 12])
def test_an_interrupted_scrub_leaves_the_old_file_whole(blocks, at, tmp_path, monkeypatch):
    monkeypatch.setattr(long_checkpoint, "STRETCH", 768)
    flip_file(blocks, 0.05, 1)
    before = blocks.read_bytes()
    stat, names = blocks.stat(), files_in(tmp_path)
    read, calls = LongCheckpoint.read, []

    def interrupted(checkpoint, span):
        calls.append(span)
        if len(calls) == at:
            assert len(files_in(tmp_path)) == len(names) + 1  # the copy that is being repaired
            raise KeyboardInterrupt
        return read(checkpoint, span)

    monkeypatch.setattr(LongCheckpoint, "read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        scrub(blocks)
    assert blocks.read_bytes() == before
    assert (blocks.stat().st_ino, blocks.stat().st_mtime_ns) == (stat.st_ino, stat.st_mtime_ns)
    assert files_in(tmp_path) == names
    monkeypatch.undo()
    assert len(scrub(blocks)[0].failed) == 0


def test_blocks_beyond_repair_stay_and_the_others_are_repaired(protected):
    checkpoint = open_long(protected)
    starts, last = checkpoint.storage.partition.starts, checkpoint.storage.partition.blocks - 1
    assert last > 0
    clean = [checkpoint.read(slice(0, checkpoint.words))]
    flip_file(protected, 0.02, 1)
    spoil(protected, last)
    hit = open_long(protected).read(slice(0, checkpoint.words))
    assert verify_long(open_long(protected)).failed.tolist() == [last]
    report, is_written = scrub(protected)
    assert is_written
    assert report.failed.tolist() == [last]
    left = open_long(protected).read(slice(0, checkpoint.words))
    np.testing.assert_array_equal(left[: starts[last]], clean[0][: starts[last]])
    np.testing.assert_array_equal(left[starts[last] :], hit[starts[last] :])
    again, is_written = scrub(protected)
    assert again.failed.tolist() == [last]
    assert not is_written


def test_what_is_lost_becomes_the_median_of_its_tensors_others(blocks, plain, tmp_path):
    starts = open_long(blocks).storage.partition.starts
    restore_long(open_long(blocks), tmp_path / "clean.safetensors")
    spoil(blocks, 3)
    report = restore_long(open_long(blocks), tmp_path / "r.safetensors")
    assert report.failed.tolist() == [3]
    clean, found = load_file(tmp_path / "clean.safetensors"), load_file(tmp_path / "r.safetensors")
    for tensor in open_long(blocks).tensors:
        own = np.arange(tensor.start, tensor.span.stop)
        is_lost = (starts[3] <= own) & (own < starts[4])
        values, expected = found[tensor.name].numpy().reshape(-1), clean[tensor.name].numpy().reshape(-1).copy()
        others = np.sort(expected[~is_lost])
        if is_lost.any():
            expected[is_lost] = others[(len(others) - 1) // 2]
        np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_tensor_that_is_lost_altogether_becomes_zero(dtype, tmp_path):
    save_file({"a": torch.full((40,), 3.0).to(getattr(torch, dtype))}, tmp_path / "plain.safetensors")
    protect(tmp_path / "plain.safetensors", tmp_path / "p.safetensors", "block")
    header, content = header_and_content(tmp_path / "p.safetensors")
    write_file(tmp_path / "p.safetensors", header, bytes(len(content)))
    report = restore_long(open_long(tmp_path / "p.safetensors"), tmp_path / "r.safetensors")
    assert report.failed.tolist() == [0]
    assert not load_file(tmp_path / "r.safetensors")["a"].any()


# A stretch at a time


@pytest.mark.parametrize("stretch", [1, 769, 3000])
def test_the_length_of_a_stretch_changes_nothing(protected, stretch, monkeypatch):
    before = protected.read_bytes()
    flip_file(protected, 0.05, 1)
    hit = protected.read_bytes()
    whole = verify_long(open_long(protected))
    monkeypatch.setattr(long_checkpoint, "STRETCH", stretch)
    for report in (verify_long(open_long(protected)), scrub(protected)[0]):
        assert (report.blocks, report.corrected_bits) == (whole.blocks, whole.corrected_bits)
        assert (report.corrected_blocks, len(report.failed)) == (whole.corrected_blocks, 0)
    assert protected.read_bytes() == before != hit


def test_failed_blocks_keep_their_numbers_whatever_the_stretch(blocks, monkeypatch):
    for block in (0, 4, 11):
        spoil(blocks, block)
    for stretch in (1, 1600, 1 << 19):
        monkeypatch.setattr(long_checkpoint, "STRETCH", stretch)
        assert verify_long(open_long(blocks)).failed.tolist() == [0, 4, 11]


@pytest.mark.parametrize("stretch", [1000, 2000])
def test_no_more_than_a_stretch_is_read_at_a_time(blocks, stretch, monkeypatch):
    monkeypatch.setattr(long_checkpoint, "STRETCH", stretch)
    flip_file(blocks, 0.02, 1)
    read, spans = LongCheckpoint.read, []

    def noted(checkpoint, span):
        spans.append(span)
        return read(checkpoint, span)

    monkeypatch.setattr(LongCheckpoint, "read", noted)
    for work in (verify_long, scrub_long):
        spans.clear()
        work(open_long(blocks))
        assert max(span.stop - span.start for span in spans) <= stretch
        assert [span.start for span in spans[1:]] == [span.stop for span in spans[:-1]]
        assert (spans[0].start, spans[-1].stop) == (0, open_long(blocks).words)


def test_words_are_read_from_where_they_lie(protected, plain):
    """Stretches begin and end within tensors, whose neighbours may be empty."""
    checkpoint = open_long(protected)
    whole = checkpoint.read(slice(0, checkpoint.words))
    stored = load_file(protected)
    for tensor in checkpoint.tensors:
        np.testing.assert_array_equal(whole[tensor.span], words_of(stored[tensor.name]))
    content = header_and_content(protected)[1]
    for span in (slice(0, 1), slice(1, 70), slice(4, 8000), slice(checkpoint.words - 1, checkpoint.words)):
        np.testing.assert_array_equal(checkpoint.read(span), whole[span])
        for offset, own in checkpoint.places(span):
            there = np.frombuffer(content, dtype="<u4", count=own.stop - own.start, offset=offset)
            np.testing.assert_array_equal(there, whole[span][own])


# Files that are refused


def refused(path: Path) -> str:
    """The sentence that tells what is wrong; it names the file."""
    with pytest.raises(InputError) as raised:
        open_long(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_an_ordinary_file_is_refused(plain):
    assert "it is not protected" in refused(plain)


@pytest.mark.parametrize("kept", [0, 5, 8, 9, 300, 0.5, 0.999])
def test_a_truncated_file_is_refused(protected, kept):
    content = protected.read_bytes()
    protected.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    refused(protected)


def test_a_file_with_something_after_its_tensors_is_refused(protected):
    protected.write_bytes(protected.read_bytes() + bytes(4))
    refused(protected)


def change(description: dict, **values) -> dict:
    return {**description, **values}


def change_layout(description: dict, **values) -> dict:
    return {**description, "layouts": [{**description["layouts"][0], **values}, *description["layouts"][1:]]}


@pytest.mark.parametrize(
    ("altered", "message"),
    [
        (lambda d: change(d, version=2), "of version 2, in this mode 3 is read"),
        (lambda d: change(d, version=4), "of version 4"),
        (lambda d: change(d, version="3"), "of version '3'"),
        (lambda d: {key: d[key] for key in d if key != "version"}, "of version None"),
        (lambda d: change(d, mode="turbo"), "in the mode 'turbo'; this sparebits knows word, block, nested, nested-"),
        (lambda d: change(d, mode=["block"]), "in the mode ['block']"),
        (lambda d: change(d, mode={}), "in the mode {}"),
        (lambda d: change(d, mode="word"), "says no mode of block, nested, nested-word"),
        (lambda d: {key: d[key] for key in d if key != "mode"}, "says no mode of block, nested, nested-word"),
        (lambda d: change(d, mode="nested"), "has 11 data bits, expected 10"),
        (lambda d: change(d, dtype="float64"), "protected as float64, but its tensors are float32"),
        (lambda d: change(d, dtype=None), "protected as None"),
        (lambda d: change(d, layouts=[]), "does not protect a tensor that it holds"),
        (lambda d: change(d, layouts=d["layouts"][1:]), "does not protect a tensor that it holds"),
        (lambda d: change(d, layouts=d["layouts"] * 2), "protects a tensor twice"),
        (lambda d: change_layout(d, tensors=[*d["layouts"][0]["tensors"], "nowhere"]), "does not hold: nowhere"),
        (lambda d: change_layout(d, tensors=[*d["layouts"][0]["tensors"], "table"]), "does not hold: table"),
        (lambda d: change_layout(d, tensors=[*d["layouts"][0]["tensors"]] * 2), "protects a tensor twice"),
        (lambda d: change_layout(d, tensors=[["scale"]]), "protects a tensor twice"),
        (lambda d: change_layout(d, tensors=3), "not understood"),
        (lambda d: change(d, layouts=None), "not understood"),
        (lambda d: change(d, layouts="none"), "not understood"),
        (lambda d: change(d, layouts=[3]), "not understood"),
        (lambda d: change(d, layouts=[{}]), "not understood"),
        (lambda d: change_layout(d, mantissa_bits=7), "has 12 data bits, expected 11"),
        (lambda d: change_layout(d, exponent_bits=99), "does not fit"),
        (lambda d: change_layout(d, exponent_bits=-1, mantissa_bits=11), "does not fit"),
        (lambda d: change_layout(d, exponent_bits="4"), "not understood"),
        (lambda d: change_layout(d, exponent_bits=4.0), "not understood"),
        (lambda d: change_layout(d, exponent_bits=None), "not understood"),
        (lambda d: change_layout(d, signed=1), "not understood"),
        (lambda d: change(d, tied=[1]), "tied tensors"),
        (lambda d: change(d, tied=None), "tied tensors"),
        (lambda d: change(d, tied={"x": "nowhere"}), "tied tensors"),
        (lambda d: change(d, tied={"x": ["scale"]}), "tied tensors"),
        (lambda d: change(d, tied={"scale": "conv.weight"}), "tied tensors"),
        (lambda d: change(d, tied={"table": "norm.num_batches_tracked"}), "tied tensors"),
        (lambda d: change(d, copied=None), "copies of tensors of integers are not understood"),
        (lambda d: change(d, copied=[1]), "copies of tensors of integers are not understood"),
        (lambda d: change(d, copied={"table": 3}), "copies of tensors of integers are not understood"),
        (lambda d: change(d, copied={"table": "xyz"}), "copies of tensors of integers are not understood"),
        (lambda d: change(d, copied={"table": "00" * 10}), "its copy of table has 10 bytes, the tensor 11"),
        (lambda d: change(d, copied={"nowhere": "00"}), "its copy of nowhere has 1 bytes, the tensor is not there"),
        (lambda d: change(d, copied={"scale": "00" * 4}), "its copy of scale has 4 bytes, the tensor is not there"),
    ],
    ids=range(44),
)
def test_a_description_that_does_not_fit_is_refused(blocks, altered, message):
    header, content = header_and_content(blocks)
    description = json.loads(header["__metadata__"][DESCRIPTION])
    header["__metadata__"][DESCRIPTION] = json.dumps(altered(description))
    write_file(blocks, header, content)
    assert message in refused(blocks)


def test_a_description_with_the_same_name_for_a_tied_tensor_of_integers_is_read(blocks):
    header, content = header_and_content(blocks)
    description = json.loads(header["__metadata__"][DESCRIPTION])
    header["__metadata__"][DESCRIPTION] = json.dumps(change(description, tied={"second": "table"}))
    write_file(blocks, header, content)
    assert open_long(blocks).protection.tied == {"second": "table"}


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '"block"', "[" * 100_000])
def test_a_description_that_is_not_json_is_refused(blocks, text):
    header, content = header_and_content(blocks)
    header["__metadata__"][DESCRIPTION] = text
    write_file(blocks, header, content)
    assert DESCRIPTION in refused(blocks)


@pytest.mark.parametrize("key", [DESCRIPTION, RECORDS])
def test_half_a_protection_is_none(blocks, key):
    header, content = header_and_content(blocks)
    del header["__metadata__"][key]
    write_file(blocks, header, content)
    assert "it is not protected" in refused(blocks)


@pytest.mark.parametrize("text", ["", "ab", "00" * 30, "é" * 6])
def test_records_of_the_wrong_length_are_refused(blocks, text):
    header, content = header_and_content(blocks)
    header["__metadata__"][RECORDS] = text
    write_file(blocks, header, content)
    assert f"its records have {len(text)} characters" in refused(blocks)


def test_records_beyond_repair_are_not_guessed(blocks):
    header, content = header_and_content(blocks)
    header["__metadata__"][RECORDS] = "#" * len(header["__metadata__"][RECORDS])
    write_file(blocks, header, content)
    assert "its records are damaged beyond repair; protect the original again" in refused(blocks)


@pytest.mark.parametrize(
    "altered",
    [
        lambda h: {**h, "extra": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}},
        lambda h: {name: entry for name, entry in h.items() if name != "gap"},
        lambda h: {("scales" if name == "scale" else name): entry for name, entry in h.items()},
        lambda h: {**h, "scale": {**h["scale"], "dtype": "I32"}},
        lambda h: {**h, "scale": {**h["scale"], "dtype": "F64"}},
        lambda h: {**h, "table": {**h["table"], "shape": [1 << 70]}},
        lambda h: {**h, "__metadata__": 7},
    ],
    ids=["one more", "one less", "renamed", "integers", "wider", "impossible", "no metadata"],
)
def test_other_tensors_than_the_described_ones_are_refused(blocks, altered):
    header, content = header_and_content(blocks)
    write_file(blocks, altered(header), content)
    refused(blocks)


@pytest.mark.parametrize("mode", MODES)
def test_lost_values_become_the_lower_median_of_the_others(mode):
    fmt = FORMATS["float32"]
    tensors = named_tensors({"a": (8,), "b": (3,)})
    words = nearest_words(np.array([-3.0, 2.0, -1.0, 4.0, 0.5, -0.25, 8.0, 1.0, 5.0, 5.0, 5.0]), fmt)
    scheme = fit_long_scheme(mode, tensors, words, fmt)
    restored = scheme.restore(scheme.quantise(words, tensors), np.array([1, 6]), tensors)
    found = doubles_of(restored, fmt)
    # The others are -3, -1, -0.25, 0.5, 1 and 4.
    assert found.tolist() == [-3, -0.25, -1, 4, 0.5, -0.25, -0.25, 1, 5, 5, 5]
