"""The figures by which revisions are compared, and what counts as the same."""

import copy
import json
from pathlib import Path

import pandas as pd
import pytest
from report_pages import HELD, IMAGES, write_network

from sparebits.protection.plan import RolePlan
from sparebits.summary import campaign_table, metric_differences, network_metrics

FUSED = RolePlan(4, "extended-bch(128,22)", "median", "fused")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_network(folder, "alpha", depth=14, batchnorm=FUSED)
    write_network(folder, "half", depth=-1, floor_place=0, dtype="float16")
    return folder


@pytest.fixture
def metrics(folder) -> dict:
    return {network: network_metrics(folder / network) for network in ("alpha", "half")}


def test_protection_is_summarised(metrics):
    found = metrics["alpha"]
    assert found["chosen_scheme"] == (
        "weights 1-3-2 [32,6,16]; batchnorm fused 1-4-6 + 1-4-6 [128,22,48]; other 1-3-2 [32,6,16]"
    )
    assert (found["ber_held"], found["ber_held_trials"]) == (HELD["chosen"], 4)
    assert (found["thesis_ber_held"], found["unprotected_ber_held"]) == (HELD["thesis"], 0)
    # One of 400 images lost without faults, and in every trial of the rates held.
    assert (found["held_out_images"], found["fault_free_drop_pp"]) == (IMAGES, 0.25)
    assert (found["campaign_images"], found["worst_drop_pp"]) == (IMAGES, 0.25)


def test_a_thesis_code_that_does_not_fit_has_no_figures(metrics):
    assert metrics["half"]["thesis_ber_held"] is None
    assert metrics["half"]["thesis_fault_free_drop_pp"] is None
    assert json.loads(json.dumps(metrics)) == metrics


def test_campaigns_are_tabled_by_network_scheme_and_rate(folder):
    table = campaign_table({network: folder / network for network in ("alpha", "half")})
    assert not table.duplicated(["network", "scheme", "ber"]).any()
    assert set(table.loc[table["network"] == "half", "scheme"]) == {"chosen", "gentle", "unprotected"}
    row = table[(table["network"] == "alpha") & (table["scheme"] == "chosen") & (table["ber"] == 0.1)].iloc[0]
    # Drops of 0.25, 0.25, 0.25 and 20 pp.
    assert (row["trials"], row["images"]) == (4, IMAGES)
    assert row[["median_drop_pp", "mean_drop_pp", "worst_drop_pp"]].to_list() == [0.25, 5.1875, 20]


def test_a_held_rate_is_the_campaigns_lowest_failure(folder, tmp_path):
    """Rates above a failing one do not count, whatever their trials did."""
    table = pd.read_csv(folder / "alpha" / "campaign.csv")
    table.loc[(table["ber"] == 1e-3) & (table["scheme"] == "chosen"), "drop_pp"] = 1.01
    copied = tmp_path / "alpha"
    copied.mkdir()
    for file in (folder / "alpha").iterdir():
        (copied / file.name).write_bytes(file.read_bytes())
    table.to_csv(copied / "campaign.csv", index=False)
    assert network_metrics(copied)["ber_held"] == 1e-4


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("golden_hits", 1),
        ("golden_accuracy", 1 / IMAGES),
        ("thesis_drop_pp", 100 / IMAGES),
        ("fault_free_drop_pp", -100 / IMAGES),
        ("worst_drop_pp", 100 / IMAGES),
    ],
)
def test_one_hit_is_no_difference_and_two_are(metrics, name, change):
    for hits, differences in ((1, []), (2, [f"alpha.{name}"])):
        measured = copy.deepcopy(metrics)
        measured["alpha"][name] += hits * change
        assert [line.partition(":")[0] for line in metric_differences(metrics, measured)] == differences


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ber_held", 0.0499),
        ("thesis_ber_held", None),
        ("chosen_scheme", "weights 1-3-2 [32,6,16]"),
        ("within_tolerance", False),
        ("depth", 13),
    ],
)
def test_what_must_be_equal(metrics, name, value):
    measured = copy.deepcopy(metrics)
    measured["alpha"][name] = value
    (difference,) = metric_differences(metrics, measured)
    assert difference.startswith(f"alpha.{name}: committed ")


def test_missing_figures_and_networks_are_differences(metrics):
    fewer = copy.deepcopy(metrics)
    del fewer["alpha"]["ber_held"]
    assert len(metric_differences(metrics, fewer)) == len(metric_differences(fewer, metrics)) == 1
    assert metric_differences(metrics, metrics) == []
    assert len(metric_differences(metrics, {"alpha": metrics["alpha"]})) == 1
