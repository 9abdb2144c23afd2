"""The campaign of single faults: what is drawn, what it does, replayed through plain torch, resumed after a kill."""

import copy

import numpy as np
import pandas as pd
import pytest
import torch

from sparebits.campaign.injections import injection_from_dict, trials_of
from sparebits.campaign.journal import Journal
from sparebits.campaign.single_faults import CHUNK_SIZES, run_single_faults
from sparebits.checks import check_faults
from sparebits.errors import InputError

ENTRIES = {
    "parameters": {"trials": 150},
    "layer types": {"trials": 6, "strata": "layer_type"},
    "top bits": {"trials": 20, "target": {"bits": [28, 31], "kind": "weight"}},
    "triples": {"trials": 8, "fault": {"model": "multiple_bits", "count": 3}},
    "bursts": {"trials": 8, "fault": {"model": "burst", "length": 40}},
    "stuck": {"trials": 12, "fault": {"model": "stuck_at", "count": 1, "value": 1}},
    "wiped": {"trials": 2, "fault": {"model": "wiped_words", "words": 5}},
    "activations": {"where": "activations", "trials": 120},
    "stuck activations": {"where": "activations", "trials": 10, "fault": {"model": "stuck_at", "count": 4, "value": 0}},
    "noise": {"where": "activations", "trials": 6, "fault": {"model": "ber", "ber": 1e-4}},
}
IMAGES = np.arange(2, 78)


def injections(*names):
    return [injection_from_dict(name, ENTRIES[name]) for name in names or ENTRIES]


def run(evaluator, golden, *names, journal=None, seed=4):
    return run_single_faults(evaluator, injections(*names), golden, IMAGES, 1.2, 64, seed, journal)


@pytest.fixture
def table(evaluator, golden):
    return run(evaluator, golden)


def test_every_trial_is_there_once_with_all_its_bits(table):
    counts = table.groupby("injection", sort=False)["trial"].nunique()
    types = 4
    expected = {name: entry["trials"] * (types + 1 if name == "layer types" else 1) for name, entry in ENTRIES.items()}
    assert counts.to_dict() == expected
    assert table["trial"].is_monotonic_increasing
    assert table["trial"].nunique() == table["trial"].max() + 1
    assert (table[table["injection"] == "triples"].groupby("trial").size() == 3).all()
    assert (table[table["injection"] == "bursts"].groupby("trial").size() == 40).all()
    assert not table.duplicated(["trial", "tensor", "index", "bit"]).any()


def test_single_bits_are_drawn_without_replacement(table):
    uniform = table[table["injection"] == "parameters"]
    assert not uniform.duplicated(["tensor", "index", "bit"]).any()
    top = table[table["injection"] == "top bits"]
    assert set(top["bit"]) <= {28, 29, 30, 31}
    assert set(top["kind"]) == {"weight"}


def test_strata_have_equal_trials(table):
    strata = table[table["injection"] == "layer types"]
    assert set(strata.groupby("layer_type").size()) == {6}


def plain_predictions(evaluator, rows) -> tuple[np.ndarray, np.ndarray]:
    """Classes and NaN of a copy of the model into whose state dict the table's values were written."""
    model = copy.deepcopy(evaluator.parameters.model)
    state = model.state_dict(keep_vars=True)
    with torch.no_grad():
        for row in rows.itertuples():
            state[row.tensor].view(-1)[row.index] = row.after
        logits = model(evaluator.inputs(IMAGES))
    return logits.argmax(dim=1).numpy(), logits.isnan().any(dim=1).numpy()


def test_persistent_faults_replayed_through_plain_torch_give_the_same(evaluator, golden, table):
    labels = evaluator.images.labels[IMAGES]
    persistent = table[table["where"] == "parameters"]
    assert (persistent["images"] == len(IMAGES)).all()
    replayed = 0
    for _, rows in persistent.groupby("trial"):
        predicted, nan = plain_predictions(evaluator, rows)
        first = rows.iloc[0]
        assert first["changed"] == (predicted != golden[IMAGES]).sum()
        assert first["hits"] == (predicted == labels).sum()
        assert first["nans"] == nan.sum()
        drop = 100 * ((golden[IMAGES] == labels).mean() - (predicted == labels).mean())
        assert first["drop_pp"] == pytest.approx(drop)
        changed = (predicted != golden[IMAGES]).any()
        outcome = "nan" if nan.any() else "critical" if drop > 1.2 else "sdc" if changed else "masked"
        assert (rows["outcome"] == outcome).all()
        replayed += changed
    assert replayed > 5


def test_values_before_and_after_differ_in_the_bits_named(table):
    for _, words in table[table["bit"] >= 0].groupby(["trial", "tensor", "index"]):
        before, after = (np.float32(words.iloc[0][column]).view(np.uint32) for column in ("before", "after"))
        if np.isnan(words.iloc[0]["after"]):
            continue
        mask = np.bitwise_or.reduce(np.uint32(1) << words["bit"].to_numpy(np.uint32))
        if words.iloc[0]["injection"].startswith("stuck"):
            value = words.iloc[0]["injection"] == "stuck"
            assert after == (before | mask if value else before & ~mask)
        else:
            assert before ^ mask == after


def test_stuck_cells_that_hold_the_value_are_masked_trials_and_stay_in_the_table(table):
    stuck = table[table["injection"] == "stuck"]
    same = stuck[stuck["before"] == stuck["after"]]
    assert 0 < len(same) < len(stuck)
    assert (same["outcome"] == "masked").all()


def test_transient_faults_hit_one_inference(table):
    transient = table[table["where"] == "activations"]
    assert (transient["images"] == 1).all()
    assert set(transient["image"]) <= set(IMAGES)
    assert transient["changed"].isin([0, 1]).all()
    assert {"input", "conv", "norm"} <= set(table[table["injection"] == "activations"]["tensor"])
    assert (table[table["where"] == "parameters"]["image"] == -1).all()


def test_an_injection_draws_the_same_whatever_else_is_injected(evaluator, golden, table):
    alone = run(evaluator, golden, "triples")
    columns = [column for column in table if column != "trial"]
    expected = table[table["injection"] == "triples"][columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone[columns], expected)
    other = run(evaluator, golden, "triples", seed=5)
    assert (other["index"].to_numpy() != alone["index"].to_numpy()).any()


class Killed(Exception):
    pass


@pytest.mark.parametrize("chunks", [0, 1, 4])
def test_a_killed_campaign_goes_on_and_ends_in_the_same_table(evaluator, golden, table, tmp_path, chunks):
    class Dying(Journal):
        def append(self, entry):
            if len(self.entries) == chunks:
                raise Killed
            super().append(entry)

    with pytest.raises(Killed):
        run(evaluator, golden, journal=Dying(tmp_path / "faults.csv", {}))
    journal = Journal(tmp_path / "faults.csv", {})
    assert len(journal.entries) == chunks
    kept = sum(len(entry["trials"]) for entry in journal.entries)
    assert chunks <= kept <= chunks * CHUNK_SIZES[1]
    resumed = run(evaluator, golden, journal=journal)
    pd.testing.assert_frame_equal(resumed, table)
    numbers = [number for entry in journal.entries for number in entry["trials"]]
    assert sorted(numbers) == list(range(table["trial"].max() + 1)), "a trial was lost or run twice"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"trials": 5, "target": {"layer": "conw"}}, "no layer or tensor conw; did you mean conv"),
        ({"trials": 5, "target": {"kind": "wieght"}}, "no kind wieght; there are .*did you mean weight"),
        ({"trials": 5, "target": {"layer_type": "Conv3d"}}, "no layer type Conv3d"),
        ({"trials": 5, "target": {"bits": [20, 40]}}, "32-bit words, whose bits are 0 to 31"),
        ({"trials": 5, "target": {"layer": "linear", "kind": "running_mean"}}, "no tensor is all of this"),
        ({"trials": 10**9}, "1000000000 different bits cannot be drawn from"),
        ({"trials": 5, "fault": {"model": "multiple_bits", "count": 10**7}}, "10000000 different bits are more than"),
        ({"trials": 5, "where": "activations", "target": {"layer": "linaer"}}, "did you mean linear"),
    ],
)
def test_what_does_not_fit_the_network_is_told_before_any_trial(evaluator, golden, entry, told):
    with pytest.raises(InputError, match=told) as raised:
        run_single_faults(evaluator, [injection_from_dict("mine", entry)], golden, IMAGES, 1.2, 64, 1)
    assert str(raised.value).startswith("faults.injections.mine: ")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"trials": 0}, "trials: expected a whole number of at least 1"),
        ({"trials": 5, "where": "activation"}, "did you mean activations"),
        ({"trials": 5, "fault": {"model": "brust", "length": 3}}, "there is no fault model brust.*did you mean burst"),
        ({"trials": 5, "fault": {"model": "ber", "ber": 1.5}}, r"expected a probability in 0\.\.1, got 1\.5"),
        ({"trials": 5, "where": "activations", "fault": {"model": "wiped_words", "words": 3}}, "parameters only"),
        ({"trials": 5, "strata": "tensor"}, "strata are none, kind"),
        ({"trails": 5}, "unknown key trails"),
    ],
)
def test_wrong_entries_are_told(entry, told):
    with pytest.raises(InputError, match=told) as raised:
        injection_from_dict("mine", entry)
    assert str(raised.value).startswith("faults.injections.mine: ")


def test_trials_do_not_depend_on_the_number_of_images_for_parameters(evaluator):
    memories = {"parameters": (evaluator.parameters.tensors, evaluator.parameters.fmt, evaluator.parameters.golden)}
    few, many = (list(trials_of(injections("parameters"), memories, images, 1)) for images in (3, 70))
    assert [trial.cells.indices.tolist() for trial in few] == [trial.cells.indices.tolist() for trial in many]


def checked(evaluator, faults=(), injections=None, section="campaign"):
    campaigns = {"campaign": {"faults": []}, "campaign_full": {"faults": []}, section: {"faults": list(faults)}}
    check_faults({"faults": {"injections": injections or {}}, **campaigns}, evaluator)


def test_faults_of_the_config_are_checked_against_the_network(evaluator):
    checked(evaluator, [{"model": "ber", "ber": 0.1, "target": {"kind": "weight"}}, {"model": "single_bit"}], ENTRIES)
    for faults, injections, told in (
        (
            [{"model": "asymmetric", "p10": 1.5, "p01": 0}],
            {},
            r"campaign\.faults\.0: .*expected a probability in 0\.\.1",
        ),
        ([{"model": "single_bit", "target": {"layer": "linaer"}}], {}, "did you mean linear"),
        ([{"model": "single_bit"}, {"model": "burst"}], {}, r"campaign\.faults\.1: .*the key length is missing"),
        ([], {"mine": {"trials": 10**9}}, r"faults\.injections\.mine: 1000000000 different bits cannot be drawn"),
        ([], {"mine": {"trials": 5, "where": "activations", "target": {"layer": "nrom"}}}, "did you mean norm"),
    ):
        with pytest.raises(InputError, match=told):
            checked(evaluator, faults, injections)


@pytest.mark.parametrize("section", ["campaign", "campaign_full"])
def test_faults_of_both_campaigns_are_checked(evaluator, section):
    checked(evaluator, [{"model": "burst", "length": 2}], section=section)
    with pytest.raises(InputError, match=rf"^{section}\.faults\.1: .*the key length is missing"):
        checked(evaluator, [{"model": "single_bit"}, {"model": "burst"}], section=section)
