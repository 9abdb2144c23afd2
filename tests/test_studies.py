"""The target studies on config/test.yaml: every question answered on one page, by tables that do not change."""

import json
import re
import shutil
from html import unescape
from pathlib import Path

import pandas as pd
import pytest
import yaml
from report_pages import specs
from workflow import CONFIG, digests, edit, jobs, snakemake

from sparebits.report.studies.page import read_studies

NETWORKS, FURTHER = ("lenet5", "resnet8_bfloat16"), "lenet5_tanh"
STUDIES = ["batch_sizes", "layers", "positions", "neurons", "persistence", "replication", "formats"]
"""In the order of the page."""
OUTPUT = "runs/test"


@pytest.fixture(scope="module")
def answered(finished, tmp_path_factory) -> Path:
    """A copy of the finished project in which the studies have run too; not to be changed."""
    folder = copy(finished, tmp_path_factory.mktemp("studies"))
    run = snakemake(folder, "studies")
    assert run.returncode == 0, run.stderr[-3000:]
    return folder


@pytest.fixture
def changed(answered, tmp_path) -> Path:
    """A copy to edit the config of; what it would run is asked, not run."""
    return copy(answered, tmp_path)


def copy(project: Path, folder: Path) -> Path:
    return Path(shutil.copytree(project, folder / "project", symlinks=True))


def page_of(folder: Path) -> str:
    return (folder / OUTPUT / "reports/studies.html").read_text(encoding="utf-8")


def test_each_question_has_an_answer_and_says_how_much_was_run(answered):
    answers = pd.read_csv(answered / OUTPUT / "summary/studies.csv")
    assert answers["study"].tolist() == STUDIES
    page = re.sub(r"<script.*?</script>", "", page_of(answered), flags=re.S)
    text = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)).replace("\u00a0", " "))
    assert re.findall(r'<section id="(\w+)">', page) == STUDIES
    for row in answers.itertuples():
        for told in (row.question, row.answer, row.trials):
            assert told in text
        # Figures, and how many they rest on.
        assert re.search(r"\d", row.answer), row.study
        assert re.search(r"\d", row.trials), row.study
        assert set(NETWORKS) <= set(row.networks.split())
    assert FURTHER in answers.set_index("study").loc["positions", "networks"]
    assert not re.search(r"\bnan\b", text)


def test_each_section_has_charts_that_are_drawn_and_as_many_figures(answered):
    page = page_of(answered)
    sections = re.split(r'<section id="\w+">', page)[1:]
    assert all("<figure" in section for section in sections)
    assert len(specs(page)) == page.count("<figure")
    slugs = set(re.findall(r'<figure id="([\w.-]+)">', page))
    assert {file.stem for file in (answered / OUTPUT / "reports/figures_studies").glob("*.svg")} == slugs


def test_every_table_carries_the_format_and_nothing_is_left_behind(answered):
    results = answered / OUTPUT / "results"
    for network in (*NETWORKS, FURTHER):
        tables = sorted((results / network).glob("study_*.csv"))
        assert len(tables) == (5 if network == FURTHER else 20), tables
        for table in tables:
            assert "format" in pd.read_csv(table, nrows=1), table
    assert not list(results.rglob("*.partial"))
    assert not list(results.rglob(".*"))


def test_networks_of_the_studies_alone_have_what_these_need_and_no_more(answered):
    folder = answered / OUTPUT / "results" / FURTHER
    assert (folder / "golden.csv").is_file()
    assert not (folder / "lsb.csv").exists()
    metrics = json.loads((answered / OUTPUT / "summary/metrics.json").read_text())
    assert FURTHER not in json.dumps(metrics)


def test_the_config_says_how_much_is_run(answered):
    config = yaml.safe_load((answered / CONFIG).read_text())["studies"]
    folder = answered / OUTPUT / "results/lenet5"
    replication = pd.read_csv(folder / "study_replication.csv")
    assert set(replication.loc[replication["ber"] > 0, "ber"]) <= set(config["replication"]["bers"])
    assert replication["trial"].max() + 1 == config["replication"]["trials"]
    sizes = pd.read_csv(folder / "study_batch_sizes.csv")
    assert (sizes["images"] == config["batch_sizes"]["images"]).all()
    sweep = pd.read_csv(folder / "study_formats.csv")
    assert set(sweep["format"]) == {"binary64", "binary32", "bfloat16", "float8_e5m2", "int8"}
    faults = pd.read_csv(folder / "study_faults.csv")
    assert (faults.loc[faults["where"] == "parameters", "images"] == config["single_faults"]["limit"]).all()


def test_a_missing_table_is_named_with_the_remedy(answered):
    with pytest.raises(Exception, match=r"none/study_batch_sizes\.csv is missing; run snakemake studies"):
        read_studies(answered / OUTPUT / "results", ["none"], [], 1.2)


def test_a_second_run_does_nothing_and_one_from_nothing_gives_the_same_bytes(answered, tmp_path):
    assert jobs(answered, "studies") == set()
    again = copy(answered, tmp_path)
    tables = sorted((again / OUTPUT / "results/lenet5").glob("study_*.csv"))
    for table in tables:
        table.unlink()
    run = snakemake(again, *(str(table.relative_to(again)) for table in tables))
    assert run.returncode == 0, run.stderr[-3000:]
    assert digests(again / OUTPUT) == digests(answered / OUTPUT)


def test_bits_that_copies_drop_rerun_that_study_alone(changed):
    edit(changed / CONFIG, "dropped: [0, 4, 16]", "dropped: [0, 4, 12]")
    assert jobs(changed, "studies") == {"studies", "build_studies", *(f"study_replication {name}" for name in NETWORKS)}


def test_counts_of_faults_rerun_what_is_judged_from_them(changed):
    edit(changed / CONFIG, "transient: 8", "transient: 9")
    rules = ("study_faults", "study_layers", "study_positions", "study_neurons")
    expected = {f"{rule} {network}" for rule in rules for network in NETWORKS}
    expected |= {f"{rule} {FURTHER}" for rule in ("study_faults", "study_positions")}
    assert jobs(changed, "studies") == expected | {"studies", "build_studies"}


def test_studies_are_no_part_of_the_experiment(changed):
    edit(changed / CONFIG, "transient: 8", "transient: 9")
    assert jobs(changed) == {"all", "record_provenance"}
