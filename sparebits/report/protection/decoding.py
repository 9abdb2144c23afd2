"""What decoders found in code words, beside what the codes' exact probabilities say."""

from collections.abc import Sequence

from sparebits.report.results import NetworkResults
from sparebits.report.tables import Table
from sparebits.report.wording import MISSING, count, rate

SMALL_P = 0.01
_OUTCOMES = ("corrected", "detected", "miscorrected")


def agreement(results: Sequence[NetworkResults]) -> str:
    """How many comparisons of observed and expected counts have a small p, and how many would by chance."""
    found = [network.word_counts for network in results]
    p = [value for table in found for value in table["p_value"]]
    if not p:
        return "No scheme of these campaigns has code words whose outcomes are known exactly"
    small = sum(value < SMALL_P for value in p)
    expected = SMALL_P * len(p)
    return (
        f"Of {count(len(p))} comparisons of counted code words with the codes’ exact probabilities {count(small)}"
        f" {'has' if small == 1 else 'have'} a p below {SMALL_P:g}; were all probabilities right, up to"
        f" {expected:.0f} would"
    )


def word_table(network: NetworkResults) -> Table | None:
    """Counts of corrected, detected and miscorrected code words by scheme and rate; None if there are none."""
    columns = ["Scheme", "Bit error rate", "Trials", "Code words\nin each"]
    columns += [f"{name.capitalize()}\ncounted / expected, p" for name in _OUTCOMES]
    rows = []
    for (scheme, ber), cells in network.word_counts.groupby(["scheme", "ber"], sort=False):
        of_outcome = {row.outcome: row for row in cells.itertuples()}
        first = cells.iloc[0]
        told = [_cell(of_outcome[name]) if name in of_outcome else MISSING for name in _OUTCOMES]
        rows.append([scheme, rate(ber), count(first["trials"]), count(first["code_words"]), *told])
    title = f"{network.name}: code words, counted and expected"
    return Table(title, columns, rows, labels=2) if rows else None


def _cell(row) -> str:
    p = "< 0.001" if row.p_value < 0.001 else f"{row.p_value:.3f}"
    return f"{count(row.observed)} / {_expected(row.expected)}\np {p}"


def _expected(number: float) -> str:
    if 0 < number < 0.005:
        return f"{number:.0e}".replace("e-0", "e−").replace("e-", "e−")
    return "0" if number == 0 else f"{number:,.2f}" if number < 10 else f"{number:,.0f}"
