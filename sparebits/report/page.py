"""The report: one page that opens offline, and its figures as SVG."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import altair as alt
import jinja2
import pandas as pd
import vl_convert
from markupsafe import Markup

from sparebits.errors import InputError
from sparebits.files import whole_file, whole_folder
from sparebits.report import findings
from sparebits.report.charts.style import INK, SYMBOLS
from sparebits.report.faults import findings as faults
from sparebits.report.many_words import findings as many_words
from sparebits.report.many_words.measurements import Measurements
from sparebits.report.parts import Figure, Section
from sparebits.report.protection import attack, costs
from sparebits.report.protection import findings as protection
from sparebits.report.results import NetworkResults
from sparebits.report.sections import sections
from sparebits.report.wording import listed

DEFINITIONS = "definitions"
"""The caption that holds a definition a line: term | section of the thesis | text."""


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
    with whole_file(report) as written, whole_folder(figures) as folder:
        written.write_text(page, encoding="utf-8")
        for part in parts:
            for figure in (*part.figures, *part.panels):
                (folder / f"{figure.slug}.svg").write_text(_svg(figure), encoding="utf-8")


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
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    definitions = next((_text_of(path) for path in captions if Path(path).stem == DEFINITIONS), "")
    texts = {Path(path).stem: environment.from_string(_text_of(path)).render(facts) for path in captions}
    missing = [part.slug for part in parts if part.slug not in texts]
    if missing:
        raise InputError(
            f"no caption {', '.join(f'{slug}.txt' for slug in missing)} among {', '.join(map(str, captions))}"
        )
    return environment.from_string(_text_of(template)).render(
        facts,
        sections=parts,
        # The captions were escaped when they were rendered.
        definitions=[[part.strip() for part in line.split("|")] for line in definitions.splitlines() if line.strip()],
        captions={slug: _paragraphs(text) for slug, text in texts.items()},
        drawing=_drawing,
        bundle=Markup(vl_convert.javascript_bundle().replace("</script", "<\\/script")),
    )


def _text_of(path: str | Path) -> str:
    return Path(path).read_text(encoding="utf-8")


def _paragraphs(text: str) -> list[Markup]:
    return [Markup(re.sub("[ \n]+", " ", part.strip())) for part in text.split("\n\n") if part.strip()]


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


def _spec(figure: Figure) -> dict:
    with alt.data_transformers.enable("default", max_rows=None):
        return figure.chart.to_dict()


def _drawing(figure: Figure) -> dict:
    """A chart for the page: its `spec` as JSON, and the `keys` (name, colour, path) of its legend.

    In the page the finding stands above the chart and its width follows the window. So does the legend, which is text:
    Vega would not wrap it.
    """
    spec = _spec(figure)
    spec.pop("title")
    keys: dict[str, dict] = {}
    _take_legends(spec, keys)
    spec |= {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}, "description": figure.finding}
    # NaN is no JSON; "<" could end the script element.
    text = json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False)
    escaped = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return {"spec": Markup(escaped), "keys": [{"name": name, **key} for name, key in keys.items()]}


def _take_legends(node: object, keys: dict[str, dict]) -> None:
    """Move the legends of named colours and shapes, at any depth of a spec, into `keys`."""
    if isinstance(node, list):
        for part in node:
            _take_legends(part, keys)
    if not isinstance(node, dict):
        return
    for channel, content in node.items():
        named = isinstance(content, dict) and content.get("type") == "nominal" and content.get("scale")
        if channel in ("color", "shape") and named:
            content["legend"] = None
            for name, value in zip(content["scale"]["domain"], content["scale"]["range"], strict=True):
                key = keys.setdefault(
                    name, {"colour": INK, "path": SYMBOLS["square" if "class" in content["field"] else "circle"]}
                )
                key |= {"colour": value} if channel == "color" else {"path": SYMBOLS[value]}
        else:
            _take_legends(content, keys)


def _svg(figure: Figure) -> str:
    svg = vl_convert.vegalite_to_svg(_spec(figure))
    # The renderer numbers gradients and clips through the life of the process; here each figure starts anew.
    names = dict.fromkeys(re.findall(r'id="((?:gradient|clip)[_\d]+)"', svg))
    for place, name in enumerate(names):
        svg = re.sub(rf"\b{name}\b", f"part{place}", svg)
    return svg + "\n"
