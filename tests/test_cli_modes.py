"""Modes of the command line: from an ordinary file over flips back to the same bytes, and what each command says."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from protected_files import header_and_content, write_file
from safetensors.torch import load_file, save_file

from sparebits.cli import main
from sparebits.long_codes.checkpoint import open_long
from sparebits.long_codes.modes import MODES
from sparebits.parameters import words_of
from sparebits.protection.header import DESCRIPTION, RECORDS

ROOT = Path(__file__).parents[1]
BERS = {"block": 0.12, "nested": 0.1, "nested-word": 0.08}
"""What each mode is meant for; none of the networks here has short blocks."""


def run(capsys, *arguments) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def counts_in(output: str) -> list[int]:
    """Blocks, clean ones, corrected ones, corrected bits, blocks beyond repair."""
    lines = [line.split() for line in output.splitlines()]
    return [int(number.replace(",", "")) for number in lines[lines.index(HEADING) + 1]]


HEADING = ["blocks", "clean", "corrected", "corrected", "bits", "beyond", "repair"]


@pytest.fixture
def plain(tmp_path) -> Path:
    """12,046 values, a counter, and a note."""
    generator = torch.Generator().manual_seed(2)
    state = {
        "conv.weight": torch.randn(60, 20, 3, 3, generator=generator) / 5,
        "norm.running_var": torch.rand(60, generator=generator) + 0.1,
        "norm.num_batches_tracked": torch.tensor(12345),
        "linear.weight": torch.randn(2, 593, generator=generator),
    }
    save_file(state, tmp_path / "plain.safetensors", metadata={"origin": "a test"})
    return tmp_path / "plain.safetensors"


@pytest.fixture(params=MODES)
def mode(request) -> str:
    return request.param


@pytest.fixture
def kept(mode, plain, tmp_path, capsys) -> Path:
    """The file, protected in each mode."""
    assert run(capsys, "protect", plain, "--mode", mode, "--output", tmp_path / "kept.safetensors")[0] == 0
    return tmp_path / "kept.safetensors"


def spoil(path: Path, *blocks: int) -> None:
    """Make noise of some blocks of 32-bit words."""
    checkpoint = open_long(path)
    starts, whole = checkpoint.storage.partition.starts, bytearray(path.read_bytes())
    first = 8 + int.from_bytes(whole[:8], "little")
    for block in blocks:
        for offset, own in checkpoint.places(slice(int(starts[block]), int(starts[block + 1]))):
            size = 4 * (own.stop - own.start)
            whole[first + offset : first + offset + size] = np.random.default_rng(block).bytes(size)
    path.write_bytes(whole)


# The whole line


@pytest.mark.parametrize("network", sorted((ROOT / "networks").glob("*.safetensors")), ids=lambda path: path.stem)
def test_scrubbing_gives_the_same_bytes_after_a_tenth_of_the_bits_was_hit(network, tmp_path, capsys):
    path = tmp_path / "kept.safetensors"
    code, output, _ = run(capsys, "protect", network, "--mode", "block", "--output", path)
    assert code == 0
    bits = "22 of 64" if network.stem == "resnet8_float64" else "11 of 32"
    assert f"are protected, block mode, {bits} bits of data" in output
    before = path.read_bytes()
    sizes = [8 + int.from_bytes(file.read_bytes()[:8], "little") for file in (network, path)]
    assert path.stat().st_size - network.stat().st_size == sizes[1] - sizes[0]
    code, output, _ = run(capsys, "flip", path, "--ber", 0.1)
    assert code == 0
    flips = int(output.split()[1].replace(",", ""))
    content = len(before) - sizes[1]
    assert abs(flips - 0.8 * content) < 5 * np.sqrt(0.72 * content)
    hit = path.read_bytes()
    code, output, _ = run(capsys, "verify", path)
    assert code == 0
    assert path.read_bytes() == hit
    counts = counts_in(output)
    assert counts[1] == counts[4] == 0
    assert counts[0] == counts[2]
    outside = [int(line.split()[0]) for line in output.splitlines() if "flips in tensors of integers" in line]
    assert counts[3] + sum(outside) == flips
    code, again, _ = run(capsys, "scrub", path)
    assert code == 0
    assert "was repaired" in again
    assert counts_in(again) == counts
    assert path.read_bytes() == before
    assert counts_in(run(capsys, "verify", path)[1]) == [counts[0], counts[0], 0, 0, 0]


def test_every_mode_gives_back_the_same_bytes(mode, kept, capsys):
    before = kept.read_bytes()
    for seed in (1, 2):
        assert run(capsys, "flip", kept, "--ber", BERS[mode], "--seed", seed)[0] == 0
        assert kept.read_bytes() != before
        assert run(capsys, "scrub", kept)[0] == 0
        assert kept.read_bytes() == before


def test_flips_are_undone_by_the_same_flips(kept, capsys):
    before = kept.read_bytes()
    first = run(capsys, "flip", kept, "--ber", "0.2", "--seed", 7)
    assert run(capsys, "flip", kept, "--ber", "0.2", "--seed", 7) == first
    assert kept.read_bytes() == before
    one, other = (run(capsys, "flip", kept, "--ber", "0.2", *seed)[1] for seed in ([], ["--seed", 1]))
    assert one == other
    assert kept.read_bytes() == before


def test_restoring_a_hit_file_gives_the_values_of_the_clean_one(mode, kept, plain, tmp_path, capsys):
    assert run(capsys, "restore", kept, "--output", tmp_path / "clean.pt")[0] == 0
    run(capsys, "flip", kept, "--ber", BERS[mode])
    for name in ("r.pt", "r.pth", "r.safetensors"):
        code, output, _ = run(capsys, "restore", kept, "--output", tmp_path / name)
        assert code == 0
        assert counts_in(output)[4] == 0
    clean, original = torch.load(tmp_path / "clean.pt"), load_file(plain)
    for restored in (
        torch.load(tmp_path / "r.pt"),
        torch.load(tmp_path / "r.pth"),
        load_file(tmp_path / "r.safetensors"),
    ):
        assert restored.keys() == original.keys()
        for name, value in original.items():
            assert torch.equal(restored[name], clean[name])
            if value.is_floating_point():
                atol = 2.0**-20 * float(value.abs().max())
                assert torch.allclose(restored[name], value, rtol=2.0**-6, atol=atol)
            else:
                assert torch.equal(restored[name], value)
    # It is an ordinary file again.
    assert run(capsys, "analyze", tmp_path / "r.safetensors")[0] == 0
    assert run(capsys, "verify", tmp_path / "r.safetensors")[0] == 2


# What is told


def test_inspect_says_mode_blocks_and_layouts(mode, kept, capsys):
    code, output, _ = run(capsys, "inspect", kept)
    assert code == 0
    bits = {"block": 11}.get(mode, 10)
    lines = output.splitlines()
    assert lines[0] == f"{kept}: 12,046 values of binary32 in 3 tensors, {mode} mode, {bits} of 32 bits of data"
    assert (
        lines[1]
        == {
            "block": "16 blocks of 753 or 752 words in 5g-ldpc(24096,8283) and 5g-ldpc(24064,8272)",
            "nested": "2 blocks of 6023 words in reed-solomon(6023,4634) over tabulated(32,13)",
            "nested-word": "4 blocks of 3012 or 3011 words in reed-solomon(3765,3012) and reed-solomon(3763,3011) "
            "over tabulated(32,13)",
        }[mode]
    )
    assert "origin: a test" in lines
    header = int.from_bytes(kept.read_bytes()[:8], "little")
    assert any(line.startswith(f"header {header:,} bytes") for line in lines)
    assert DESCRIPTION not in output
    rows = [line.split() for line in lines]
    signed, unsigned = {"block": ("1-4-6", "0-4-7")}.get(mode, ("1-4-5", "0-4-6"))
    layouts = {row[0]: row[1] for row in rows if len(row) == 3}
    assert layouts["conv.weight"] == layouts["linear.weight"] == signed
    assert layouts["norm.running_var"] == unsigned


def test_failed_blocks_are_listed_with_their_values_and_the_exit_code_tells(mode, kept, tmp_path, capsys):
    last = open_long(kept).storage.partition.blocks - 1
    start = int(open_long(kept).storage.partition.starts[last])
    before = kept.read_bytes()
    spoil(kept, last)
    hit = kept.read_bytes()
    code, output, _ = run(capsys, "verify", kept)
    assert code == 1
    assert counts_in(output) == [last + 1, last, 0, 0, 1]
    assert "1 blocks are beyond repair:" in output
    # In the file: conv.weight (10,800 values), linear.weight, norm.running_var.
    parts = [f"linear.weight [{max(start - 10800, 0)}:1186], norm.running_var [0:60]"]
    parts = [f"conv.weight [{start}:10800]", *parts] if start < 10800 else parts
    assert output.splitlines()[-1] == f"  {last}: {', '.join(parts)}"
    code, output, _ = run(capsys, "scrub", kept)
    assert code == 1
    assert "has nothing to repair and was left as it is" in output
    assert "1 blocks are beyond repair, left as they are:" in output
    assert kept.read_bytes() == hit
    run(capsys, "flip", kept, "--ber", "0.01")
    code, output, _ = run(capsys, "scrub", kept)
    assert code == 1
    assert "was repaired" in output
    checkpoint = open_long(kept)
    clean = kept.with_name("clean.safetensors")
    clean.write_bytes(before)
    assert np.array_equal(checkpoint.read(slice(0, start)), open_long(clean).read(slice(0, start)))
    code, output, _ = run(capsys, "restore", kept, "--output", tmp_path / "r.safetensors")
    assert code == 0
    assert "beyond repair, what they lost is the median of its tensor's other values" in output
    assert all(value.isfinite().all() for value in load_file(tmp_path / "r.safetensors").values())


def test_at_most_20_blocks_beyond_repair_are_listed(tmp_path, capsys):
    torch.manual_seed(1)
    save_file({"w": torch.randn(768 * 25)}, tmp_path / "plain.safetensors")
    path = tmp_path / "kept.safetensors"
    run(capsys, "protect", tmp_path / "plain.safetensors", "--mode", "block", "--output", path)
    spoil(path, *range(2, 25))
    code, output, _ = run(capsys, "verify", path)
    assert code == 1
    assert output.count(": w [") == 20
    assert "23 blocks are beyond repair:" in output
    assert output.endswith("... and 3 more\n")


def test_a_clean_file_is_left_untouched(kept, capsys):
    before = kept.stat()
    code, output, _ = run(capsys, "scrub", kept)
    assert code == 0
    assert "has nothing to repair and was left as it is" in output
    after = kept.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_damage_outside_of_the_blocks_is_told_and_repaired(kept, capsys):
    before = kept.read_bytes()
    header, content = header_and_content(kept)
    header["__metadata__"][RECORDS] = "?" * 20 + header["__metadata__"][RECORDS][20:]
    damaged = bytearray(content)
    damaged[header["norm.num_batches_tracked"]["data_offsets"][0]] ^= 0b111
    write_file(kept, header, bytes(damaged))
    for command in ("verify", "scrub"):
        code, output, _ = run(capsys, command, kept)
        assert code == 0
        assert "3 flips in tensors of integers are told by the header's copy of them" in output
        assert "20 digits of the records were corrected by their codes and copies" in output
    assert kept.read_bytes() == before


# Word mode beside the others


def test_word_mode_is_the_default(plain, tmp_path, capsys):
    for name, arguments in (("default", []), ("named", ["--mode", "word"])):
        assert run(capsys, "protect", plain, *arguments, "--output", tmp_path / f"{name}.safetensors")[0] == 0
    path = tmp_path / "default.safetensors"
    before = path.read_bytes()
    assert (tmp_path / "named.safetensors").read_bytes() == before
    assert "[32,11,12]" in run(capsys, "inspect", path)[1]
    run(capsys, "flip", path, "--ber", "0.001")
    # The counter's bits are hit too, and no code protects them.
    hit = header_and_content(path)[1]
    assert hit != header_and_content(tmp_path / "named.safetensors")[1]
    code, output, _ = run(capsys, "verify", path)
    assert code == 0
    assert "code words" in output
    assert run(capsys, "scrub", path)[0] == 0
    one, other = load_file(path), load_file(tmp_path / "named.safetensors")
    assert all(np.array_equal(words_of(one[name]), words_of(other[name])) for name in one if "num" not in name)
    assert run(capsys, "restore", path, "--output", tmp_path / "r.pt")[0] == 0


@pytest.mark.parametrize("any_mode", ["word", *MODES])
def test_tied_and_empty_tensors_go_through_the_whole_line(any_mode, tmp_path, capsys):
    """As in a model that uses one BatchNorm twice: its counter is tied too."""
    torch.manual_seed(1)
    state = {"a": torch.randn(30, 30), "count": torch.tensor(5), "gap": torch.empty(0, 3)}
    state |= {"again.a": state["a"], "again.count": state["count"]}
    torch.save(state, tmp_path / "plain.pt")
    path = tmp_path / "kept.safetensors"
    assert run(capsys, "protect", tmp_path / "plain.pt", "--mode", any_mode, "--output", path)[0] == 0
    for command in (["verify", path], ["scrub", path], ["inspect", path]):
        assert run(capsys, *command)[0] == 0
    assert run(capsys, "restore", path, "--output", tmp_path / "r.pt")[0] == 0
    restored = torch.load(tmp_path / "r.pt")
    assert {name: value.shape for name, value in restored.items()} == {name: v.shape for name, v in state.items()}
    for name in ("a", "count"):
        assert restored[f"again.{name}"].data_ptr() == restored[name].data_ptr()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("any_mode", ["word", "block", "nested"])
def test_other_formats_go_through_the_whole_line(any_mode, dtype, tmp_path, capsys):
    torch.manual_seed(1)
    save_file({"w": torch.randn(3001).to(dtype)}, tmp_path / "plain.safetensors")
    path = tmp_path / "kept.safetensors"
    assert run(capsys, "protect", tmp_path / "plain.safetensors", "--mode", any_mode, "--output", path)[0] == 0
    before = path.read_bytes()
    run(capsys, "flip", path, "--ber", "1e-3")
    assert run(capsys, "scrub", path)[0] == 0
    assert path.read_bytes() == before


# What is refused


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("protect PLAIN --mode block --selection s.json --output TMP/o.safetensors", "leave --selection out"),
        ("protect PLAIN --mode nested --output TMP/o.pt", "ends in .safetensors"),
        ("protect KEPT --mode block --output TMP/o.safetensors", "is protected already"),
        ("protect KEPT --output TMP/o.safetensors", "is protected already"),
        ("analyze KEPT", "is protected already"),
        ("protect PLAIN --mode block --output KEPT", "exists; name another output, or add --force"),
        ("protect PLAIN --mode block --force --output PLAIN", "is the file itself"),
        ("protect TMP/half.safetensors --mode nested-word --output TMP/o.safetensors", "binary16 has 16: use nested"),
        (
            "protect TMP/nan.safetensors --mode block --output TMP/o.safetensors",
            "nan.safetensors: w: 1 of 2 values are NaN",
        ),
        ("restore KEPT --output KEPT --force", "is the file itself"),
        ("restore KEPT --output TMP/o.bin", "ends in .safetensors or .pt or .pth"),
        ("flip KEPT --ber 1.5", "lies in 0..1, got 1.5"),
        ("flip KEPT --ber -1", "lies in 0..1, got -1"),
        ("flip KEPT --ber 0.1 --seed -1", "the seed of a fault map"),
        ("flip TMP/plain.pt --ber 0.1", "bits are flipped in .safetensors files"),
        ("flip TMP/gone.safetensors --ber 0.1", "no such file"),
        ("verify TMP/unknown.safetensors", "unknown.safetensors: it is stored in the mode 'turbo'"),
        ("scrub TMP/unknown.safetensors", "unknown.safetensors: it is stored in the mode 'turbo'"),
        ("inspect TMP/version.safetensors", "version.safetensors: its protection is of version 9"),
        ("restore TMP/version.safetensors --output TMP/o.pt", "version.safetensors: its protection is of version 9"),
        ("verify TMP/short.safetensors", "short.safetensors is no whole safetensors file"),
        ("scrub TMP/short.safetensors", "short.safetensors is no whole safetensors file"),
    ],
)
def test_wrong_arguments_are_told_in_a_sentence(line, message, plain, tmp_path, capsys):
    kept = tmp_path / "kept.safetensors"
    run(capsys, "protect", plain, "--mode", "block", "--output", kept)
    save_file({"w": torch.ones(2, dtype=torch.float16)}, tmp_path / "half.safetensors")
    save_file({"w": torch.tensor([1.0, torch.nan])}, tmp_path / "nan.safetensors")
    torch.save({"w": torch.ones(2)}, tmp_path / "plain.pt")
    header, content = header_and_content(kept)
    description = header["__metadata__"][DESCRIPTION]
    for name, old, new in (("unknown", '"block"', '"turbo"'), ("version", '"version":3', '"version":9')):
        altered = {**header["__metadata__"], DESCRIPTION: description.replace(old, new)}
        write_file(tmp_path / f"{name}.safetensors", {**header, "__metadata__": altered}, content)
    (tmp_path / "short.safetensors").write_bytes(kept.read_bytes()[:-4])
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for short, path in (("PLAIN", plain), ("KEPT", kept), ("TMP", tmp_path)):
        line = line.replace(short, str(path))
    code, output, error = run(capsys, *line.split())
    assert code == 2
    assert output == ""
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_unknown_mode_and_flips_without_a_rate_are_usage_errors(plain, tmp_path, capsys):
    for arguments in (
        ["protect", str(plain), "--mode", "turbo", "--output", str(tmp_path / "o.safetensors")],
        ["flip", str(plain)],
        ["flip", str(plain), "--ber", "much"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    capsys.readouterr()


def test_an_existing_output_is_overwritten_by_force(kept, mode, plain, tmp_path, capsys):
    other = tmp_path / "mine.safetensors"
    shutil.copy(plain, other)
    assert run(capsys, "protect", plain, "--mode", mode, "--output", other, "--force")[0] == 0
    assert other.read_bytes() == kept.read_bytes()
