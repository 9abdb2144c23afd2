"""The report: one page that opens offline, and its figures as SVG."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from sparebits.report import findings
from sparebits.report.faults import findings as faults
from sparebits.report.many_words import findings as many_words
from sparebits.report.many_words.measurements import Measurements
from sparebits.report.parts import Section
from sparebits.report.protection import attack, costs
from sparebits.report.protection import findings as protection
from sparebits.report.rendering import render, write_page
from sparebits.report.results import NetworkResults
from sparebits.report.sections import sections
from sparebits.report.wording import listed


def build_report(
    results: Sequence[NetworkResults],
    measured: Measurements,
    tolerance_pp: float,
    title: str,
    template: str | Path,
    captions: Sequence[str | Path],
    report: str | Path,
    figures: str | Path,
    comparisons: Mapping[str, pd.DataFrame] | None = None,
) -> None:
    """Write the page and the folder of figures, both or neither.

    Args:
        measured: of codes over many words, whatever the network.
        template: Jinja template of the page.
        captions: text files with the paragraphs that open a section of the same name; Jinja too.
        report: the page to write.
        figures: the folder to write; what it held is gone.
        comparisons: with the thesis' tables, as for `sections`.

    Raises:
        InputError: if a section has no caption.
    """
    parts = sections(results, measured, tolerance_pp, comparisons)
    page = render_page(parts, results, measured, tolerance_pp, title, template, captions)
    write_page(page, parts, report, figures)


def render_page(
    parts: Sequence[Section],
    results: Sequence[NetworkResults],
    measured: Measurements,
    tolerance_pp: float,
    title: str,
    template: str | Path,
    captions: Sequence[str | Path],
) -> str:
    """The page as HTML; the same tables give the same text."""
    facts = {
        "title": title,
        "headline": protection.headline(results),
        "spare_bits": findings.spare_bits(results),
        "protection": protection.facts(results),
        "attack": attack.facts(results),
        "costs": costs.facts(results),
        "many_words": many_words.facts(results, measured),
        "faults": faults.facts(results),
        "warning": findings.at_chance(results),
        "groups": findings.groups(results),
        "codes": findings.codes(results),
        "tolerance_pp": f"{tolerance_pp:g}",
        "networks": [network.name for network in results],
        "images": _images(results),
        "stages": _sampled_stages(results),
        "same_images": _are_same_images(results),
        "formats": listed(list(dict.fromkeys(network.fmt.name for network in results))),
    }
    return render(template, captions, parts, facts)


def _images(results: Sequence[NetworkResults]) -> str:
    counts = list(dict.fromkeys(network.images for network in results))
    if len(counts) == 1:
        return f"{counts[0]:,} images"
    return listed([f"{network.images:,} images ({network.name})" for network in results])


def _sampled_stages(results: Sequence[NetworkResults]) -> str:
    """The stages that used fewer images than the golden run, in words; empty if none did."""
    told = []
    for stage, words in (("lsb", "the sweep of low bits"), ("rounding", "rounding"), ("combined", "both together")):
        used = {int(getattr(network, stage)["images"].iloc[0]) for network in results}
        if any(int(getattr(network, stage)["images"].iloc[0]) < network.images for network in results):
            told.append(f"{words} {' or '.join(f'{number:,}' for number in sorted(used))}")
    return listed(told) if told else ""


def _are_same_images(results: Sequence[NetworkResults]) -> bool:
    first = results[0].golden[["image_id", "label"]]
    return all(network.golden[["image_id", "label"]].equals(first) for network in results)
