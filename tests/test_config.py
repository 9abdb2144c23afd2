"""The config: defaults, and every wrong input told by its key, with what to do."""

import copy
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from sparebits import config as configs
from sparebits.config import bits_to_sweep, format_of, load_config, resolve_config, with_study_networks
from sparebits.errors import InputError
from sparebits.formats import FORMATS
from sparebits.missing import missing_inputs

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch):
    """Paths of config.yaml are relative to the project."""
    monkeypatch.chdir(ROOT)


@pytest.fixture
def minimal(tmp_path):
    """The shortest valid config."""
    (tmp_path / "w.pth").write_bytes(b"")
    return {
        "output": "runs/mine",
        "datasets": {"digits": {"kind": "digits", "transform": {"mean": [0.5], "std": [0.5]}}},
        "networks": {
            "net": {
                "architecture": "sparebits.architectures:LeNet5",
                "weights": str(tmp_path / "w.pth"),
                "dataset": "digits",
            }
        },
    }


def changed(config: dict, path: str, value) -> dict:
    """A copy in which the key at a dotted path has another value; `...` removes it."""
    config = copy.deepcopy(config)
    *parents, last = path.split(".")
    section = config
    for parent in parents:
        section = section.setdefault(parent, {})
    if value is ...:
        del section[last]
    else:
        section[last] = value
    return config


def refused(config) -> str:
    with pytest.raises(InputError) as raised:
        resolve_config(config)
    return str(raised.value)


def test_config_yaml_spells_out_every_value():
    written = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    assert load_config(ROOT / "config.yaml") == written


def described_keys(schema: dict, root: dict, where: str = "") -> set[str]:
    """Dotted paths of all keys with a fixed name; `*` stands for a name that the user gives."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    keys = set()
    for option in schema.get("oneOf", []):
        keys |= described_keys(option, root, where)
    for key, child in schema.get("properties", {}).items():
        keys |= {f"{where}{key}"} | described_keys(child, root, f"{where}{key}.")
    if isinstance(schema.get("additionalProperties"), dict):
        keys |= described_keys(schema["additionalProperties"], root, f"{where}*.")
    return keys


def written_keys(value, described: set[str], where: str = "") -> set[str]:
    keys = set()
    if isinstance(value, dict):
        for key, child in value.items():
            path = f"{where}{key}" if f"{where}{key}" in described else f"{where}*"
            keys |= {path} | written_keys(child, described, f"{path}.")
    return keys


def test_config_yaml_shows_every_key_but_those_that_digits_and_default_targets_do_not_need():
    schema = yaml.safe_load(configs.SCHEMA.read_text(encoding="utf-8"))
    described = described_keys(schema, schema)
    written = written_keys(yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8")), described)
    # A default target is everything.
    restrictions = {f"faults.injections.*.target.{key}" for key in ("kind", "layer", "layer_type", "bits")}
    assert described - written == {"datasets.*.path", "datasets.*.labels"} | restrictions


def test_the_schema_is_one_and_describes_every_key():
    schema = yaml.safe_load(configs.SCHEMA.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("file", sorted((ROOT / "config").glob("*.yaml")), ids=lambda file: file.name)
def test_configs_that_come_along_have_the_shape_of_the_schema(file):
    """What they name may be missing; the user brings it."""
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert config["output"] != "."
    resolve_config(config)


def test_defaults_are_filled_in(minimal):
    config = resolve_config(minimal)
    assert config["seed"] == 1
    assert config["tolerance_pp"] == 1.2
    assert config["evaluation"]["device"] == "cpu"
    assert config["evaluation"]["batch_size"] is None
    assert config["evaluation"]["memory_mb"] == 1024
    assert config["campaign"]["faults"] == config["campaign_full"]["faults"] == []
    parameters = config["faults"]["injections"]["parameters"]
    assert parameters == {
        "where": "parameters",
        "fault": {"model": "single_bit"},
        "target": {},
        "strata": "none",
        "trials": 1000,
    }
    assert config["lsb"] == {"bits": "all", "limit": None, "jobs": 1}
    assert config["rounding"] == config["combined"] == {"limit": None}
    assert config["datasets"]["digits"]["limit"] is None
    transform = {"resize": None, "crop": None, "interpolation": "bilinear", "mean": [0.5], "std": [0.5]}
    assert config["datasets"]["digits"]["transform"] == transform
    assert config["networks"]["net"]["arguments"] == {}
    assert config["networks"]["net"]["dtype"] == "float32"


def test_defaults_of_the_comparison_are_filled_in_below_what_is_given(minimal):
    given = {"selection": {"ber": 0.02}, "campaign": {"trials": 4}, "campaign_full": {"ablation": {"trials": 7}}}
    config = resolve_config({**minimal, **given})
    assert config["selection"]["gentle"] == {"ber": 0.01, "tolerance_pp": 0.1}
    assert config["selection"]["ber"] == 0.02
    campaign, full = config["campaign"], config["campaign_full"]
    assert set(campaign) == set(full)
    assert (campaign["trials"], campaign["claim_trials"], campaign["every_policy"]) == (4, 20, False)
    # 299 maps without harm show that less than 1 % of maps do any.
    assert (full["trials"], full["claim_trials"], full["every_policy"]) == (30, 299, True)
    assert (campaign["ablation"]["trials"], full["ablation"]["trials"]) == (10, 7)
    assert (campaign["restoration"]["claim_trials"], full["restoration"]["claim_trials"]) == (20, 299)
    assert set(campaign["restoration"]["bers"]) <= set(full["restoration"]["bers"])
    assert campaign["limit"] is full["limit"] is None
    for of in (campaign, full):
        assert set(of["ablation"]["bers"]) <= set(of["bers"])
        assert of["bers"] == sorted(of["bers"])
    assert set(campaign["bers"]) <= set(full["bers"])
    assert set(config["attack"]) == {"seeds", "flips", "limit"}


def test_further_networks_of_studies_are_checked_like_the_others_and_kept_apart(minimal):
    entry = minimal["networks"]["net"]
    config = resolve_config(changed(minimal, "studies.networks.other", {**entry, "dtype": "float16"}))
    assert list(config["networks"]) == ["net"]
    assert config["studies"]["networks"]["other"]["arguments"] == {}
    assert with_study_networks(config)["networks"].keys() == {"net", "other"}
    gone = resolve_config(changed(minimal, "studies.networks.other", {**entry, "weights": "gone.pth"}))
    told = missing_inputs(with_study_networks(gone), ["other"], [])
    assert told == ["networks.other.weights: there is no file gone.pth"]
    elsewhere = changed(minimal, "studies.networks.other", {**entry, "dataset": "letters"})
    assert "studies.networks.other.dataset: letters is not among datasets (digits)" in refused(elsewhere)
    again = refused(changed(minimal, "studies.networks.net", entry))
    assert "studies.networks.net: networks has one of this name" in again


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("batch_sizes.images", 1000, "images: 1000 is no power of two"),
        ("batch_sizes.compared", [32, 100], "compared: 100 is no power of two"),
        ("batch_sizes.compared", [32, 16384], "batches of 16384 images are more than the 8192"),
        ("formats.trained", {"none": "w.pth"}, "none is not among networks (net)"),
        ("formats.trained", {"net": "gone.pth"}, "there is no file gone.pth"),
    ],
)
def test_studies_that_cannot_be_made_are_named(minimal, key, value, told):
    assert f"config: studies.{key.split('.')[0]}" in refused(changed(minimal, f"studies.{key}", value))
    assert told in refused(changed(minimal, f"studies.{key}", value))


def test_resolving_leaves_its_input_and_changes_nothing_the_second_time(minimal):
    before = copy.deepcopy(minimal)
    resolved = resolve_config(minimal)
    assert minimal == before
    assert resolve_config(resolved) == resolved


def test_defaults_are_not_shared(minimal):
    resolve_config(minimal)["lsb"]["bits"] = [3]
    assert resolve_config(minimal)["lsb"]["bits"] == "all"


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("ouptut", "output"),
        ("evaluation.divice", "device"),
        ("lsb.bit", "bits"),
        ("rounding.limits", "limit"),
        ("combined.limits", "limit"),
        ("selection.gentle.tolerance", "tolerance_pp"),
        ("campaign.claims", "claim_trials"),
        ("campaign.ablation.limit", "trials"),
        ("campaign.restoration.word", "claim_words"),
        ("campaign_full.policies", "every_policy"),
        ("attack.seed", "flips"),
        ("studies.batch_size", "batch_sizes"),
        ("studies.batch_sizes.batches", "compared"),
        ("studies.single_faults.trials", "transient"),
        ("studies.formats.formats", "dtypes"),
        ("datasets.digits.labelz", "labels"),
        ("datasets.digits.transform.scale", "resize"),
        ("networks.net.weight", "weights"),
    ],
)
def test_an_unknown_key_is_named_with_the_known_ones(minimal, path, known):
    *parents, last = path.split(".")
    message = refused(changed(minimal, path, 3))
    where = ".".join(parents) or "top level"
    assert f"config: {where}: unknown key {last}; known keys are " in message
    assert known in message.split("known keys are")[1]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("output", 3),
        ("output", ""),
        ("seed", "one"),
        ("seed", -1),
        ("seed", 1.5),
        ("tolerance_pp", "1.2"),
        ("tolerance_pp", -0.1),
        ("tolerance_pp", 101),
        ("evaluation", []),
        ("evaluation.device", "gpu"),
        ("evaluation.batch_size", 1),
        ("evaluation.threads", 0),
        ("evaluation.threads", True),
        ("lsb.bits", "some"),
        ("lsb.bits", []),
        ("lsb.bits", 3),
        ("lsb.limit", 1),
        ("lsb.limit", "all"),
        ("rounding.limit", 0),
        ("combined.limit", 1.5),
        ("selection.gentle", 0.01),
        ("selection.gentle.ber", 0),
        ("selection.gentle.ber", 0.6),
        ("selection.gentle.tolerance_pp", -1),
        ("campaign.bers", 0.01),
        ("campaign.bers", []),
        ("campaign.bers", [0.01, 0.01]),
        ("campaign.bers", [0.0]),
        ("campaign.trials", 1),
        ("campaign.claim_trials", 0),
        ("campaign.claim_trials", "299"),
        ("campaign.every_policy", "yes"),
        ("campaign.faults", {"model": "burst"}),
        ("campaign.faults", [{"length": 3}]),
        ("campaign.ablation", []),
        ("campaign.ablation.bers", [0.7]),
        ("campaign_full.claim_trials", 1.5),
        ("campaign_full.ablation.trials", 0),
        ("campaign.restoration", 3),
        ("campaign.restoration.block_bers", []),
        ("campaign.restoration.words", 0),
        ("campaign_full.restoration.claim_words", 2.5),
        ("attack.seeds", 0),
        ("studies.batch_sizes.faults", 1),
        ("studies.batch_sizes.images", 2.5),
        ("studies.batch_sizes.compared", [64]),
        ("studies.single_faults.limit", 1),
        ("studies.single_faults.changes", 0),
        ("studies.persistence.scenarios", ["sea level"]),
        ("studies.persistence.duty", 0),
        ("studies.persistence.duty", 1.5),
        ("studies.persistence.scrub_intervals", []),
        ("studies.replication.copies", [5]),
        ("studies.replication.bers", [0]),
        ("studies.formats.dtypes", ["float32"]),
        ("studies.formats.dtypes", ["float32", "int8"]),
        ("studies.formats.trained", {"net": "resnet8"}),
        ("studies.short_words.dtypes", ["float32"]),
        ("studies.networks", []),
        ("attack.flips", 0.5),
        ("datasets", {}),
        ("datasets.digits.kind", "mnist"),
        ("datasets.digits.limit", 1),
        ("datasets.digits.transform", "wieghts"),
        ("datasets.digits.transform.resize", 0),
        ("datasets.digits.transform.crop", "32"),
        ("datasets.digits.transform.interpolation", "nearest"),
        ("datasets.digits.transform.mean", 0.5),
        ("datasets.digits.transform.mean", []),
        ("datasets.digits.transform.std", [1, 1, 1, 1]),
        ("networks", {}),
        ("networks.net.architecture", "LeNet5"),
        ("networks.net.arguments", [3]),
        ("networks.net.weights", None),
        ("networks.net.dataset", 3),
        ("networks.net.dtype", "float8"),
        ("networks.net.dtype", "int8"),
        ("networks.net", None),
    ],
)
def test_a_wrong_value_is_named_by_its_key(minimal, path, value):
    message = refused(changed(minimal, path, value))
    assert f"config: {path}" in message
    assert len(message) < 400


def test_an_unknown_dtype_is_told_the_known_ones(minimal):
    message = refused(changed(minimal, "networks.net.dtype", "float8"))
    assert all(name in message for name in FORMATS)


def test_a_wrong_bit_in_a_list_is_named_by_its_place(minimal):
    for bits in ([0, "one"], [0, -1], [0, 64], [0, 1.5]):
        assert "config: lsb.bits.1" in refused(changed(minimal, "lsb.bits", bits))
    assert "lsb.bits" in refused(changed(minimal, "lsb.bits", [4, 4]))


@pytest.mark.parametrize(
    "path",
    [
        "output",
        "datasets",
        "networks",
        "datasets.digits.kind",
        "datasets.digits.transform",
        "datasets.digits.transform.mean",
        "networks.net.architecture",
        "networks.net.weights",
        "networks.net.dataset",
    ],
)
def test_a_missing_key_is_named(minimal, path):
    *parents, last = path.split(".")
    where = ".".join(parents) or "top level"
    assert f"config: {where}: the key {last} is missing" in refused(changed(minimal, path, ...))


@pytest.mark.parametrize("name", ["a b", "a/b", "../a", "", ".hidden", "ü", "-x"])
def test_names_that_make_no_folder_are_refused(minimal, name):
    for section, old in (("networks", "net"), ("datasets", "digits")):
        config = copy.deepcopy(minimal)
        config[section][name] = config[section][old]
        assert f"config: {section}" in refused(config)


def test_several_errors_are_told_at_once(minimal):
    message = refused(changed(changed(minimal, "seed", -1), "networks.net.dtype", "x"))
    assert "config: seed" in message
    assert "config: networks.net.dtype" in message


@pytest.mark.parametrize(("dtype", "bit", "width"), [("float16", 20, 16), ("bfloat16", 16, 16), ("float32", 32, 32)])
def test_a_bit_outside_the_word_names_network_width_and_remedy(minimal, dtype, bit, width):
    config = changed(changed(minimal, "networks.net.dtype", dtype), "lsb.bits", [3, bit])
    message = refused(config)
    assert message.startswith(f"config: lsb.bits: {bit} lies outside the {width}-bit words of networks.net ({dtype})")
    assert f"use 0 to {width - 1}" in message
    resolve_config(changed(config, "lsb.bits", [3, width - 1]))


def test_the_bits_of_a_sweep(minimal):
    config = resolve_config(changed(minimal, "networks.net.dtype", "float16"))
    assert format_of(config, "net").name == "binary16"
    assert bits_to_sweep(config, "net") == list(range(16))
    assert bits_to_sweep(resolve_config(changed(minimal, "lsb.bits", [9, 2, 31])), "net") == [2, 9, 31]


def test_a_data_set_that_is_not_listed_names_those_that_are(minimal):
    message = refused(changed(minimal, "networks.net.dataset", "digit"))
    assert "networks.net.dataset: digit is not among datasets (digits)" in message


@pytest.mark.parametrize("weights", ["IMAGENET1K_V1", "model.onnx", "pretrained"])
def test_weights_that_are_neither_file_nor_enum_are_refused(minimal, weights):
    message = refused(changed(minimal, "networks.net.weights", weights))
    assert f"networks.net.weights: {weights} is neither" in message
    assert ".safetensors" in message


@pytest.mark.parametrize("kind", ["image_folder", "imagenet", "cifar10", "imagenette", "fashion_mnist"])
def test_a_data_set_without_a_path_is_refused(minimal, kind):
    message = refused(changed(minimal, "datasets.digits.kind", kind))
    assert f"datasets.digits: the key path is missing; kind {kind} needs a folder" in message


@pytest.mark.parametrize("key", ["path", "labels"])
def test_digits_take_no_files(minimal, key):
    message = refused(changed(minimal, f"datasets.digits.{key}", "x"))
    assert f"datasets.digits.{key}" in message
    assert "remove the key" in message


@pytest.mark.parametrize(
    ("mean", "std"),
    [([0.5], [0.5, 0.5, 0.5]), ([0.5] * 3, [0.5]), ([0.5] * 2, [0.5] * 2)],
)
def test_mean_and_std_need_one_or_three_values_each(minimal, mean, std):
    config = changed(changed(minimal, "datasets.digits.transform.mean", mean), "datasets.digits.transform.std", std)
    assert "datasets.digits.transform: mean and std have one value each (grey) or three each (RGB)" in refused(config)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("tolerance_pp", ".nan"),
        ("datasets.digits.transform.mean", "[.nan]"),
        ("datasets.digits.transform.std", "[.inf]"),
        ("output", "2024-09-01"),
        ("networks.net.arguments.since", "2024-09-01"),
    ],
)
def test_values_that_yaml_knows_and_json_does_not_are_refused(minimal, tmp_path, path, value):
    # YAML reads 2024-09-01 as a date, .nan and .inf as numbers that pass every comparison with a limit or none.
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(changed(minimal, path, "HERE")).replace("HERE", value))
    with pytest.raises(InputError, match=r"config"):
        load_config(tmp_path / "config.yaml")


@pytest.mark.parametrize("std", [[0.0], [-0.5]])
def test_std_must_be_positive(minimal, std):
    message = refused(changed(minimal, "datasets.digits.transform.std", std))
    assert "datasets.digits.transform.std" in message
    assert "above 0" in message


@pytest.mark.parametrize("architecture", ["sparebits.architectures:LeNet5", "timm:resnet18"])
def test_the_transform_of_weights_needs_a_torchvision_network(minimal, architecture):
    config = changed(minimal, "datasets.digits.transform", "weights")
    message = refused(changed(config, "networks.net.architecture", architecture))
    assert "networks.net: its data set has `transform: weights`" in message
    assert "write the transform out" in message
    config = changed(config, "networks.net.weights", "ResNet18_Weights.DEFAULT")
    resolve_config(changed(config, "networks.net.architecture", "torchvision:resnet18"))


@pytest.mark.parametrize("config", [None, [], "text", 3])
def test_a_config_that_is_no_mapping_is_refused(config):
    assert "not a mapping" in refused(config)


def test_a_file_that_is_no_yaml_is_named(tmp_path):
    (tmp_path / "broken.yaml").write_text("a: [1\n")
    for file in ("broken.yaml", "gone.yaml"):
        with pytest.raises(InputError, match=f"{file} cannot be read as YAML"):
            load_config(tmp_path / file)
