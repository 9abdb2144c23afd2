"""The audit: what does not agree within the published tables and their text."""

from collections.abc import Callable, Iterator

import pandas as pd

from sparebits.published import between_tables, bits, percentages, sums, text
from sparebits.published.equalities import Equality
from sparebits.published.tables import Published

Check = Callable[[Published], Iterator[Equality]]

CHECKS: dict[str, tuple[Check, ...]] = {
    "sums": (
        sums.hits_and_misses,
        sums.zeros_and_ones,
        sums.bits_of_kinds,
        sums.kinds,
        sums.ranges,
        sums.groups,
        sums.batchnorm,
    ),
    "percentages and differences": (
        percentages.shares_of_images,
        percentages.shares_of_values,
        percentages.whole_images,
        percentages.deviations,
    ),
    "the same figure in several tables": (
        between_tables.golden_runs,
        between_tables.shufflenet_runs,
        between_tables.roundings,
        between_tables.values_by_exponent,
        between_tables.modified_values,
        between_tables.parameters,
    ),
    "rows copied between networks": (between_tables.copied_rows,),
    "bits": (bits.free_bits, bits.invariant_bits, bits.altered_bits, bits.parity_bits, bits.digits_of_exponents),
    "text against tables": (text.cells, text.derived, text.protected_bits),
}
"""What is checked, by what it is about."""
COLUMNS = ["check", "subject", "against", "place", "printed", "expected", "arithmetic", "remark"]


def audit(published: Published) -> tuple[pd.DataFrame, dict[str, int]]:
    """Everything that should agree and does not.

    Returns:
        a row a disagreement, with COLUMNS, and by check how many statements were looked at.
    """
    findings, looked_at = [], {}
    for name, checks in CHECKS.items():
        equalities = [equality for check in checks for equality in check(published)]
        looked_at[name] = len(equalities)
        findings += [
            {"check": name, **{column: getattr(equality, column) for column in COLUMNS[1:]}}
            for equality in equalities
            if not equality.holds
        ]
    return pd.DataFrame(findings, columns=COLUMNS), looked_at


def listing(findings: pd.DataFrame, looked_at: dict[str, int]) -> str:
    """The findings for readers, under their checks; ends with a line break."""
    lines = [
        f"The tables of the thesis and its text: {sum(looked_at.values()):,} statements looked at, "
        f"{len(findings)} of them do not agree."
    ]
    for name, number in looked_at.items():
        found = findings[findings["check"] == name]
        lines += ["", f"{name}: {len(found) or 'none'} of {number:,}"]
        for row in found.itertuples():
            lines.append(f"  {row.subject}, {row.place}: {row.printed}")
            lines.append(f"      by {row.against}: {row.expected} ({row.arithmetic})")
            if row.remark:
                lines.append(f"      {row.remark}")
    return "\n".join(lines) + "\n"
