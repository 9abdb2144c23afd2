"""What the report is made of: sections of figures and tables."""

from dataclasses import dataclass, field

import altair as alt

from sparebits.report.tables import Table


@dataclass(frozen=True)
class Figure:
    """A chart under its finding.

    Attributes:
        slug: its id in the page and the name of its SVG.
        reading: what one sees, in a sentence.
        narrowest: width in pixels below which the page scrolls rather than shrinks it.
    """

    slug: str
    finding: str
    chart: alt.Chart
    reading: str
    narrowest: int = 280


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Attributes:
        slug: its id in the page and the name of its caption.
        source: the part of the thesis that it reproduces; empty where it goes beyond the thesis.
        opening: paragraphs of the caption that stand above the charts; the others, if any, below. None: all above.
        figures: over the whole width.
        panels: figures of one network each, side by side where there is room.
        tables: always shown.
        details: shown on request.
    """

    slug: str
    heading: str
    source: str
    opening: int | None = None
    figures: list[Figure] = field(default_factory=list)
    panels: list[Figure] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    details: list[Table] = field(default_factory=list)
