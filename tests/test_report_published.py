"""The report's section of the thesis' tables: there only for the thesis' networks, and true."""

import pytest
from published_results import ARCHITECTURE, PUBLISHED, TRANSFORM, WEIGHTS, published_results
from report_pages import CAPTIONS, MEASURED, TEMPLATE, render, write_network

from sparebits.errors import InputError
from sparebits.published.comparison import compare_network
from sparebits.report.page import render_page
from sparebits.report.published import published, read_comparisons
from sparebits.report.results import read_results
from sparebits.report.sections import sections

HEADING = "The thesis’ tables beside the measured values"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("published")
    write_network(folder, "alpha", 14)
    for images in (50_000, 1_000):
        rows = compare_network(
            PUBLISHED, ARCHITECTURE, WEIGHTS, published_results(images=images), "imagenet", TRANSFORM
        )
        (folder / f"of_{images}").mkdir()
        rows.to_csv(folder / f"of_{images}" / "published.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def comparisons(folder):
    return read_comparisons([folder / f"of_{images}" / "published.csv" for images in (50_000, 1_000)])


def test_without_a_network_of_the_thesis_there_is_no_section(folder):
    assert HEADING not in render(folder, ["alpha"])
    assert published({}) == []


def test_with_one_the_section_tells_the_verdicts(folder, comparisons):
    results = [read_results(folder, "alpha")]
    parts = sections(results, MEASURED, 1.2, comparisons)
    page = render_page(parts, results, MEASURED, 1.2, "Test", TEMPLATE, CAPTIONS)
    assert f'href="#published">{HEADING}' in page
    assert "of_1000: by table of the thesis" in page


def test_verdicts_are_counted_by_network(comparisons):
    (section,) = published(comparisons)
    all_images, few_images = section.tables[0].rows
    total = str(len(comparisons["of_50000"]))
    assert all_images == ["of_50000", total, total, "0", "0", "50,000 images", "the thesis’"]
    within = int((comparisons["of_1000"]["verdict"] == "within sampling error").sum())
    assert few_images[3:] == [str(within), "0", "1,000 images", "the thesis’"]
    for table in section.details:
        if table.title.endswith("by table of the thesis"):
            assert all(int(row[2]) == sum(map(int, row[3:])) for row in table.rows)


def test_figures_that_are_not_exact_are_listed_with_their_interval(comparisons):
    (section,) = published(comparisons)
    listed = [table for table in section.details if "not exactly" in table.title]
    assert len(listed) == 1, "the network on all images is exact"
    assert listed[0].title.startswith("of_1000: ")
    row = next(row for row in listed[0].rows if row[:2] == ["Table 4", "accuracy"])
    assert row[-1] == "within sampling error"
    assert "[" in row[4]


def test_a_missing_comparison_is_named(tmp_path):
    with pytest.raises(InputError, match=r"published.csv is missing"):
        read_comparisons([tmp_path / "published.csv"])
