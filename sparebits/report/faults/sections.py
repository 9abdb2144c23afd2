"""The section on single faults."""

from collections.abc import Sequence

import pandas as pd

from sparebits.report.charts.faults import failures_by_bit, failures_by_layer, failures_by_layer_type
from sparebits.report.faults import findings, rates, tables
from sparebits.report.faults.rates import PERSISTENCE, with_intervals
from sparebits.report.parts import Figure, Section
from sparebits.report.results import NetworkResults


def faults(results: Sequence[NetworkResults]) -> Section:
    """How often one flipped bit changes what a network answers: by bit, layer and layer type."""
    bits = [network for network in results if _has_trials(network, PERSISTENCE, "bit")]
    layers = [network for network in results if _has_trials(network, ["parameters"], "layer")]
    types = [network for network in results if _has_trials(network, PERSISTENCE, "layer_type")]
    details = [tables.by_layer_type(network) for network in types] + [tables.by_layer(network) for network in layers]
    return Section(
        "faults",
        "Single faults",
        "",
        opening=2,
        figures=[*map(_by_bit, bits), *map(_by_layer, layers)],
        panels=list(map(_by_layer_type, types)),
        tables=[tables.outcomes(results)],
        details=details,
    )


def _has_trials(network: NetworkResults, places: Sequence[str], by: str) -> bool:
    return any(len(rates.single_faults(network, where, by)) for where in places)


def _by_bit(network: NetworkResults) -> Figure:
    finding = findings.by_bit(network)
    shares = _by_persistence({where: rates.by_bit(network, where) for where in PERSISTENCE}, "bit")
    reading = "Lines: 95 % Wilson intervals of the trials that struck the bit. Critical includes NaN."
    chart = failures_by_bit(shares, network.fmt, finding)
    return Figure(f"faults-bits-{network.name}", finding, chart, reading, 90 + 16 * network.fmt.width)


def _by_layer(network: NetworkResults) -> Figure:
    finding = findings.by_layer(network)
    shares = with_intervals(rates.by_layer(network), ["layer", "layer_type", "place"])
    layers = rates.network_layers(network)
    spared = len(layers) - shares["layer"].nunique()
    reading = "Lines: 95 % Wilson intervals of the trials that struck the layer’s parameters; few trials, long lines."
    if spared:
        reading += f" {spared} of {len(layers)} layers were not struck by any trial."
    chart = failures_by_layer(shares, layers, finding)
    return Figure(f"faults-layers-{network.name}", finding, chart, reading, min(900, 120 + 30 * len(layers)))


def _by_layer_type(network: NetworkResults) -> Figure:
    finding = findings.by_layer_type(network)
    groups = {where: rates.by_layer_type(network, where) for where in PERSISTENCE}
    shares = _by_persistence(groups, "layer_type")
    reading = "Lines: 95 % Wilson intervals; below each name the trials."
    if shares["persistence"].nunique() > 1:
        reading = (
            "Lines: 95 % Wilson intervals; below each name the trials, persistent + transient. A persistent fault meets"
            " all images, a transient one a single one: compare within one colour."
        )
    chart = failures_by_layer_type(shares, rates.layer_types(network), finding)
    return Figure(f"faults-layer-types-{network.name}", finding, chart, reading, 340)


def _by_persistence(groups: dict[str, pd.DataFrame], by: str) -> pd.DataFrame:
    parts = [
        with_intervals(found, [by]).assign(persistence=PERSISTENCE[where])
        for where, found in groups.items()
        if len(found)
    ]
    return pd.concat(parts, ignore_index=True)
