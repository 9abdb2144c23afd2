"""Measured figures beside the published ones: which are compared, and the verdicts."""

import pandas as pd
import pytest
import torch
from published_results import ARCHITECTURE, PUBLISHED, TRANSFORM, WEIGHTS, changed, published_results
from torchvision import models

from sparebits.census import bit_census, exponent_census, tensor_census
from sparebits.construction import build_architecture
from sparebits.parameters import FlatParameters
from sparebits.published.architectures import architectures_listing, compare_architectures
from sparebits.published.comparison import compare_network, verdicts
from sparebits.published.networks import has_published_architecture, published_weights
from sparebits.published.observations import observations


def compared(tables, weights=WEIGHTS, dataset="imagenet", transform=TRANSFORM, architecture=ARCHITECTURE):
    return compare_network(PUBLISHED, architecture, weights, tables, dataset, transform)


@pytest.fixture(scope="module")
def as_published():
    return published_results()


def test_a_network_that_gives_what_the_thesis_prints_is_exact_in_every_figure(as_published):
    rows = compared(as_published)
    assert set(rows["verdict"]) == {"exact"}
    # Every table of this network but Table 3, which does not say which bits were altered, takes part.
    assert set(rows["table"]) == {*range(1, 23), 30, 38} - {3}
    assert len(rows) == len(observations(PUBLISHED, ARCHITECTURE, WEIGHTS))
    assert (pd.to_numeric(rows["difference"]).fillna(0) == 0).all()
    assert rows["low"].isna().all(), "the same images leave no sampling error"
    assert verdicts(rows) == f"{len(rows)} figures compared: {len(rows)} exact"


def test_one_hit_less_on_the_same_images_differs_where_it_is_printed(as_published):
    def lose(lsb):
        lsb.loc[lsb["bit"] == 15, ["hits", "lost"]] += [-1, 1]
        return lsb.assign(accuracy=lsb["hits"] / 50_000, drop_pp=100 * (lsb["lost"] - lsb["gained"]) / 50_000)

    rows = compared(changed(as_published, "lsb", lose))
    different = rows[rows["verdict"] == "differs"]
    assert [tuple(row) for row in different[["table", "quantity", "place"]].to_numpy()] == [
        (4, "accuracy", "alteration, bit 15"),
        (15, "accuracy", "alteration, bit 15"),
        (16, "deviation", "alteration, bit 15"),
    ]
    assert different["difference"].tolist() == [-0.002] * 3
    assert different["images"].tolist() == [50_000] * 3


@pytest.mark.parametrize(
    ("table", "column", "quantity", "tables"),
    [
        ("bits", "ones", "ones", {5, 6, 7}),
        ("exponents", "count", "values by exponent", {8, 9, 30}),
    ],
)
def test_one_word_more_differs(as_published, table, column, quantity, tables):
    rows = compared(changed(as_published, table, lambda frame: frame.assign(**{column: frame[column] + 1})))
    different = rows[rows["verdict"] == "differs"]
    assert quantity in set(different["quantity"])
    assert set(different.loc[different["quantity"] == quantity, "table"]) == tables


def test_a_tensor_of_another_group_differs_in_table_10_alone(as_published):
    def regroup(tensors):
        tensors.loc[tensors.index[0], "group"] = "mixed"
        return tensors

    rows = compared(changed(as_published, "tensors", regroup))
    assert set(rows.loc[rows["verdict"] == "differs", "table"]) == {10}


def test_fewer_images_of_the_same_accuracy_are_within_sampling_error():
    rows = compared(published_results(images=1_000))
    runs = rows[rows["quantity"].isin(["accuracy", "deviation"])]
    assert set(rows["verdict"]) == {"exact", "within sampling error"}
    assert (runs["low"] <= runs["published"].astype(float)).all()
    assert (runs["published"].astype(float) <= runs["high"]).all()
    assert set(runs["images"]) == {1_000}
    # A sample of 1,000 gives an accuracy to 0.1 percentage points only.
    assert (runs["verdict"] == "within sampling error").sum() > 50


def test_fewer_images_of_another_accuracy_differ():
    tables = published_results(images=1_000)
    tables = changed(tables, "golden", lambda golden: golden.assign(hit=[1] * 700 + [0] * 300))
    golden = (rows := compared(tables))[(rows["quantity"] == "accuracy") & (rows["place"] == "golden")]
    assert set(golden["verdict"]) == {"differs"}
    assert set(golden["table"]) == {2, 11, 12, 13, 14, 15, 16, 19, 20, 22, 38}
    assert golden["measured"].tolist() == [70.0] * len(golden)


def test_as_many_images_of_a_folder_are_a_sample():
    rows = compared(published_results(), dataset="image_folder")
    accuracies = rows[rows["quantity"] == "accuracy"]
    assert accuracies["low"].notna().all()


@pytest.mark.parametrize("dataset", ["digits", "cifar10", "fashion_mnist", "imagenette"])
def test_other_images_are_not_compared(as_published, dataset):
    rows = compared(as_published, dataset=dataset)
    assert rows["images"].isna().all()
    assert not rows["quantity"].isin(["accuracy", "deviation", "spare bits", "chosen floor"]).any()
    assert {6, 8, 10, 17, 18, 30} <= set(rows["table"])


def test_without_images_the_counts_are_compared(as_published):
    rows = compared({name: as_published[name] for name in ("bits", "exponents", "tensors")})
    assert set(rows["verdict"]) == {"exact"}
    assert set(rows["table"]) == {5, 6, 7, 8, 9, 10, 11, 14, 17, 18, 30, 38}
    assert {"modified tensors", "modified values"} <= set(rows["quantity"])


@pytest.mark.parametrize(("resize", "told"), [(256, "the thesis’"), (232, "another")])
def test_the_transform_is_told(as_published, resize, told):
    rows = compared(as_published, transform=TRANSFORM | {"resize": resize})
    assert set(rows.loc[rows["images"].notna(), "transform"]) == {told}
    assert set(rows.loc[rows["images"].isna(), "transform"]) == {""}


def test_a_choice_that_the_thesis_did_not_make_differs(as_published):
    tables = changed(as_published, "combined", lambda combined: combined.assign(bit=15))
    rows = compared(tables).set_index("quantity")
    assert rows.loc["highest altered bit chosen", "verdict"] == "differs"
    assert rows.loc["highest altered bit chosen", "measured"] == 15
    # The pair of the thesis was not measured, so that there is nothing to lay beside its accuracy.
    assert not rows["place"].str.startswith("combined").any()


@pytest.fixture(scope="module")
def small_mobilenet():
    """Tables of torchvision's MobileNetV3 small with random weights."""
    torch.manual_seed(3)
    model = build_architecture("torchvision:mobilenet_v3_small", {}, ".")
    parameters = FlatParameters(model, model.state_dict())
    return {
        "bits": bit_census(parameters),
        "exponents": exponent_census(parameters),
        "tensors": tensor_census(parameters),
    }


@pytest.mark.parametrize("weights", [None, "MobileNet_V3_Small_Weights.SOMETHING_ELSE"])
def test_of_other_weights_only_the_architecture_is_compared(small_mobilenet, weights):
    rows = compared(small_mobilenet, weights, architecture="mobilenet_v3_small")
    assert set(rows["quantity"]) == {"tensors", "values", "weights and biases"}
    assert set(rows["verdict"]) == {"exact"}
    assert set(rows["table"]) == {14, 26, 34}


def test_random_weights_under_a_published_name_differ_in_words_not_in_numbers(small_mobilenet):
    rows = compared(small_mobilenet, "MobileNet_V3_Small_Weights.IMAGENET1K_V1", architecture="mobilenet_v3_small")
    by_quantity = rows.groupby("quantity")["verdict"].agg(set)
    assert by_quantity["values"] == by_quantity["tensors"] == {"exact"}
    assert "differs" in by_quantity["modified values"]
    assert "differs" in by_quantity["values by exponent"]


def test_the_architectures_of_torchvision_have_the_published_counts_but_for_table_24():
    rows = compare_architectures(PUBLISHED)
    different = rows[rows["verdict"] != "exact"]
    assert set(different["table"]) == {24}
    assert dict(zip(different["kind"], different["counted"], strict=True)) == {
        "weight": 27_141_152,
        "bias": 20_112,
        "running_mean": 18_112,
        "running_var": 18_112,
    }
    assert set(rows["architecture"]) == {row["architecture"] for row in PUBLISHED.networks}
    assert architectures_listing(rows).count("\n") == 1 + len(different)


def entry(architecture="torchvision:resnet50", weights="resnet.safetensors", dtype="float32", **arguments):
    return {"architecture": architecture, "arguments": arguments, "weights": weights, "dtype": dtype}


@pytest.mark.parametrize(
    ("network", "is_published"),
    [
        (entry(), True),
        (entry(num_classes=1000), True),
        (entry(num_classes=10), False),
        (entry(width_per_group=128), False),
        (entry("torchvision:resnet18"), False),
        (entry("timm:resnet50"), False),
        (entry("torchvision:googlenet"), True),
        (entry("torchvision:googlenet", transform_input=True, aux_logits=False), True),
        (entry("torchvision:googlenet", transform_input=True, aux_logits=True), False),
        (entry("torchvision:inception_v3", transform_input=True, aux_logits=True), True),
        (entry("torchvision:inception_v3", transform_input=True, aux_logits=False), False),
    ],
)
def test_which_architectures_are_the_thesis(network, is_published):
    assert has_published_architecture(network) == is_published


V2 = "ResNet50_Weights.IMAGENET1K_V2"


@pytest.mark.parametrize(
    ("network", "weights"),
    [
        (entry(weights=V2), V2),
        (entry(weights="ResNet50_Weights.DEFAULT"), V2),
        (entry(weights="somewhere/resnet50-11ad3fa6.pth"), V2),
        (entry(weights="somewhere/resnet50-0676ba61.pth"), "ResNet50_Weights.IMAGENET1K_V1"),
        (entry(weights="somewhere/mine.pth"), None),
        (entry(weights=V2, dtype="bfloat16"), None),
        (entry("torchvision:googlenet", "GoogLeNet_Weights.DEFAULT", transform_input=False), None),
    ],
)
def test_which_weights_are_the_thesis(network, weights):
    assert published_weights(network) == weights


def test_every_published_network_is_an_entry_that_counts_as_such():
    for row in PUBLISHED.networks:
        network = entry(f"torchvision:{row['architecture']}", row["weights"])
        assert has_published_architecture(network)
        assert published_weights(network) == row["weights"]
        assert models.get_weight(row["weights"]) in models.get_model_weights(row["architecture"])
