"""Tables of codes over many words: what each mode restores, what becomes of inner words, how long scrubbing takes."""

from collections.abc import Sequence

from sparebits.report.many_words.findings import computed_probability, seconds
from sparebits.report.many_words.measurements import Measurements
from sparebits.report.many_words.restored import Restoration, by_rate, own_rates, word_rate
from sparebits.report.protection.ranking import memory_text
from sparebits.report.results import NetworkResults
from sparebits.report.tables import Table
from sparebits.report.wording import MISSING, count, percent, points, probability, probability_interval, rate

_SHARE_DIGITS, _RATE_DIGITS = 4, 3
"""Of percentages of words, since large networks have millions, and of bit error rates, which lie close together."""


def own(results: Sequence[NetworkResults]) -> Table:
    """Each mode at the bit error rate that it is meant for, and single words at theirs."""
    columns = [
        "Network",
        "Mode",
        "Bit error rate\nit is meant for",
        "Fault maps",
        "Every word restored\nin so many of them",
        "Not wholly restored\nof all maps, at most (95 %)",
        "Worst share of words restored",
        "Worst drop",
        "Extra memory",
    ]
    rows = []
    for network in results:
        word = word_rate(network)
        rows += [_own_cells(network, outcome) for outcome in (*own_rates(network), *([word] if word else []))]
    return Table("What is restored at the rates that modes are meant for", columns, rows, labels=2)


def _own_cells(network: NetworkResults, outcome: Restoration) -> list[str]:
    names = [network.name, outcome.storage]
    memory = memory_text(outcome.extra_percent) or "none"
    if not outcome.maps:
        why = "not measured" if outcome.lost_at is None else f"lost at {rate(outcome.lost_at)}"
        return [*names, f"{rate(outcome.ber)}\n{why}", "0", *[MISSING] * 4, memory]
    return [
        *names,
        rate(outcome.ber),
        count(outcome.maps),
        count(outcome.restored_maps),
        percent(outcome.bound, 1),
        _share(outcome.worst_share),
        f"{points(outcome.worst_drop_pp)} pp",
        memory,
    ]


def every_rate(network: NetworkResults) -> Table:
    """All ways to store words at all bit error rates."""
    columns = ["Scheme", "Bit error rate", "Fault maps", "With every word restored"]
    columns += ["Words restored\nmean", "Words restored\nworst", "Drop\nmedian", "Drop\nworst"]
    rows = [
        [
            row.storage,
            rate(row.ber, _RATE_DIGITS),
            count(row.trials),
            count(row.wholly),
            _share(row.mean_restored),
            _share(row.restored_low),
            f"{points(row.drop_pp)} pp",
            f"{points(row.worst_drop_pp)} pp",
        ]
        for row in by_rate(network).itertuples()
    ]
    return Table(f"{network.name}: words restored and accuracy, by scheme and bit error rate", columns, rows)


def inner_words(measured: Measurements) -> Table:
    """Erased and wrong inner words, counted and exact."""
    columns = ["Bit error rate", "Inner words"]
    columns += ["Erased\nmeasured [95 %]", "Erased\nexact", "Wrong\nmeasured [95 %]", "Wrong\nexact"]
    rows = [
        [
            rate(row.ber, _RATE_DIGITS),
            count(row.inner_words),
            f"{probability(row.erased_rate)}\n{probability_interval(row.erased_low, row.erased_high)}",
            probability(row.exact_erased),
            f"{probability(row.wrong_rate)}\n{probability_interval(row.wrong_low, row.wrong_high)}",
            probability(row.exact_wrong),
        ]
        for row in measured.inner_words.sort_values("ber").itertuples()
    ]
    return Table("Inner words of nested storage, measured and exact", columns, rows)


def computed_failures(measured: Measurements) -> Table:
    """Block failure as it follows from the rates of inner words."""
    columns = [
        "Bit error rate",
        "Nested\nfrom exact inner rates",
        "Nested\nfrom measured ones",
        "Nested\nfrom the upper ends of their intervals",
        "Nested-word, at most\nfrom exact inner rates",
    ]
    names = ("nested_exact", "nested_measured", "nested_upper", "nested_word_exact")
    rows = [
        [rate(row["ber"], _RATE_DIGITS), *(computed_probability(row[name]) for name in names)]
        for _, row in measured.inner_words.sort_values("ber").iterrows()
    ]
    return Table("Computed probability that a block fails", columns, rows)


def blocks(measured: Measurements) -> Table:
    """Blocks that were hit and repaired, by mode and bit error rate."""
    columns = ["Mode", "Data bits", "Bit error rate", "Blocks", "Failed", "of which unnoticed", "Share failed\n[95 %]"]
    rows = []
    for row in measured.block_failures.itertuples():
        cells = [count(row.blocks), count(row.failed + row.wrong), count(row.wrong)]
        share = f"{probability(row.rate)}\n{probability_interval(row.low, row.high)}"
        rows.append([row.mode, str(row.data_bits), rate(row.ber, _RATE_DIGITS), *cells, share])
    return Table("Blocks of random data, hit and repaired", columns, rows)


def scrub_times(measured: Measurements) -> Table:
    """Every scrub that was timed."""
    columns = ["Mode", "Words", "Bit error rate", "Scrub", "Words a\u00a0second", "Reading the file", "Peak memory"]
    columns.append("Words or blocks beyond repair")
    rows = [
        [
            row.mode,
            count(row.words),
            rate(row.ber, _RATE_DIGITS),
            seconds(row.seconds),
            f"{row.words / row.seconds:.3g}",
            seconds(row.read_seconds),
            f"{row.peak_mib:,.0f} MiB",
            count(row.failed),
        ]
        for row in measured.scrub_times.itertuples()
    ]
    return Table("Every scrub that was timed", columns, rows)


def _share(share: float) -> str:
    return "all" if share == 1 else percent(share, _SHARE_DIGITS)
