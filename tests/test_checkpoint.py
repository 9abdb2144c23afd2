"""Protected checkpoint files: what is kept byte for byte, what survives, and what is refused in one sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from protected_files import header_and_content, write_file
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from sparebits.errors import InputError
from sparebits.formats import FORMATS
from sparebits.parameters import named_tensors, nearest_words, parameter_tensors, values_of, words_of
from sparebits.protection.checkpoint import (
    read_checkpoint,
    read_protected,
    write_protected,
    write_repaired,
    write_restored,
)
from sparebits.protection.default_plan import default_plan
from sparebits.protection.encoding import protect_words, recover_words
from sparebits.protection.fitting import fit_scheme
from sparebits.protection.header import DESCRIPTION, RECORDS
from sparebits.protection.records import COPIES

NETWORKS = sorted((Path(__file__).parents[1] / "networks").glob("*.safetensors"))
BINARY32 = FORMATS["float32"]


@pytest.fixture
def state(fmt, small_network):
    """State dict of a small network in a format, with values as of a trained one and an integer counter."""
    torch.manual_seed(4)
    state = small_network().state_dict()
    for name, value in state.items():
        if value.is_floating_point():
            drawn = torch.rand(value.shape) + 0.1 if name.endswith("running_var") else torch.randn(value.shape) / 5
            state[name] = drawn.to(getattr(torch, fmt.dtype))
    state["norm.num_batches_tracked"] = torch.tensor(1234567890123)
    return state


def protect(source: Path, output: Path):
    """Protect a file by the default plan; the checkpoint that was read."""
    checkpoint = read_checkpoint(source)
    scheme = fit_scheme(default_plan(checkpoint.fmt), checkpoint.tensors, checkpoint.words, checkpoint.fmt)
    stored = protect_words(scheme, checkpoint.words, checkpoint.tensors)
    write_protected(output, checkpoint.file, scheme, checkpoint.tensors, stored)
    return checkpoint


@pytest.fixture
def protected(small_network, tmp_path) -> Path:
    """A protected file of the small network in binary32."""
    torch.manual_seed(4)
    save_file(small_network().state_dict(), tmp_path / "plain.safetensors", metadata={"origin": "test"})
    protect(tmp_path / "plain.safetensors", tmp_path / "protected.safetensors")
    return tmp_path / "protected.safetensors"


@pytest.mark.parametrize("source", NETWORKS, ids=lambda path: path.stem)
def test_a_protected_file_has_the_same_tensors_in_the_same_places(source, tmp_path):
    protect(source, tmp_path / "protected.safetensors")
    before, content_before = header_and_content(source)
    after, content_after = header_and_content(tmp_path / "protected.safetensors")
    assert set(after.pop("__metadata__")) == {DESCRIPTION, RECORDS}
    assert after == before
    assert list(after) == list(before)
    assert len(content_after) == len(content_before)
    for entry in before.values():
        place = slice(*entry["data_offsets"])
        assert (content_after[place] == content_before[place]) == (entry["dtype"] == "I64")


@pytest.mark.parametrize("source", NETWORKS, ids=lambda path: path.stem)
def test_a_restored_file_has_the_original_header(source, tmp_path):
    protect(source, tmp_path / "protected.safetensors")
    checkpoint = read_protected(tmp_path / "protected.safetensors")
    recovered = recover_words(checkpoint.scheme, checkpoint.words, checkpoint.tensors)
    write_restored(tmp_path / "restored.safetensors", checkpoint, recovered.words)
    assert (tmp_path / "restored.safetensors").stat().st_size == source.stat().st_size
    first = 8 + int.from_bytes(source.read_bytes()[:8], "little")
    assert (tmp_path / "restored.safetensors").read_bytes()[:first] == source.read_bytes()[:first]
    # Headers end at multiples of 8.
    added = (tmp_path / "protected.safetensors").stat().st_size - source.stat().st_size
    assert abs(added - checkpoint.added_bytes) < 8
    header, _ = header_and_content(tmp_path / "protected.safetensors")
    assert len(header["__metadata__"][RECORDS]) <= 2 * COPIES * 8 * len(checkpoint.tensors)


def test_other_metadata_are_kept(state, tmp_path):
    metadata = {"format": "pt", "note": 'ä "quoted" \n text', "sparebits": "{}"}
    save_file(state, tmp_path / "plain.safetensors", metadata=metadata)
    protect(tmp_path / "plain.safetensors", tmp_path / "protected.safetensors")
    with safe_open(tmp_path / "protected.safetensors", framework="pt") as file:
        found = file.metadata()
    assert {key: found[key] for key in metadata} == metadata
    assert set(found) == {*metadata, DESCRIPTION, RECORDS}
    checkpoint = read_protected(tmp_path / "protected.safetensors")
    write_restored(tmp_path / "restored.safetensors", checkpoint, checkpoint.words)
    with safe_open(tmp_path / "restored.safetensors", framework="pt") as file:
        assert file.metadata() == metadata


def test_words_are_stored_and_read_bit_for_bit_whatever_they_are(fmt, state, adversarial, tmp_path):
    """Check bits make words that are NaN with any payload; nothing may make other NaNs of them."""
    save_file(state, tmp_path / "plain.safetensors")
    checkpoint = read_checkpoint(tmp_path / "plain.safetensors")
    scheme = fit_scheme(default_plan(fmt), checkpoint.tensors, checkpoint.words, fmt)
    stored = np.resize(adversarial, len(checkpoint.words))
    write_protected(tmp_path / "p.safetensors", checkpoint.file, scheme, checkpoint.tensors, stored)
    again = read_protected(tmp_path / "p.safetensors")
    assert again.words.dtype == fmt.word_dtype
    assert np.array_equal(again.words, stored)
    loaded = load_file(tmp_path / "p.safetensors")
    for tensor in again.tensors:
        assert np.array_equal(words_of(loaded[tensor.name]), stored[tensor.span])
    for restored, load in (("r.safetensors", load_file), ("r.pt", torch.load)):
        write_restored(tmp_path / restored, again, stored)
        values = load(tmp_path / restored)
        for tensor in again.tensors:
            assert np.array_equal(words_of(values[tensor.name]), stored[tensor.span])


def test_a_scheme_is_read_as_it_was_written(fmt, state, tmp_path):
    save_file(state, tmp_path / "plain.safetensors")
    checkpoint = protect(tmp_path / "plain.safetensors", tmp_path / "p.safetensors")
    scheme = fit_scheme(default_plan(fmt), checkpoint.tensors, checkpoint.words, fmt)
    again = read_protected(tmp_path / "p.safetensors")
    assert again.scheme.fmt == fmt
    assert again.scheme.group_of == scheme.group_of
    assert again.protection.outvoted_bits == 0


def test_tensors_in_another_order_give_the_same_file(state, fmt, tmp_path):
    """A model's state dict has another order than the file."""
    save_file(state, tmp_path / "plain.safetensors")
    checkpoint = read_checkpoint(tmp_path / "plain.safetensors")
    tensors = named_tensors({name: tuple(state[name].shape) for name in state if "num" not in name})
    assert [tensor.name for tensor in tensors] != [tensor.name for tensor in checkpoint.tensors]
    words = np.concatenate([words_of(state[tensor.name]) for tensor in tensors])
    contents = []
    for order, source in ((checkpoint.tensors, checkpoint.words), (tensors, words)):
        scheme = fit_scheme(default_plan(fmt), order, source, fmt)
        path = tmp_path / f"{len(contents)}.safetensors"
        write_protected(path, checkpoint.file, scheme, order, protect_words(scheme, source, order))
        contents.append(header_and_content(path)[1])
    assert contents[0] == contents[1]


def test_torch_files_are_read_and_written(state, tmp_path):
    state["tied.weight"] = state["conv.weight"]
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "plain.pth")
    checkpoint = protect(tmp_path / "plain.pth", tmp_path / "protected.safetensors")
    assert "tied.weight" not in {tensor.name for tensor in checkpoint.tensors}
    again = read_protected(tmp_path / "protected.safetensors")
    kept = recover_words(again.scheme, again.words, again.tensors).words
    spans = {tensor.name: tensor.span for tensor in again.tensors}
    write_restored(tmp_path / "restored.pt", again, kept)
    restored = torch.load(tmp_path / "restored.pt")
    assert set(restored) == set(state)
    assert restored["tied.weight"].data_ptr() == restored["conv.weight"].data_ptr()
    assert restored["norm.num_batches_tracked"] == state["norm.num_batches_tracked"]
    write_restored(tmp_path / "restored.safetensors", again, kept)
    for loaded in (restored, load_file(tmp_path / "restored.safetensors")):
        assert {name: value.shape for name, value in loaded.items()} == {n: v.shape for n, v in state.items()}
        for name, span in spans.items():
            assert np.array_equal(words_of(loaded[name]), kept[span])
        assert np.array_equal(words_of(loaded["tied.weight"]), words_of(loaded["conv.weight"]))


def test_narrow_tensors_before_wide_ones_are_aligned(tmp_path):
    state = {"a.bias": torch.ones(3, dtype=torch.float16), "count": torch.tensor(7), "b": torch.tensor([True])}
    torch.save(state, tmp_path / "plain.pt")
    protect(tmp_path / "plain.pt", tmp_path / "protected.safetensors")
    header, _ = header_and_content(tmp_path / "protected.safetensors")
    assert header["count"]["data_offsets"] == [0, 8]
    assert header["a.bias"]["data_offsets"] == [8, 14]
    loaded = load_file(tmp_path / "protected.safetensors")
    assert (loaded["count"], loaded["b"].tolist()) == (7, [True])


def test_a_link_stays_one_and_rights_are_kept(protected, tmp_path):
    link = tmp_path / "link.safetensors"
    link.symlink_to(protected)
    protected.chmod(0o640)
    before = protected.read_bytes()
    checkpoint = read_protected(link)
    write_repaired(link, checkpoint, checkpoint.words)
    assert link.is_symlink()
    assert protected.read_bytes() == before
    assert protected.stat().st_mode & 0o777 == 0o640
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "link.safetensors",
        "plain.safetensors",
        "protected.safetensors",
    ]


# Records


def test_a_file_whose_records_were_hit_reads_as_before(protected):
    scheme = read_protected(protected).scheme
    header, content = header_and_content(protected)
    text = header["__metadata__"][RECORDS]
    length = len(text) // COPIES
    header["__metadata__"][RECORDS] = text[:length] + "#" * length + text[2 * length :]
    write_file(protected, header, content)
    checkpoint = read_protected(protected)
    assert checkpoint.scheme == scheme
    assert checkpoint.protection.outvoted_bits > length


def test_records_beyond_repair_are_not_guessed(protected):
    header, content = header_and_content(protected)
    text = header["__metadata__"][RECORDS]
    header["__metadata__"][RECORDS] = ("#" * 8 + text[8 : len(text) // COPIES]) * COPIES
    write_file(protected, header, content)
    assert "its records are damaged beyond repair; protect the original again" in refused(protected)


# Files that are refused


def refused(path: Path, reader=read_protected) -> str:
    """The sentence that tells what is wrong; it names the file."""
    with pytest.raises(InputError) as raised:
        reader(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_an_ordinary_file_is_not_protected_and_a_protected_one_not_ordinary(protected, tmp_path):
    assert "it is not protected" in refused(tmp_path / "plain.safetensors")
    assert "is protected already" in refused(protected, read_checkpoint)


@pytest.mark.parametrize("kept", [0, 5, 8, 9, 300, 0.5, 0.999])
def test_a_truncated_file_is_refused(protected, kept):
    content = protected.read_bytes()
    protected.write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    refused(protected)


def test_a_file_with_something_after_its_tensors_is_refused(protected):
    protected.write_bytes(protected.read_bytes() + b"\0" * 8)
    refused(protected)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff" * 100,
        (1 << 62).to_bytes(8, "little") + b"{}",
        (200_000_000).to_bytes(8, "little") + b"{}",
        (12).to_bytes(8, "little") + b"not json at.",
        (2).to_bytes(8, "little") + b"[]",
        (2).to_bytes(8, "little") + b"12",
        (2).to_bytes(8, "little") + b"{}",
        (4).to_bytes(8, "little") + b'"\xff\xff"',
        (100_000).to_bytes(8, "little") + b"[" * 100_000,
        (100_000).to_bytes(8, "little") + b'{"a":' + b"1" * 99_994 + b"}",
        (14).to_bytes(8, "little") + b'{"\\ud800":1}  ',
        b"PK\x03\x04" + b"\0" * 60,
    ],
    ids=range(12),
)
def test_a_foreign_file_is_refused(tmp_path, content):
    (tmp_path / "foreign.safetensors").write_bytes(content)
    refused(tmp_path / "foreign.safetensors")
    refused(tmp_path / "foreign.safetensors", read_checkpoint)


def entry(dtype="F32", shape=(2, 3), offsets=(0, 24)) -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    "header",
    [
        {"a": entry(), "b": entry()},
        {"a": entry(), "b": entry(offsets=(20, 44))},
        {"a": entry(), "b": entry(offsets=(28, 52))},
        {"a": entry(offsets=(24, 48))},
        {"a": entry(offsets=(-24, 0))},
        {"a": entry(offsets=(24, 0))},
        {"a": entry(offsets=(0, 24, 48))},
        {"a": entry(offsets=(0, 24.0))},
        {"a": entry(offsets=(False, 24))},
        {"a": entry(shape=(2, 2))},
        {"a": entry(shape=(-2, -3))},
        {"a": entry(shape=(1 << 40, 1 << 40))},
        {"a": entry(shape=(0, 1 << 40, 1 << 40), offsets=(0, 0)), "b": entry()},
        {"a": entry(dtype="F31")},
        {"a": entry(dtype=None)},
        {"a": entry() | {"extra": 1}},
        {"a": []},
        {"a": {}},
        {"__metadata__": {"text": 3}, "a": entry()},
        {"__metadata__": "text", "a": entry()},
        {"__metadata__": {"only": "metadata"}},
        {"a": entry(dtype="I32")},
        {"a": entry(dtype="F8_E4M3", shape=(24,))},
    ],
    ids=range(23),
)
def test_a_header_that_is_wrong_is_refused(tmp_path, header):
    path = tmp_path / "hostile.safetensors"
    write_file(path, header, bytes(24))
    refused(path, read_checkpoint)


def test_a_name_that_stands_twice_is_refused(tmp_path):
    text = f'{{"a":{json.dumps(entry())},"a":{json.dumps(entry())}}}'.encode()
    (tmp_path / "twice.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + bytes(24))
    assert "stands twice" in refused(tmp_path / "twice.safetensors", read_checkpoint)


def test_mixed_formats_are_named(tmp_path):
    save_file({"a": torch.ones(9), "b": torch.ones(3).half(), "c": torch.ones(2).double()}, tmp_path / "m.safetensors")
    message = refused(tmp_path / "m.safetensors", read_checkpoint)
    assert "is float32 but for" in message
    assert "b (float16)" in message
    assert "c (float64)" in message


@pytest.mark.parametrize("name", ["gone.safetensors", "gone.pt", "notes.txt"])
def test_a_missing_or_unknown_file_is_refused(tmp_path, name):
    (tmp_path / "notes.txt").write_text("text")
    refused(tmp_path / name)


@pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants")
def test_tensors_that_are_no_plain_arrays_are_refused(tmp_path):
    torch.save({"a": torch.ones(3, 3).to_sparse()}, tmp_path / "sparse.pt")
    assert "a is a float32 tensor (torch.sparse_coo)" in refused(tmp_path / "sparse.pt", read_checkpoint)


def change(description: dict, **values) -> dict:
    return {**description, **values}


def change_group(description: dict, position: int = 0, **values) -> dict:
    groups = [dict(group) for group in description["groups"]]
    groups[position] |= values
    return {**description, "groups": groups}


@pytest.mark.parametrize(
    ("altered", "message"),
    [
        (lambda d: change(d, version=1), "of version 1, this sparebits reads 2; use the sparebits that wrote it, or"),
        (lambda d: change(d, version="2"), "of version '2'"),
        (lambda d: change(d, dtype="float64"), "protected as float64, but its tensors are float32"),
        (lambda d: change(d, dtype=None), "protected as None"),
        (lambda d: change(d, groups={}), "not a mapping with a list of groups"),
        (lambda d: change(d, groups=[]), "does not protect a tensor that it holds"),
        (lambda d: change(d, groups=d["groups"] * 2), "protects a tensor twice"),
        (lambda d: change(d, groups=[3]), "not understood"),
        (lambda d: change(d, groups=[{}]), "not understood"),
        (lambda d: change(d, tied={"x": "nowhere"}), "tied tensors"),
        (lambda d: change(d, tied=[1]), "tied tensors"),
        (lambda d: change_group(d, tensors=[["nowhere"]]), "a tensor that it does not hold: nowhere"),
        (lambda d: change_group(d, tensors=[[]]), "0 tensors and 1 layouts"),
        (lambda d: change_group(d, tensors=7), "not understood"),
        (lambda d: change_group(d, code="extended-bch(32,12)"), "there is no code 'extended-bch(32,12)'"),
        (lambda d: change_group(d, code="turbo(32,11)"), "there is no code 'turbo(32,11)'"),
        (lambda d: change_group(d, code=[1]), "not understood"),
        (lambda d: change_group(d, code="extended-bch(32,16)"), "its layouts have 11 data bits"),
        (lambda d: change_group(d, code="extended-bch(64,10)"), "its layouts have 11 data bits"),
        (lambda d: change_group(d, decoder="guess"), "decoder 'guess'"),
        (lambda d: change_group(d, policy=None), "policy None"),
        (lambda d: change_group(d, eps=1e-3), "1 tensors and 1 layouts"),
        (lambda d: change_group(d, eps="small"), "not understood"),
        (lambda d: change_group(d, layouts=[]), "not understood"),
        (lambda d: change_group(d, layouts="none"), "not understood"),
        (lambda d: change_group(d, layouts=[{"kind": "maxifloat"}]), "layout of kind 'maxifloat'"),
        (lambda d: change_group(d, layouts=[{**d["groups"][0]["layouts"][0], "exponent_bits": 99}]), "does not fit"),
        (lambda d: change_group(d, layouts=[{**d["groups"][0]["layouts"][0], "exponent_bits": "4"}]), "not understood"),
        (lambda d: change_group(d, layouts=[{"kind": "minifloat"}]), "not as this version writes it"),
    ],
    ids=range(29),
)
def test_a_description_that_does_not_fit_is_refused(protected, altered, message):
    header, content = header_and_content(protected)
    description = json.loads(header["__metadata__"][DESCRIPTION])
    assert [layout["kind"] for layout in description["groups"][0]["layouts"]] == ["minifloat"]
    header["__metadata__"][DESCRIPTION] = json.dumps(altered(description))
    write_file(protected, header, content)
    assert message in refused(protected)


def test_tensors_of_several_shapes_do_not_share_a_code(protected):
    header, content = header_and_content(protected)
    description = json.loads(header["__metadata__"][DESCRIPTION])
    channel = next(group for group in description["groups"] if len(group["tensors"][0]) == 4)
    word = next(group for group in description["groups"] if ["linear.bias"] in group["tensors"])
    channel["tensors"][0][1] = "linear.bias"
    word["tensors"] = [["norm.bias"] if names == ["linear.bias"] else names for names in word["tensors"]]
    header["__metadata__"][DESCRIPTION] = json.dumps(description)
    write_file(protected, header, content)
    assert "share a code but have several shapes" in refused(protected)


@pytest.mark.parametrize("text", ["", "ab", "abc" * 2, "00" * 30, "é" * 6])
def test_records_of_the_wrong_length_are_refused(protected, text):
    header, content = header_and_content(protected)
    header["__metadata__"][RECORDS] = text
    write_file(protected, header, content)
    assert "its records" in refused(protected)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "[" * 100_000])
def test_a_description_that_is_not_json_is_refused(protected, text):
    header, content = header_and_content(protected)
    header["__metadata__"][DESCRIPTION] = text
    write_file(protected, header, content)
    assert f"its {DESCRIPTION} is not" in refused(protected)


def test_half_of_the_metadata_is_refused(protected):
    header, content = header_and_content(protected)
    del header["__metadata__"][RECORDS]
    write_file(protected, header, content)
    refused(protected)
    assert "is protected already" in refused(protected, read_checkpoint)


def test_what_could_not_be_read_again_is_not_written(tmp_path, small_network):
    state = small_network().state_dict()
    save_file(state, tmp_path / "plain.safetensors")
    one = read_checkpoint(tmp_path / "plain.safetensors")
    scheme = fit_scheme(default_plan(one.fmt), one.tensors, one.words, one.fmt)
    with pytest.raises(InputError, match=r"a protected checkpoint is a \.safetensors file"):
        write_protected(tmp_path / "p.pt", one.file, scheme, one.tensors, one.words)
    save_file({**state, "more.bias": torch.ones(2)}, tmp_path / "more.safetensors")
    more = read_checkpoint(tmp_path / "more.safetensors")
    with pytest.raises(InputError, match=r"differ in their tensors, as in more\.bias"):
        write_protected(tmp_path / "p.safetensors", more.file, scheme, one.tensors, one.words)
    assert not list(tmp_path.glob("p.*"))


def test_roles_and_kinds_of_a_bare_file_are_those_of_its_model(small_network, tmp_path):
    model = small_network()
    save_file(model.state_dict(), tmp_path / "plain.safetensors")
    bare = {t.name: (t.kind, t.role, t.shape) for t in read_checkpoint(tmp_path / "plain.safetensors").tensors}
    assert bare == {t.name: (t.kind, t.role, t.shape) for t in parameter_tensors(model)}


def test_empty_and_scalar_tensors_are_protected(tmp_path):
    words = nearest_words(np.array([1.5, -2.0, 0.25]), BINARY32)
    state = {"empty.weight": torch.ones(0, 3), "scalar": values_of(words[:1], BINARY32)[0], "b": torch.ones(2)}
    save_file(state, tmp_path / "plain.safetensors")
    protect(tmp_path / "plain.safetensors", tmp_path / "p.safetensors")
    again = read_protected(tmp_path / "p.safetensors")
    kept = recover_words(again.scheme, again.words, again.tensors).words
    assert sorted(values_of(kept, BINARY32).tolist()) == [1.0, 1.0, 1.5]
