"""The command line on files: what is written, counted, repaired and refused, and its exit codes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from protected_files import flip_words, header_and_content, write_file
from safetensors.torch import load_file, save_file

from sparebits.cli import main
from sparebits.construction import build_architecture
from sparebits.faults.ber import PARAMETERS, ber_mask, count_flips
from sparebits.networks import assemble, load_network, save_network
from sparebits.parameters import words_of
from sparebits.protection.checkpoint import read_protected
from sparebits.protection.header import RECORDS
from sparebits.protection.plan import Plan, RolePlan

ROOT = Path(__file__).parents[1]
NETWORKS = sorted((ROOT / "networks").glob("*.safetensors"))
SEEDS = (20240501, 20240502)


@pytest.fixture
def plain(small_network, tmp_path) -> Path:
    """An ordinary checkpoint of the small network."""
    torch.manual_seed(4)
    save_file(small_network().state_dict(), tmp_path / "plain.safetensors")
    return tmp_path / "plain.safetensors"


@pytest.fixture
def protected(plain, tmp_path, capsys) -> Path:
    """The small network, protected by the default plan."""
    path = tmp_path / "protected.safetensors"
    assert main(["protect", str(plain), "--output", str(path)]) == 0
    capsys.readouterr()
    return path


def run(capsys, *arguments) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def counts_in(output: str) -> dict[str, list[int]]:
    """By role the numbers of the table of code words: words, clean, corrected words, corrected bits, detected."""
    lines = [line.split() for line in output.splitlines()]
    return {
        line[0]: [int(number.replace(",", "")) for number in line[1:]]
        for line in lines
        if line and line[0] in ("weights", "batchnorm", "other", "total")
    }


def values_in(path: Path) -> int:
    header, _ = header_and_content(path)
    return sum(int(np.prod(e["shape"])) for e in header.values() if e.get("dtype") in ("F32", "F64"))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("network", NETWORKS, ids=lambda path: path.stem)
def test_verify_counts_exactly_the_flips_and_scrub_restores_every_word(network, seed, tmp_path, capsys):
    path = tmp_path / "protected.safetensors"
    assert run(capsys, "protect", network, "--output", path)[0] == 0
    first = path.read_bytes()
    width = 64 if network.stem == "resnet8_float64" else 32
    masks = ber_mask(seed, PARAMETERS, values_in(path), width, 5e-3)
    flip_words(path, masks)
    hit = path.read_bytes()
    code, output, _ = run(capsys, "verify", path)
    total = counts_in(output)["total"]
    assert code == 0
    assert total[3] == count_flips(masks)
    assert total[4] == 0
    assert total[1] + total[2] == total[0]
    assert path.read_bytes() == hit
    assert run(capsys, "restore", path, "--output", tmp_path / "from_hit.safetensors")[0] == 0
    code, output, _ = run(capsys, "scrub", path)
    assert code == 0
    assert "was repaired" in output
    assert counts_in(output)["total"] == total
    assert path.read_bytes() == first
    assert run(capsys, "restore", path, "--output", tmp_path / "from_first.safetensors")[0] == 0
    assert (tmp_path / "from_hit.safetensors").read_bytes() == (tmp_path / "from_first.safetensors").read_bytes()
    capsys.readouterr()
    assert counts_in(run(capsys, "verify", path)[1])["total"] == [total[0], total[0], 0, 0, 0]


def test_counts_by_role_are_those_of_the_words_that_were_hit(protected, capsys):
    checkpoint = read_protected(protected)
    masks = np.zeros(len(checkpoint.words), dtype=np.uint32)
    spans = {tensor.name: tensor.span.start for tensor in checkpoint.tensors}
    masks[spans["conv.weight"] + 3] = 0b10101
    masks[spans["linear.bias"]] = 1 << 31
    # Three flips in two words of one channel, one in another channel.
    masks[spans["norm.bias"] + 1] = 0b11
    masks[spans["norm.running_var"] + 1] = 0b1
    masks[spans["norm.weight"] + 2] = 0b1
    flip_words(protected, masks)
    assert counts_in(run(capsys, "verify", protected)[1]) == {
        "weights": [164, 163, 1, 3, 0],
        "batchnorm": [4, 2, 2, 4, 0],
        "other": [10, 9, 1, 1, 0],
        "total": [178, 174, 4, 8, 0],
    }


def test_words_beyond_repair_are_listed_and_stay(protected, capsys):
    checkpoint = read_protected(protected)
    masks = np.zeros(len(checkpoint.words), dtype=np.uint32)
    spans = {tensor.name: tensor.span.start for tensor in checkpoint.tensors}
    masks[spans["linear.weight"] + 5] = 0b111111
    masks[spans["norm.bias"] + 2] = 0xFFFF
    masks[spans["conv.weight"]] = 0b1
    flip_words(protected, masks)
    code, output, _ = run(capsys, "verify", protected)
    assert code == 1
    assert counts_in(output)["total"][2:] == [1, 1, 2]
    listed = ["  norm.(weight, bias, running_mean, running_var) [2]", "  linear.weight [5]"]
    assert sorted(output.splitlines()[-2:]) == sorted(listed)
    code, output, _ = run(capsys, "scrub", protected)
    assert code == 1
    assert "2 code words are beyond repair, left as they are" in output
    masks[spans["conv.weight"]] = 0
    assert np.array_equal(read_protected(protected).words, checkpoint.words ^ masks)
    code, output, _ = run(capsys, "restore", protected, "--output", protected.with_name("r.safetensors"))
    assert code == 0
    assert "2 code words are beyond repair, replaced" in output
    assert all(value.isfinite().all() for value in load_file(protected.with_name("r.safetensors")).values())


def test_at_most_20_words_beyond_repair_are_listed(protected, capsys):
    checkpoint = read_protected(protected)
    conv = next(tensor for tensor in checkpoint.tensors if tensor.name == "conv.weight")
    masks = np.zeros(len(checkpoint.words), dtype=np.uint32)
    masks[conv.start : conv.start + 25] = 0b111111
    flip_words(protected, masks)
    code, output, _ = run(capsys, "verify", protected)
    assert code == 1
    assert output.count("  conv.weight [") == 20
    assert output.endswith("... and 5 more\n")


def test_scrub_leaves_a_clean_file_untouched(protected, capsys):
    before = protected.stat()
    code, output, _ = run(capsys, "scrub", protected)
    assert code == 0
    assert "has nothing to repair and was left as it is" in output
    after = protected.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_scrub_repairs_the_records_too(protected, capsys):
    first = protected.read_bytes()
    header, content = header_and_content(protected)
    text = header["__metadata__"][RECORDS]
    header["__metadata__"][RECORDS] = "?" * (len(text) // 3) + text[len(text) // 3 :]
    write_file(protected, header, content)
    code, output, _ = run(capsys, "verify", protected)
    assert code == 0
    assert "bits of the records were corrected by their codes and copies" in output
    assert run(capsys, "scrub", protected)[0] == 0
    assert protected.read_bytes() == first


def test_restored_values_are_near_the_original(plain, protected, tmp_path, capsys):
    for name in ("restored.safetensors", "restored.pt"):
        assert run(capsys, "restore", protected, "--output", tmp_path / name)[0] == 0
    original = load_file(plain)
    for restored in (load_file(tmp_path / "restored.safetensors"), torch.load(tmp_path / "restored.pt")):
        assert restored.keys() == original.keys()
        for name, value in original.items():
            assert restored[name].dtype == value.dtype
            # Half a step of a mantissa of 6 bits; in a window of 15 powers of two.
            atol = 2.0**-21 * float(value.abs().max())
            assert torch.allclose(restored[name], value, rtol=2.0**-7, atol=atol)


def test_inspect_says_how_each_tensor_is_protected(protected, capsys):
    code, output, _ = run(capsys, "inspect", protected)
    assert code == 0
    rows = {line.split("  ")[0]: line for line in output.splitlines()}
    for part in ("1-4-6", "[32,11,12]", "bounded distance", "posterior mean"):
        assert part in rows["conv.weight"]
    for part in ("0-4-6", "[128,43,32]", "channel", "median"):
        assert part in rows["norm.running_var"]
    header = int(next(line.split()[1] for line in output.splitlines() if line.startswith("header")).replace(",", ""))
    assert header == int.from_bytes(protected.read_bytes()[:8], "little")
    spans = {tensor.name: tensor for tensor in read_protected(protected).tensors}
    assert all(name in rows for name in spans)


def test_analyze_says_what_windows_values_need(tmp_path, capsys):
    # Fields 127 down to 124, and a zero.
    save_file({"w.weight": torch.tensor([[1.0, -0.5, 0.25], [0.125, 0.0, 1.5]])}, tmp_path / "w.safetensors")
    code, output, _ = run(capsys, "analyze", tmp_path / "w.safetensors")
    assert code == 0
    lines = [line.split() for line in output.splitlines()]
    assert ["w.weight", "weights", "2x3", "6", "0..127", "below"] in lines
    assert ["weights", "1", "6", "1", "124..127", "4", "3"] in lines
    assert ["weights", "1-4-6", "[32,11,12]", "5", "0", "%", "0", "%", "0"] in lines
    assert "results/NETWORK/selection.json" in output


def test_analyze_tells_exact_failures_at_bit_error_rates(plain, capsys):
    output = run(capsys, "analyze", plain)[1]
    # 10 words of [32,11,12] at 1e-2: C(32,6) 1e-12 0.99^26 + ... = 7.2e-7 each.
    row = next(line.split() for line in output.splitlines() if line.startswith("other    ") and "e-0" in line)
    assert row[1:3] == ["[32,11,12]", "10"]
    assert row[5] == "7.2e-06"


def selection(path: Path, plan: Plan) -> Path:
    path.write_text(json.dumps({"chosen": "other keys are the workflow's", "plan": plan.as_dict()}))
    return path


FUSED = Plan(
    {
        "weights": RolePlan(4, "tabulated(32,8)", "zero"),
        "batchnorm": RolePlan(5, "extended-bch(128,29)", "median", span="fused"),
        "other": RolePlan(4, "extended-bch(32,11)", "median"),
    }
)


def test_the_plan_of_a_selection_is_followed(plain, tmp_path, capsys):
    plan = Plan({**FUSED.roles, "batchnorm": RolePlan(3, "extended-bch(128,43)", "zero", span="channel")})
    file = selection(tmp_path / "selection.json", plan)
    output = tmp_path / "p.safetensors"
    assert run(capsys, "protect", plain, "--output", output, "--selection", file)[0] == 0
    scheme = read_protected(output).scheme
    assert scheme.group_of["conv.weight"].layouts[0].title == "1-4-3"
    assert scheme.group_of["conv.weight"].policy == "zero"
    assert [layout.title for layout in scheme.group_of["norm.bias"].layouts] == ["1-3-7", "1-3-7", "1-3-7", "0-3-7"]


@pytest.mark.parametrize("plan", [FUSED, Plan({**FUSED.roles, "batchnorm": FUSED.roles["other"]}, "channel")])
def test_a_plan_that_needs_the_network_is_refused_for_a_bare_file(plan, plain, tmp_path, capsys):
    file = selection(tmp_path / "selection.json", plan)
    code, _, error = run(capsys, "protect", plain, "--output", tmp_path / "p.safetensors", "--selection", file)
    assert code == 2
    assert "results/NETWORK/network.safetensors" in error
    assert not (tmp_path / "p.safetensors").exists()


@pytest.mark.parametrize("window", ["tensor", "channel"])
def test_a_prepared_network_is_protected_by_any_plan(window, tmp_path, capsys):
    torch.manual_seed(7)
    network = {
        "architecture": "sparebits.architectures:CifarResNet",
        "arguments": {"depth": 8, "width": 4, "classes": 3},
        "weights": str(tmp_path / "weights.safetensors"),
        "dtype": "float32",
    }
    save_file(random_state(network), network["weights"])
    model, stored, header = assemble(network, ".")
    save_network(stored, header, tmp_path / "network.safetensors")
    file = selection(tmp_path / "selection.json", Plan(FUSED.roles, window))
    output = tmp_path / "p.safetensors"
    assert run(capsys, "protect", tmp_path / "network.safetensors", "--output", output, "--selection", file)[0] == 0
    assert "bn1 shift" in run(capsys, "inspect", output)[1]
    flip_words(output, ber_mask(1, PARAMETERS, values_in(output), 32, 5e-3))
    assert run(capsys, "restore", output, "--output", tmp_path / "restored.safetensors")[0] == 0
    images = torch.randn(16, 3, 32, 32)
    restored = load_network(tmp_path / "restored.safetensors").model
    with torch.inference_mode():
        golden, found = model(images), restored(images)
    # Weights keep a mantissa of 3 bits.
    assert (found - golden).norm() < 0.1 * golden.norm()
    assert not torch.equal(found, golden)


def random_state(network: dict) -> dict[str, torch.Tensor]:
    """Random weights of an architecture, with BatchNorms that do something."""
    state = build_architecture(network["architecture"], network["arguments"], ".").state_dict()
    for name, value in state.items():
        if name.endswith("running_mean"):
            value.normal_(0, 0.3)
        elif name.endswith("running_var"):
            value.uniform_(0.3, 2)
    return state


# What is refused


def test_an_existing_output_is_overwritten_only_by_force(plain, protected, tmp_path, capsys):
    output = tmp_path / "mine.safetensors"
    output.write_bytes(b"precious")
    for command, file in (("protect", plain), ("restore", protected)):
        code, _, error = run(capsys, command, file, "--output", output)
        assert code == 2
        assert f"error: {output} exists" in error
        assert output.read_bytes() == b"precious"
    assert run(capsys, "protect", plain, "--output", output, "--force")[0] == 0
    assert output.read_bytes() == protected.read_bytes()


@pytest.mark.parametrize("command", ["protect", "restore"])
def test_a_file_never_overwrites_itself(command, plain, protected, capsys):
    file = plain if command == "protect" else protected
    before = file.read_bytes()
    code, _, error = run(capsys, command, file, "--output", file, "--force")
    assert code == 2
    assert "is the file itself" in error
    assert file.read_bytes() == before


def test_a_protected_file_is_not_protected_or_analyzed(protected, tmp_path, capsys):
    for command in (["protect", protected, "--output", tmp_path / "twice.safetensors"], ["analyze", protected]):
        code, _, error = run(capsys, *command)
        assert code == 2
        assert f"error: {protected} is protected already" in error
    assert not (tmp_path / "twice.safetensors").exists()


@pytest.mark.parametrize("command", ["inspect", "verify", "scrub", "restore"])
@pytest.mark.parametrize("damage", ["ordinary", "truncated", "gone", "text"])
def test_what_is_no_protected_file_is_refused_and_left_alone(command, damage, plain, protected, tmp_path, capsys):
    file = tmp_path / "file.safetensors"
    if damage == "ordinary":
        shutil.copy(plain, file)
    elif damage == "truncated":
        file.write_bytes(protected.read_bytes()[:-100])
    elif damage == "text":
        file.write_text("This is not a checkpoint.")
    before = file.read_bytes() if file.exists() else None
    extra = ["--output", tmp_path / "out.safetensors"] if command == "restore" else []
    code, output, error = run(capsys, command, file, *extra)
    assert code == 2
    assert output == ""
    assert error.startswith("error: ")
    assert str(file) in error
    assert error.count("\n") == 1
    assert (file.read_bytes() if file.exists() else None) == before
    assert not (tmp_path / "out.safetensors").exists()


TO = ["--output", "TMP/o.safetensors"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["protect", "FILE", "--output", "TMP/out.pt"], "ends in .safetensors"),
        (["restore", "FILE", "--output", "TMP/out.bin"], "ends in .safetensors or .pt or .pth"),
        (["protect", "FILE", *TO, "--selection", "TMP/gone.json"], "gone.json: No such file"),
        (["protect", "FILE", *TO, "--selection", "FILE"], "is not JSON"),
        (["protect", "FILE", *TO, "--selection", "TMP/list.json"], "has no plan"),
        (["protect", "FILE", *TO, "--selection", "TMP/plan.json"], "a plan is not understood"),
        (["protect", "FILE", "--output", "FILE/below/o.safetensors"], "Not a directory"),
        (["analyze", "TMP"], "expected a file of tensors"),
        (["analyze", "TMP/nan.safetensors"], "nan.safetensors: w: 1 of 3 values are NaN or infinite"),
        (["protect", "TMP/nan.safetensors", *TO], "nan.safetensors: w: 1 of 3 values are NaN"),
    ],
)
def test_wrong_arguments_are_told_in_a_sentence(arguments, message, plain, tmp_path, capsys):
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "plan.json").write_text('{"plan": {"roles": 3}}')
    save_file({"w": torch.tensor([1.0, torch.nan, 2.0])}, tmp_path / "nan.safetensors")
    before = sorted(tmp_path.iterdir())
    filled = [text.replace("FILE", str(plain)).replace("TMP", str(tmp_path)) for text in arguments]
    code, _, error = run(capsys, *filled)
    assert code == 2
    assert message in error
    assert "Traceback" not in error
    assert sorted(tmp_path.iterdir()) == before


def test_a_command_is_needed(capsys):
    for arguments in ([], ["guess", "file"], ["protect", "file"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2
    assert "analyze" in capsys.readouterr().err


def test_the_package_runs_as_a_program(protected):
    masks = np.zeros(len(read_protected(protected).words), dtype=np.uint32)
    masks[0] = 0b111111
    flip_words(protected, masks)
    command = [sys.executable, "-m", "sparebits", "verify", str(protected)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "1 code words are beyond repair" in ended.stdout


def test_words_of_a_torch_file_and_a_safetensors_file_are_protected_alike(plain, protected, tmp_path, capsys):
    torch.save(load_file(plain), tmp_path / "plain.pt")
    assert run(capsys, "protect", tmp_path / "plain.pt", "--output", tmp_path / "p.safetensors")[0] == 0
    one, other = load_file(tmp_path / "p.safetensors"), load_file(protected)
    floats = [name for name in one if one[name].is_floating_point()]
    assert all(np.array_equal(words_of(one[name]), words_of(other[name])) for name in floats)
