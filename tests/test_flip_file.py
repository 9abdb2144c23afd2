"""Flips in files: where they are, that they nest, and that doing it again undoes it."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from protected_files import header_and_content
from safetensors.torch import load_file, save_file

from sparebits.errors import InputError
from sparebits.faults import flip_file as module
from sparebits.faults.ber import PARAMETERS, ber_mask
from sparebits.faults.flip_file import flip_file

VALUES = 20_000


@pytest.fixture
def file(tmp_path):
    generator = torch.Generator().manual_seed(1)
    state = {"weight": torch.randn(VALUES - 5, generator=generator), "count": torch.tensor(7), "rest": torch.ones(3)}
    save_file(state, tmp_path / "file.safetensors", metadata={"origin": "test"})
    return tmp_path / "file.safetensors"


def bits_of(path):
    return np.frombuffer(header_and_content(path)[1], dtype=np.uint8)


def mask_of(file, ber, seed):
    """Which bits a call flips; the file is as before."""
    whole, before = file.read_bytes(), bits_of(file)
    flip_file(file, ber, seed)
    mask = bits_of(file) ^ before
    file.write_bytes(whole)
    return mask


@pytest.mark.parametrize("ber", [0.001, 0.05, 0.1, 0.5])
def test_as_many_bits_are_flipped_as_are_told_and_expected(file, ber):
    before = bits_of(file)
    flips = flip_file(file, ber, 1)
    assert np.bitwise_count(bits_of(file) ^ before).sum() == flips
    bits = 8 * len(before)
    assert abs(flips - bits * ber) < 5 * np.sqrt(bits * ber * (1 - ber))


def test_the_header_is_left_as_it_is(file):
    header = file.read_bytes()[: -len(bits_of(file))]
    flip_file(file, 0.5, 1)
    assert file.read_bytes().startswith(header)
    assert len(bits_of(file)) == 4 * (VALUES - 2) + 8
    assert load_file(file)["weight"].shape == (VALUES - 5,)


def test_flips_at_a_lower_rate_are_among_those_at_a_higher_one(file):
    masks = [mask_of(file, ber, 3) for ber in (0.01, 0.05, 0.2)]
    for fewer, more in pairwise(masks):
        assert not (fewer & ~more).any()
        assert fewer.any()


def test_the_same_seed_flips_the_same_bits_whatever_they_hold(file, tmp_path):
    mask = mask_of(file, 0.1, 3)
    assert np.array_equal(mask_of(file, 0.1, 3), mask)
    other = mask_of(file, 0.1, 4)
    # Two maps share a hundredth of all bits.
    assert abs(np.bitwise_count(mask & other).sum() / (8 * len(mask)) - 0.01) < 0.001
    save_file({"weight": torch.zeros(VALUES)}, tmp_path / "zeros.safetensors")
    assert np.array_equal(mask_of(tmp_path / "zeros.safetensors", 0.1, 3)[: len(mask)], mask)


def test_doing_it_again_undoes_it(file):
    before = file.read_bytes()
    flips = flip_file(file, 0.1, 5)
    assert file.read_bytes() != before
    assert flip_file(file, 0.1, 5) == flips
    assert file.read_bytes() == before


def test_all_bits_or_none(file):
    before = bits_of(file)
    assert flip_file(file, 0, 1) == 0
    assert np.array_equal(bits_of(file), before)
    assert flip_file(file, 1, 1) == 8 * len(before)
    assert np.array_equal(bits_of(file), ~before)


def test_a_bits_address_is_its_byte_after_the_header(file, monkeypatch):
    expected = ber_mask(9, PARAMETERS, len(bits_of(file)), 8, 0.1)
    assert np.array_equal(mask_of(file, 0.1, 9), expected)
    monkeypatch.setattr(module, "CHUNK", 1000)
    assert np.array_equal(mask_of(file, 0.1, 9), expected)


def test_a_link_stays_one_and_rights_are_kept(file, tmp_path):
    link = tmp_path / "link.safetensors"
    link.symlink_to(file)
    file.chmod(0o640)
    before = bits_of(file)
    flip_file(link, 0.1, 1)
    assert link.is_symlink()
    assert not np.array_equal(bits_of(file), before)
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.safetensors", "link.safetensors"]


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin"])
def test_other_files_are_refused(tmp_path, suffix):
    torch.save({"a": torch.ones(3)}, tmp_path / f"file{suffix}")
    before = (tmp_path / f"file{suffix}").read_bytes()
    with pytest.raises(InputError, match=r"bits are flipped in \.safetensors files"):
        flip_file(tmp_path / f"file{suffix}", 0.1, 1)
    assert (tmp_path / f"file{suffix}").read_bytes() == before


@pytest.mark.parametrize(
    ("ber", "seed", "message"),
    [(-0.1, 1, "0..1, got -0.1"), (1.1, 1, "0..1, got 1.1"), (float("nan"), 1, "got nan"), (0.1, -1, "2^64 - 1, got")],
)
def test_arguments_out_of_their_range_are_refused(file, ber, seed, message):
    before = file.read_bytes()
    with pytest.raises(InputError) as raised:
        flip_file(file, ber, seed)
    assert message in str(raised.value)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["file.safetensors"]


@pytest.mark.parametrize("content", [b"", b"text that is no checkpoint", None])
def test_what_is_no_whole_file_is_refused(tmp_path, content):
    path = tmp_path / "file.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"file\.safetensors"):
        flip_file(path, 0.1, 1)
    assert (path.read_bytes() if path.exists() else None) == content


def test_a_truncated_file_is_refused_and_left_alone(file):
    file.write_bytes(file.read_bytes()[:-8])
    before = file.read_bytes()
    with pytest.raises(InputError, match="truncated"):
        flip_file(file, 0.1, 1)
    assert file.read_bytes() == before
