"""The report on networks whose answers are known beforehand."""

import json
import re
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_pages import CAPTIONS, IMAGES, MEASURED, TEMPLATE, build, encodings, findings, render, specs, write_network

from sparebits.errors import InputError
from sparebits.report.page import build_report
from sparebits.report.results import read_results
from sparebits.statistics.paired_images import drop_interval


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_network(folder, "alpha", depth=14, floor_place=1)
    write_network(folder, "beta", depth=17, floor_place=2)
    return folder


@pytest.fixture(scope="module")
def page(folder) -> str:
    return build(folder, ["alpha", "beta"])


def test_titles_tell_what_the_tables_say(page):
    told = findings(page)
    assert "alpha bears 15 altered bits and beta 18" in told
    assert "alpha bears rounding up to 0x70 and beta bears rounding up to 0x78" in told
    # 2 of 400 hits lost: 0.5 pp, whose interval reaches 1.2 pp (0.5 ± 0.85).
    assert any(
        "stay within 1.2 pp" in title and "alpha and beta the interval reaches beyond" in title for title in told
    )
    assert "alpha and beta are equally accurate, 95.00 %" in told


def test_summary_agrees_with_choices(page):
    text = re.sub(r"<[^>]+>|\s+", " ", page[page.index('id="summary"') : page.index('id="sweep"')])
    text = re.sub(" +", " ", unescape(text))
    # Floor 0x70 forces 4 bits and depth 14 frees 15 of 32: 13 remain, and Hamming needs 5 check bits for them.
    assert re.search(
        r"alpha .* 95\.00 % \[92\.40, 96\.74\] 15 bits 14\.\.0 0x70 \(2⁻¹⁵\) 19 / 13 of 32 \(18, 13\) \(19, 13\)", text
    )
    assert re.search(r"beta .* 18 bits 17\.\.0 0x78 \(2⁻⁷\) 23 / 9 of 32 \(13, 9\) \(14, 9\)", text)


def test_page_needs_nothing_from_outside(page):
    without_bundle = re.sub(r"<script>.*?</script>", "", page, flags=re.S)
    without_specs = re.sub(r'<script type="application/json".*?</script>', "", without_bundle, flags=re.S)
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", without_bundle)
    assert "url(" not in without_specs
    assert "@import" not in without_specs
    for spec in specs(page):
        assert "url" not in json.dumps(spec.get("data", {}))
    assert page.count("window.vegaEmbed=") == 1


def test_every_figure_is_in_the_page_and_in_the_folder(folder, page):
    slugs = re.findall(r'<figure id="([^"]+)">', page)
    assert len(slugs) == len(set(slugs)) == len(specs(page)) > 10
    files = {path.name for path in (folder / "out" / "figures").iterdir()}
    assert files == {f"{slug}.svg" for slug in slugs}
    for path in (folder / "out" / "figures").iterdir():
        assert "NaN" not in path.read_text(encoding="utf-8")
    # Every entry of the contents leads somewhere.
    for target in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{target}"' in page


def test_intervals_are_drawn_where_accuracy_is(page):
    for spec in specs(page):
        text = json.dumps(spec)
        if "Accuracy (% of images)" in text:
            assert "percent_low" in text
            assert "percent_high" in text


def test_bands_of_trials_are_drawn_under_faults(page):
    drawn = [spec for spec in specs(page) if "downwards" in json.dumps(spec)]
    assert len(drawn) == 2
    for spec in drawn:
        bands = [layer["encoding"] for layer in spec["layer"] if layer["mark"]["type"] == "area"]
        ends = {(band["y"]["field"], band["y2"]["field"]) for band in bands}
        assert ends == {("best", "worst"), ("low", "high")}, "from the best trial to the worst, and their middle half"


def test_networks_keep_their_colours(page):
    found = [
        content["scale"]
        for channel, content in encodings(specs(page))
        if (channel, content["field"]) == ("color", "network")
    ]
    assert len(found) > 5
    assert all(scale == found[0] for scale in found)
    assert found[0]["domain"] == ["alpha", "beta"]


def test_schemes_keep_their_colours_which_no_network_has(page):
    found = [
        content["scale"]
        for channel, content in encodings(specs(page))
        if (channel, content["field"]) == ("color", "scheme_group")
    ]
    assert len(found) >= 6
    assert all(scale == found[0] for scale in found)
    networks = [
        content["scale"]["range"]
        for channel, content in encodings(specs(page))
        if (channel, content["field"]) == ("color", "network")
    ]
    assert not set(found[0]["range"]) & set(networks[0])


def test_markup_in_texts_is_escaped(folder):
    page = render(folder, ["alpha"], title="<script>alert(1)</script> & more")
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page
    for text in re.findall(r'class="spec">(.*?)</script>', page, re.S):
        assert "<" not in text


def test_two_builds_are_byte_for_byte_equal(folder, page):
    build(folder, ["alpha", "beta"], output="again")
    for path in sorted((folder / "out").rglob("*.*")):
        again = folder / "again" / path.relative_to(folder / "out")
        assert path.read_bytes() == again.read_bytes(), path.name


@pytest.mark.parametrize(("dtype", "depth", "width"), [("float16", 4, 16), ("float64", 40, 64), ("bfloat16", 2, 16)])
def test_other_formats(tmp_path, dtype, depth, width):
    write_network(tmp_path, "only", depth=depth, dtype=dtype)
    page = render(tmp_path, ["only"])
    assert f"only bears {depth + 1} altered bits" in findings(page)
    assert re.search(rf"only: \d+( to \d+)? of {width} bits of a word need protection", page)


def test_formats_and_many_networks_side_by_side(tmp_path):
    names = [f"net{place}" for place in range(9)]
    for place, name in enumerate(names):
        write_network(tmp_path, name, depth=place, dtype="float16" if place % 2 else "float32")
    page = render(tmp_path, names)
    assert "The networks bear 1 (net0) to 9 (net8) altered bits" in findings(page)
    assert "Of the 16 or 32 bits of a word" in page


def test_a_network_that_bears_nothing(tmp_path):
    write_network(tmp_path, "frail", depth=-1, floor_place=0)
    assert "frail bears 0 altered bits" in findings(render(tmp_path, ["frail"]))


def test_a_network_that_guesses_is_warned_of(tmp_path):
    write_network(tmp_path, "guesses", depth=14)
    write_network(tmp_path, "knows", depth=14)
    warning = 'role="alert"'
    assert warning not in render(tmp_path, ["knows"])
    golden = tmp_path / "guesses" / "golden.csv"
    table = pd.read_csv(golden)
    table["hit"] = (table.index < len(table) // 10).astype(int)
    table.to_csv(golden, index=False)
    page = render(tmp_path, ["guesses", "knows"])
    assert warning in page
    assert "The golden accuracy of guesses is not above" in page


def test_missing_numbers_are_dashes(tmp_path):
    write_network(tmp_path, "alpha", depth=14)
    path = tmp_path / "alpha" / "rounding.csv"
    rounding = pd.read_csv(path)
    rounding.loc[3, ["accuracy", "low", "high", "drop_pp", "p_value"]] = np.nan
    rounding.to_csv(path, index=False)
    page = render(tmp_path, ["alpha"])
    assert ">nan" not in page
    assert "nan %" not in page


def test_smaller_samples_are_told(tmp_path):
    write_network(tmp_path, "alpha", depth=14)
    golden = tmp_path / "alpha" / "golden.csv"
    doubled = pd.concat([pd.read_csv(golden)] * 2).assign(image_id=range(2 * IMAGES))
    doubled.to_csv(golden, index=False)
    assert "800 images (the sweep of low bits 400, rounding 400 and both together 400)" in render(tmp_path, ["alpha"])


def test_incomplete_results_are_named(tmp_path):
    write_network(tmp_path, "alpha", depth=14)
    with pytest.raises(InputError, match=r"beta/golden\.csv is missing"):
        read_results(tmp_path, "beta")
    path = tmp_path / "alpha" / "ecc.csv"
    pd.read_csv(path).drop(columns="secded_n").to_csv(path, index=False)
    with pytest.raises(InputError, match=r"ecc\.csv lacks the columns secded_n"):
        read_results(tmp_path, "alpha")


def test_nothing_is_left_behind_when_a_chart_fails(folder, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("no renderer")

    monkeypatch.setattr("vl_convert.vegalite_to_svg", fail)
    with pytest.raises(RuntimeError):
        build_report(
            [read_results(folder, "alpha")],
            MEASURED,
            1.2,
            "Test",
            TEMPLATE,
            CAPTIONS,
            tmp_path / "report.html",
            tmp_path / "figures",
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (3, 0), (20, 5), (5, 20)])
def test_drop_interval_holds_the_drop_and_mirrors(lost, gained):
    low, high = drop_interval(lost, gained, 500)
    drop = 100 * (lost - gained) / 500
    assert low < drop < high
    mirrored = drop_interval(gained, lost, 500)
    assert np.allclose([low, high], [-mirrored[1], -mirrored[0]])
    # More images with the same shares narrow it.
    wider = high - low
    low, high = drop_interval(10 * lost, 10 * gained, 5000)
    assert high - low < wider


def test_drop_interval_covers():
    """Simulated: the true drop of 2 pp lies in about 95 % of the intervals."""
    draws = np.random.default_rng(1).multinomial(600, [0.04, 0.02, 0.94], size=4000)
    low, high = drop_interval(draws[:, 0], draws[:, 1], 600)
    assert 0.935 < np.mean((low <= 2.0) & (high >= 2.0)) < 0.97
