"""The whole workflow on config/test.yaml: complete, and re-run exactly where needed."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from workflow import CONFIG, TABLES, edit, jobs, snakemake

from sparebits.campaign.held import best_rival, independent_flips
from sparebits.long_codes.modes import MEANT_FOR, MEANT_FOR_16
from sparebits.protection.checkpoint import read_protected
from sparebits.protection.plan import plan_from_dict

EVERY_REPORT = {"all", "build_report", "record_provenance", "summarize"}
NETWORKS = ("lenet5", "resnet8_bfloat16")
COMPARISON = ("inject_faults", "compare_schemes", "ablate_protection", "attack_network", "count_costs", "restore_words")
"""What is done with the chosen schemes."""
PROTECTION = ("select_code", "protect_network", *COMPARISON)


def of_networks(*rules: str) -> set[str]:
    """Jobs of rules that run for each network, and the reports that follow them."""
    return EVERY_REPORT | {f"{rule} {network}" for rule in rules for network in NETWORKS}


# --- a finished run --------------------------------------------------------------------------------------------------


def test_every_promised_file_is_there(finished):
    output = finished / "runs/test"
    assert tuple(yaml.safe_load((finished / CONFIG).read_text())["networks"]) == NETWORKS
    for network in NETWORKS:
        for table in TABLES:
            frame = pd.read_csv(output / "results" / network / f"{table}.csv")
            assert len(frame), table
            assert "format" in frame, table
    for file in (
        "metrics.json",
        "sweeps.csv",
        "campaign.csv",
        "block_failures.csv",
        "inner_words.csv",
        "params.yaml",
        "provenance.json",
    ):
        assert (output / "summary" / file).stat().st_size, file
    assert (output / "reports/report.html").stat().st_size
    assert not list(output.rglob(".*.csv")), "a temporary file was left behind"


def test_predictions_give_the_tables(finished):
    """predictions.npz holds what every row of the tables was counted from."""
    folder = finished / "runs/test/results/lenet5"
    golden = pd.read_csv(folder / "golden.csv")
    archive = np.load(folder / "predictions.npz")
    by_id = dict(zip(archive["variants"], archive["predictions"], strict=True))
    assert len(by_id) == len(archive["variants"]), "two variants have the same id"
    tables = {table: pd.read_csv(folder / f"{table}.csv") for table in ("lsb", "rounding", "combined")}
    assert len(by_id) == 1 + sum(map(len, tables.values()))
    assert archive["predictions"].dtype == np.uint16
    assert (by_id["golden"] == golden["predicted"]).all()
    for row in tables["lsb"].itertuples():
        predicted = by_id[f"lsb/{row.mode}/{row.kind}/{row.bit}"]
        used = predicted != np.iinfo(np.uint16).max
        hit = predicted[used] == golden["label"][used]
        assert used.sum() == row.images == 60
        assert hit.sum() == row.hits
        assert (golden["hit"][used] & ~hit).sum() == row.lost
        assert row.drop_pp == pytest.approx(100 * (golden["hit"][used].mean() - hit.mean()))


def test_protected_checkpoints_are_those_of_the_selection_and_restore_what_was_measured(finished):
    for network in NETWORKS:
        folder = finished / "runs/test/results" / network
        protected = read_protected(folder / "protected.safetensors")
        prepared = (folder / "network.safetensors").stat().st_size
        assert 0 < (folder / "protected.safetensors").stat().st_size - prepared == protected.added_bytes
        selection = json.loads((folder / "selection.json").read_text())
        for entry in selection["tensors"]:
            group = protected.scheme.group_of[entry["tensor"]]
            assert [group.code.n, group.code.k, group.code.d] == entry["code"]
            assert (group.decoder, group.policy, group.span) == (entry["decoder"], entry["policy"], entry["span"])
            assert [layout.as_dict() for layout in group.layouts if layout.as_dict() in entry["layouts"]]


def test_all_schemes_are_compared_as_often_as_the_config_says(finished):
    config = yaml.safe_load((finished / CONFIG).read_text())["campaign"]
    for network in NETWORKS:
        folder = finished / "runs/test/results" / network
        campaign = pd.read_csv(folder / "campaign.csv")
        flips = independent_flips(campaign)
        assert {"unprotected", "SEC-DED (72,64)", "replication c=2", "MSET", "gentle", "chosen"} <= set(flips["scheme"])
        assert {"thesis", "int8 three times"} <= set(flips["scheme"]) or network != "lenet5"
        # Trial by trial the same maps hit every scheme.
        assert (flips.groupby(["ber", "trial"])["map_hash"].nunique() == 1).all()
        counts = flips[flips["ber"] == config["bers"][0]].groupby("scheme").size()
        rival = best_rival(campaign)
        for scheme, count in counts.items():
            assert count == config["claim_trials" if scheme in ("chosen", "gentle", rival) else "trials"]
        bursts = campaign[campaign["fault_model"] == "burst, length 8"]
        assert set(bursts["scheme"]) == set(flips["scheme"])
        assert (bursts["flips"] == 8).all()
        chosen = flips[flips["scheme"] == "chosen"]
        assert (chosen["corrected"] <= chosen["flips"]).all()
        assert (chosen.loc[chosen["detected"] + chosen["miscorrected"] == 0, "corrected"] > 0).sum() >= 2
        assert (chosen["extra_bytes"] > 0).all()


def test_code_words_are_as_often_corrected_as_the_codes_promise(finished):
    for network in NETWORKS:
        table = pd.read_csv(finished / "runs/test/results" / network / "word_counts.csv")
        assert {"chosen", "SEC-DED (72,64)"} & set(table["scheme"])
        assert not table.duplicated(["scheme", "ber", "outcome"]).any()
        # Bonferroni over all rows of both networks.
        assert table["p_value"].min() > 1e-3 / len(table), table.sort_values("p_value").head()


def test_codes_over_many_words_meet_the_maps_of_the_campaign_and_restore_every_word(finished):
    config = yaml.safe_load((finished / CONFIG).read_text())["campaign"]["restoration"]
    for network in NETWORKS:
        folder = finished / "runs/test/results" / network
        table, campaign = pd.read_csv(folder / "restoration.csv"), pd.read_csv(folder / "campaign.csv")
        rates = MEANT_FOR if network == "lenet5" else MEANT_FOR_16
        assert {"unprotected", "chosen", *rates} <= set(table["scheme"])
        maps = pd.concat([table, independent_flips(campaign)])
        assert (maps.groupby(["ber", "trial"])["map_hash"].nunique() == 1).all()
        for mode, ber in rates.items():
            rows = table[(table["scheme"] == mode) & (table["ber"] == ber)]
            assert len(rows) == config["claim_trials"]
            assert (rows["restored_words"] == rows["words"]).all()
            assert (rows["corrected"] > 0).all()
        beyond = table[(table["scheme"] == "block") & (table["ber"] == 0.16)]
        assert (beyond["restored_words"] < beyond["words"]).all()
        assert (beyond["detected"] > 0).all()


def test_blocks_of_random_words_fail_where_their_code_ends(finished):
    blocks = pd.read_csv(finished / "runs/test/summary/block_failures.csv")
    at = blocks.set_index(["mode", "data_bits", "ber"])
    for mode, data_bits in (("block", 11), ("block", 10), ("nested", 10), ("nested-word", 10)):
        assert at.loc[(mode, data_bits, MEANT_FOR[mode]), ["failed", "wrong"]].eq(0).all()
    assert at.loc[("nested", 10, 0.16), "failed"] == at.loc[("nested", 10, 0.16), "blocks"]
    assert (blocks["wrong"] == 0).all()
    inner = pd.read_csv(finished / "runs/test/summary/inner_words.csv")
    # At 5 intervals of 95 % a side, with room for chance.
    for name in ("erased", "wrong"):
        deviation = (inner[f"{name}_rate"] - inner[f"exact_{name}"]).abs()
        assert (deviation < 5 * np.sqrt(inner[f"exact_{name}"] / inner["inner_words"])).all()


def test_the_ablation_has_every_part_once(finished):
    for network in NETWORKS:
        table = pd.read_csv(finished / "runs/test/results" / network / "ablation.csv")
        parts = table[["layout_part", "code_part", "policy_part"]].drop_duplicates()
        assert len(parts) == table["scheme"].nunique()
        assert {"raw", "minifloat"} <= set(parts["layout_part"])
        assert {"none", "repetition", "SEC-DED", "best code"} == set(parts["code_part"])
        assert set(table["ber"]) == {0.0, 0.05}
        assert not table.duplicated(["scheme", "ber", "trial"]).any()


def test_the_gentle_choice_loses_no_more_than_the_chosen_one_may(finished):
    for network in NETWORKS:
        folder = finished / "runs/test/results" / network
        gentle = json.loads((folder / "selection_gentle.json").read_text())
        selection = json.loads((folder / "selection.json").read_text())
        assert set(gentle) == set(selection)
        assert (gentle["ber"], gentle["tolerance_pp"]) == (0.01, 0.1)
        assert gentle["within_tolerance"] == (gentle["calibration"]["fault_free_drop_pp"] <= 0.1)
        assert plan_from_dict(gentle["plan"]).roles.keys() == plan_from_dict(selection["plan"]).roles.keys()


def test_second_run_does_nothing(finished):
    run = snakemake(finished)
    assert run.returncode == 0
    assert "Nothing to be done" in run.stdout + run.stderr


# --- re-running exactly what depends ---------------------------------------------------------------------------------


def test_touch_reruns_nothing(project):
    for part in ("sparebits", "scripts", "networks", "runs/test/results", "images"):
        for file in (project / part).rglob("*"):
            if file.is_file():
                file.touch()
    assert jobs(project) == set()


def test_tolerance_reruns_the_choices_and_no_sweep(project):
    edit(project / CONFIG, "tolerance_pp: 1.2", "tolerance_pp: 2.5")
    rules = ("combine", "classify_bits", "choose_ecc", "gather_predictions", "inject_single_faults")
    assert jobs(project) == of_networks(*rules, *PROTECTION)


def test_limit_of_a_stage_reruns_that_stage_and_what_needs_it(project):
    edit(project / CONFIG, "rounding:\n  limit: null", "rounding:\n  limit: 50")
    rules = ("round_exponents", "combine", "classify_bits", "choose_ecc", "gather_predictions")
    assert jobs(project) == of_networks(*rules, *PROTECTION)


def test_rate_to_select_for_reruns_the_selection_but_no_sweep_of_layouts(project):
    edit(project / CONFIG, "  ber: 0.05", "  ber: 0.02")
    assert jobs(project) == of_networks("sweep_failed_words", *PROTECTION)


def test_rates_of_the_campaign_rerun_the_campaign_alone(project):
    edit(project / CONFIG, "bers: [1.0e-3, 5.0e-2]", "bers: [1.0e-3, 2.0e-2]")
    assert jobs(project) == of_networks("inject_faults", "compare_schemes", "restore_words")


def test_trials_of_a_claim_rerun_the_campaign_alone(project):
    edit(project / CONFIG, "claim_trials: 3", "claim_trials: 4")
    assert jobs(project) == of_networks("inject_faults", "compare_schemes", "restore_words")


def test_rates_of_the_ablation_rerun_the_ablation_alone(project):
    edit(project / CONFIG, "ablation: {bers: [5.0e-2]", "ablation: {bers: [4.0e-2]")
    assert jobs(project) == of_networks("ablate_protection") - {"summarize"}


def test_rates_of_the_restoration_rerun_the_restoration_alone(project):
    edit(project / CONFIG, "bers: [5.0e-2, 1.6e-1]", "bers: [4.0e-2, 1.6e-1]")
    assert jobs(project) == of_networks("restore_words") - {"summarize"}


def test_rates_of_blocks_rerun_the_blocks_alone(project):
    edit(project / CONFIG, "block_bers: [1.1e-1, 1.6e-1]", "block_bers: [1.0e-1, 1.6e-1]")
    assert jobs(project) == EVERY_REPORT - {"summarize"} | {"measure_block_failures"}


def test_attacks_rerun_alone(project):
    edit(project / CONFIG, "flips: 20", "flips: 30")
    assert jobs(project) == of_networks("attack_network") - {"summarize"}


def test_the_gentle_choice_reruns_the_selection_but_no_sweep(project):
    edit(project / CONFIG, "gentle: {ber: 0.01", "gentle: {ber: 0.02")
    assert jobs(project) == of_networks(*PROTECTION)


def test_the_full_campaign_is_a_target_of_its_own(project):
    rules = ("inject_faults", "compare_schemes", "ablate_protection", "restore_words")
    summaries = {"campaign_full", "build_report", "summarize_campaign", "judge_goals", "predict_large_networks"}
    summaries |= {"measure_block_failures"}
    full = {f"{rule} {network}" for rule in rules for network in NETWORKS} | summaries
    assert jobs(project, "campaign_full") == full
    # What all makes is done, but for the record of the config.
    config = (project / CONFIG).read_text()
    start = config.index("campaign_full:")
    (project / CONFIG).write_text(config[:start] + config[start:].replace("trials: 2", "trials: 5", 1))
    assert jobs(project) == {"all", "record_provenance"}
    assert jobs(project, "campaign_full") == full


def test_single_faults_rerun_alone(project):
    edit(project / CONFIG, "strata: none, trials: 60}", "strata: none, trials: 61}")
    assert jobs(project) == of_networks("inject_single_faults") - {"summarize"}


def test_seed_reruns_what_draws_at_random(project):
    """As the images of config/test.yaml are a sample, that is everything but what needs only weights."""
    edit(project / CONFIG, "seed: 1", "seed: 2")
    found = jobs(project)
    assert {"prepare_images", "run_golden lenet5", "sweep_lsb lenet5"} <= found
    assert not [job for job in found if job.startswith(("prepare_network", "census"))]


def test_another_dtype_reruns_that_network_alone(project):
    edit(project / CONFIG, "dtype: bfloat16", "dtype: float16")
    found = jobs(project)
    assert {job for job in found if job.endswith(" lenet5")} == set()
    assert {"prepare_network resnet8_bfloat16", "run_golden resnet8_bfloat16", *EVERY_REPORT} <= found


def test_new_network_runs_alone(project):
    config = yaml.safe_load((project / CONFIG).read_text())
    config["networks"]["another"] = config["networks"]["lenet5"]
    (project / CONFIG).write_text(yaml.safe_dump(config))
    found = jobs(project)
    assert {job for job in found if " " in job and not job.endswith(" another")} == set()
    assert "sweep_lsb another" in found


def test_comment_in_the_config_reruns_nothing(project):
    edit(project / CONFIG, "seed: 1", "seed: 1  # the first")
    assert jobs(project) == set()


def test_edit_of_the_library_reruns_what_imports_it(project):
    edit(project / "sparebits/alterations.py", "import numpy as np", "import numpy as np  # noqa: E402")
    # The thesis' layout rounds exponents too, and the census tells what rounding would modify.
    rules = ("census_bits", "census_exponents", "census_rounding")
    rules += ("sweep_lsb", "round_exponents", "combine", "sweep_layouts", "sweep_failed_words")
    dependents = ("classify_bits", "choose_ecc", "gather_predictions", *PROTECTION)
    assert jobs(project) == of_networks(*rules, *dependents) | {"measure_block_failures"}


def test_edit_of_a_script_reruns_its_rule(project):
    edit(project / "scripts/choose_ecc.py", "import argparse", "import argparse  # noqa: F401")
    assert jobs(project) == of_networks("choose_ecc")


def test_edit_of_an_architecture_file_reruns_its_networks(project):
    (project / "config/own.py").write_text("from sparebits.architectures import LeNet5 as Own\n")
    edit(project / CONFIG, "architecture: sparebits.architectures:LeNet5", "architecture: own:Own")
    golden = [f"runs/test/results/{network}/golden.csv" for network in NETWORKS]
    run = snakemake(project, *golden)
    assert run.returncode == 0, run.stderr
    assert jobs(project, *golden) == set()
    (project / "config/own.py").write_text("from sparebits.architectures import LeNet5 as Own  # edited\n")
    # Preparing gives the same bytes, but what runs the network imports the architecture itself.
    expected = {"prepare_network lenet5", "decide_engine lenet5", "run_golden lenet5"}
    assert jobs(project, *golden) == expected
