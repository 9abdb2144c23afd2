"""Tables on single faults: outcomes by injection, and failures by layer type and by layer."""

from collections.abc import Sequence

import pandas as pd

from sparebits.report.faults import rates
from sparebits.report.faults.rates import OUTCOMES, PERSISTENCE
from sparebits.report.results import NetworkResults
from sparebits.report.tables import Table
from sparebits.report.wording import count, percent, percent_interval
from sparebits.statistics.intervals import wilson_interval

_FAILURES = ["Trials", "Any prediction changed", "Critical or NaN", "of which NaN"]


def outcomes(results: Sequence[NetworkResults]) -> Table:
    """What the trials of each injection came to."""
    columns = ["Network", "Faults", "Injection", "Trials", *map(_capital, OUTCOMES.values()), "Critical or NaN"]
    rows = []
    for network in results:
        trials = network.faults.drop_duplicates("trial")
        for (where, injection), of_injection in trials.groupby(["where", "injection"], sort=False):
            total = len(of_injection)
            counts = of_injection["outcome"].value_counts().reindex(list(OUTCOMES), fill_value=0)
            cells = [_share(number, total) for number in (*counts, counts["critical"] + counts["nan"])]
            rows.append(
                [network.name, _faults(of_injection, where), _drawn(of_injection, injection), count(total), *cells]
            )
    return Table("What came of the trials, by injection", columns, rows, labels=3)


def by_layer_type(network: NetworkResults) -> Table:
    """Failures by layer type, persistent and transient."""
    rows = []
    for where, persistence in PERSISTENCE.items():
        for _, group in rates.by_layer_type(network, where).iterrows():
            rows.append([persistence, group["layer_type"], *_failures(group)])
    return Table(f"{network.name}: failures by layer type", ["Faults", "Layer type", *_FAILURES], rows, labels=2)


def by_layer(network: NetworkResults) -> Table:
    """Failures of parameters by layer."""
    rows = [[group["layer"], group["layer_type"], *_failures(group)] for _, group in rates.by_layer(network).iterrows()]
    title = f"{network.name}: failures by layer (persistent faults)"
    return Table(title, ["Layer", "Layer type", *_FAILURES], rows, labels=2)


def _faults(trials: pd.DataFrame, where: str) -> str:
    images = sorted({int(number) for number in trials["images"].unique()})
    each = " or ".join(f"{number:,}" for number in images)
    return f"{PERSISTENCE[where]}\non {each} image{'s' * (images != [1])}"


def _drawn(trials: pd.DataFrame, injection: str) -> str:
    """The name of an injection and how its faults were drawn."""
    first = trials.iloc[0]
    model = "" if first["fault_model"] == "single_bit" else f"{first['fault_model'].replace('_', ' ')}, "
    target = "all bits" if first["target"] == "all" else first["target"]
    strata = "" if first["strata"] == "none" else f", by {first['strata'].replace('_', ' ')}"
    return f"{injection}\n{model}{target}{strata}"


def _failures(group: pd.Series) -> list[str]:
    total = int(group["trials"])
    return [count(total), *(_share(group[column], total) for column in ("changed", "critical", "nan"))]


def _share(number: int, total: int) -> str:
    low, high = wilson_interval(number, total)
    return f"{percent(number / total, 1)}\n{percent_interval(float(low), float(high))}"


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
