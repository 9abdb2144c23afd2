"""Replication without low mantissa bits: what is measured, and that the answer follows the tables."""

import numpy as np
import pandas as pd
import pytest
from protected_models import plan

from sparebits.campaign.journal import Journal
from sparebits.errors import InputError
from sparebits.faults.ber import CHECK_WORDS
from sparebits.report.studies import replication as report
from sparebits.report.studies.shorter_copies import comparisons
from sparebits.schemes.names import CHOSEN, GENTLE
from sparebits.studies.replication import BLOCK, SEC_DED, UNPROTECTED, replicated, run_replication

BERS = (1e-4, 1e-2, 5e-2)


@pytest.fixture
def plans():
    return plan("fused", "median"), plan("channel", "median"), 1e-2


@pytest.fixture
def measured(evaluator, golden, plans):
    return run_replication(evaluator, golden, np.arange(40), plans, (2, 3), (0, 22, 40), BERS, 3, seed=1)


def test_copies_lack_the_bits_and_save_their_memory(evaluator):
    parameters = evaluator.parameters
    for copies in (2, 3, 5):
        for dropped in (0, 4, 23):
            stored = replicated(parameters, copies, dropped)
            bits = len(parameters.golden) * (32 - dropped)
            assert len(stored.memory[CHECK_WORDS]) == stored.extra_bytes == (copies - 1) * -(-bits // 8)
    with pytest.raises(InputError, match="4"):
        replicated(parameters, 4, 0)


def test_every_scheme_meets_the_same_maps_until_it_is_lost(measured):
    assert set(measured["scheme"]) >= {
        UNPROTECTED,
        SEC_DED,
        GENTLE,
        CHOSEN,
        BLOCK,
        "2 copies, m = 0",
        "3 copies, m = 22",
    }
    # The format's mantissa has 23 bits, so 40 of them cannot be left out.
    assert set(measured["dropped"]) == {0, 22}
    assert set(measured["format"]) == {"binary32"}
    faulty = measured[measured["ber"] > 0]
    assert (faulty.groupby(["ber", "seed"])["map_hash"].nunique() == 1).all()
    assert (faulty.groupby(["scheme", "ber"]).size() == 3).all()
    for _, own in measured.groupby("scheme"):
        least = own.groupby("ber")["drop_pp"].min()
        assert (least.iloc[:-1] <= 20).all()
        assert least.index[-1] == max(BERS) or least.iloc[-1] > 20 or own["scheme"].iloc[0] == GENTLE
    assert measured.loc[measured["scheme"] == GENTLE, "ber"].max() == 1e-2
    of_copies = measured[measured["copies"] > 0]
    expected = (of_copies["copies"] - 1) * (32 - of_copies["dropped"]) / 32
    assert np.allclose(of_copies["memory"], expected, atol=0.02)
    assert np.allclose(of_copies["saved"], of_copies["dropped"] / 32)


def test_finished_trials_are_not_run_again(evaluator, golden, plans, measured, tmp_path, monkeypatch):
    arguments = (evaluator, golden, np.arange(40), plans, (2,), (0,), BERS[:2], 2)
    journal = Journal(tmp_path / "study.csv", {})
    first = run_replication(*arguments, seed=1, journal=journal)
    assert len(journal.entries) == len(first)
    monkeypatch.setattr("sparebits.studies.replication.SchemeTrials.run", None)
    pd.testing.assert_frame_equal(run_replication(*arguments, seed=1, journal=journal), first)
    own = measured[
        measured["scheme"].isin(first["scheme"]) & measured["ber"].isin(first["ber"]) & (measured["trial"] < 2)
    ]
    assert own["drop_pp"].tolist() == first["drop_pp"].tolist()


def table(failing, maps=20):
    """Trials of copies and of a code in place; failing(copies, dropped, ber, trial) says which drop by 5 pp."""
    rows = []
    for scheme, copies, dropped in [(CHOSEN, 0, 0), *((f"{c} copies, m = {m}", c, m) for c in (2, 3) for m in (0, 23))]:
        for ber in (0.0, 1e-4, 1e-3):
            for trial in range(maps if ber else 1):
                drop = 5.0 * (ber > 0 and failing(copies, dropped, ber, trial))
                memory = (copies - 1) * (32 - dropped) / 32 if copies else 0.0
                rows.append((scheme, copies, dropped, dropped / 32, memory, ber, trial, trial, drop, 100, 400))
    columns = [
        "scheme",
        "copies",
        "dropped",
        "saved",
        "memory",
        "ber",
        "trial",
        "seed",
        "drop_pp",
        "images",
        "extra_bytes",
    ]
    return pd.DataFrame(rows, columns=columns).assign(format="binary32")


def test_the_answer_says_that_copies_are_never_better_when_they_are_not():
    tables = {"a": table(lambda copies, dropped, ber, trial: copies and ber > 1e-4)}
    told = report.answer(tables)
    assert "never better" in told
    assert "72 %" in told
    assert "299 maps" in told
    assert all(one.difference == 0 and one.p_holm == 1 for one in comparisons(tables, 500))


def test_the_answer_says_so_when_copies_are_better_or_short_copies_worse():
    better = {"a": table(lambda copies, dropped, ber, trial: not copies)}
    assert "holds more than any code in place for a" in report.answer(better)
    worse = {"a": table(lambda copies, dropped, ber, trial: dropped == 23)}
    told = report.answer(worse)
    assert "fail more often" in told
    assert "at m = 23 with 2 copies and m = 23 with 3 copies" in told
    assert [one.difference for one in comparisons(worse, 500)] == [1.0, 1.0]


def test_the_section_shows_every_scheme_and_each_share(measured):
    tables = {"small": measured}
    section = report.section(tables)
    assert [figure.slug for figure in section.panels] == ["replication-memory-small", "replication-failures-small"]
    assert len(section.tables[0].rows) == measured["scheme"].nunique()
    for figure in section.panels:
        figure.chart.to_dict()
    cells = report._cells(measured)
    counts = measured[measured["ber"] > 0].groupby(["scheme", "ber"]).size()
    assert sum(int(text.partition("/")[2]) for text in cells["text"]) == counts.sum()
    assert f"{int((measured['ber'] > 0).sum()):,} trials" in report.trials(tables)
