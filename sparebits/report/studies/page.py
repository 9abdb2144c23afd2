"""The page of the studies: each question of the research notes, its answer, what it rests on, and the charts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sparebits.errors import InputError
from sparebits.files import write_table
from sparebits.report.parts import Section
from sparebits.report.rendering import render, write_page
from sparebits.report.studies import batch_sizes, formats, layers, neurons, persistence, positions, replication
from sparebits.studies.tables import STUDY_TABLES

Tables = dict[str, pd.DataFrame]
"""Those of one name, by network."""

_SENTENCE = re.compile(r"[.] (?=[A-Z])")
_SHORTEST = 10


@dataclass(frozen=True)
class Study:
    """A question with its answer.

    Attributes:
        question: as the notes put it, and what they thought.
        answer: in sentences, with figures.
        trials: what the answer rests on.
        section: charts and tables.
    """

    question: str
    answer: str
    trials: str
    section: Section

    @property
    def short(self) -> str:
        """What the answer comes to: its first sentence, or its first two where that is only a Yes or a No."""
        ends = [end.end() - 1 for end in _SENTENCE.finditer(self.answer) if end.end() > _SHORTEST]
        return self.answer[: ends[0]] if ends else self.answer

    @property
    def details(self) -> str:
        """The rest of the answer."""
        return self.answer[len(self.short) :].strip()


def build_studies(
    results: str | Path,
    networks: Sequence[str],
    further: Sequence[str],
    *,
    tolerance_pp: float,
    template: str | Path,
    captions: Sequence[str | Path],
    report: str | Path,
    figures: str | Path,
    answers: str | Path,
) -> None:
    """Write the page, its folder of figures, and the answers as a table.

    Args:
        results: folder with a folder of tables for each network.
        networks: in the order of the page.
        further: networks that only size and position of changes are compared over.
        tolerance_pp: largest drop accepted, in percentage points.
        template: Jinja template of the page; those that it extends lie beside it.
        captions: a text a section, on how it was measured.
        report, figures, answers: to write; columns of the last: study, question, answer, trials, networks.

    Raises:
        InputError: if a table is missing or empty, or a section has no caption.
    """
    studies = read_studies(results, networks, further, tolerance_pp)
    sections = [study.section for study in studies]
    facts = {
        "title": "Seven questions about bit flips",
        "studies": {study.section.slug: study for study in studies},
        "networks": list(networks),
        "tolerance_pp": f"{tolerance_pp:g}",
    }
    page = render(template, captions, sections, facts)
    rows = [
        {
            "study": study.section.slug,
            "question": study.question,
            "answer": _plain(study.answer),
            "trials": _plain(study.trials),
            "networks": " ".join([*networks, *further] if study.section.slug == "positions" else networks),
        }
        for study in studies
    ]
    write_page(page, sections, report, figures)
    write_table(answers, pd.DataFrame(rows))


def read_studies(
    results: str | Path, networks: Sequence[str], further: Sequence[str], tolerance_pp: float
) -> list[Study]:
    """All studies, in the order of the notes; arguments and errors as `build_studies`."""

    def tables(study: str, of: Sequence[str] = networks) -> list[Tables]:
        return [{network: _read(results, network, name) for network in of} for name in STUDY_TABLES[study]]

    sizes, parts, struck = tables("batch_sizes"), tables("layers"), tables("neurons")
    places = tables("positions", [*networks, *further])
    until, even = tables("persistence")
    (copies,) = tables("replication")
    sweeps, choices, growth, protection = tables("formats")
    return [
        _study(batch_sizes, sizes, sizes, sizes[:1]),
        _study(layers, parts, parts, parts[:1]),
        _study(positions, places, places, places[:1]),
        _study(neurons, struck, struck, struck[:1]),
        _study(persistence, [until, even], [even], [even]),
        _study(replication, [copies], [copies], [copies]),
        _study(
            formats,
            [sweeps, choices, growth, protection, tolerance_pp],
            [choices, growth, protection],
            [sweeps, protection],
        ),
    ]


def _study(module, section: Sequence, answer: Sequence, trials: Sequence) -> Study:
    return Study(module.QUESTION, module.answer(*answer), module.trials(*trials), module.section(*section))


def _read(results: str | Path, network: str, name: str) -> pd.DataFrame:
    path = Path(results) / network / f"{name}.csv"
    if not path.is_file():
        raise InputError(f"{path} is missing; run snakemake studies")
    try:
        table = pd.read_csv(path)
    except pd.errors.EmptyDataError:
        raise InputError(f"{path} is empty; delete it and run snakemake studies") from None
    if table.empty or "format" not in table:
        raise InputError(f"{path} has no rows or no column format; delete it and run snakemake studies")
    return table


def _plain(text: str) -> str:
    """Without what only a page needs: spaces that do not break."""
    return text.replace("\u00a0", " ")
