"""Tables of networks whose answers are known beforehand, and the pages made of them."""

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from report_tables import (
    GOLDEN_HITS,
    HELD,
    IMAGES,
    ablation,
    attack,
    block_failures,
    campaign,
    costs,
    inner_words,
    outcomes,
    restoration,
    scrub_times,
    word_counts,
)
from torch import nn

from sparebits.bit_classes import choose_ecc, classify_bits, network_free_bits
from sparebits.census import bit_census, exponent_census, tensor_census
from sparebits.choices import Choice
from sparebits.formats import FORMATS, FloatFormat
from sparebits.parameters import FlatParameters
from sparebits.protection.fitting import fit_scheme
from sparebits.protection.plan import Plan, RolePlan
from sparebits.report.many_words.measurements import Measurements
from sparebits.report.page import build_report, render_page
from sparebits.report.results import read_results
from sparebits.report.sections import sections
from sparebits.schemes.thesis import thesis_if_it_fits
from sparebits.selection.choice import outcome_of, tensor_entries
from sparebits.statistics.scheme_comparison import compare_schemes

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "reports" / "templates" / "report.html.jinja"
MEASURED = Measurements(block_failures(), inner_words(), scrub_times())
CAPTIONS = sorted((ROOT / "reports" / "captions").glob("*.txt"))


def protection(parameters: FlatParameters, choice: Choice, batchnorm: RolePlan | None) -> dict:
    """selection.json for the strongest codes of few data bits, and for the thesis'."""
    fmt = parameters.fmt
    code = {16: "extended-bch(16,7)", 32: "reed-muller(32,6)", 64: "extended-bch(64,16)"}[fmt.width]
    word = RolePlan(3, code, "posterior mean" if fmt.width < 64 else "zero")
    plan = Plan({"weights": word, "batchnorm": batchnorm or word, "other": word})
    scheme = fit_scheme(plan, parameters.tensors, parameters.golden, fmt, {"1": 1e-5})
    outcome = outcome_of(outcomes([1]).assign(expected_loss_pp=0.25).iloc[0])
    thesis = thesis_if_it_fits(choice, parameters)
    return {
        "ber": 0.05,
        "tolerance_pp": 0.5,
        "within_tolerance": True,
        "calibration": {**outcome, "images": 100},
        "held_out": outcome,
        "tensors": tensor_entries(scheme, parameters.tensors),
        "thesis": {"fits": thesis is not None}
        | ({"tensors": tensor_entries(thesis.scheme, parameters.tensors), "held_out": outcome} if thesis else {}),
    }


def fault_rows(groups: list[dict]) -> pd.DataFrame:
    """faults.csv of single flipped bits, with the counts of outcomes that each group asks for.

    Args:
        groups: counts of masked, sdc, critical and nan (those left out are 0) and the columns to set; the others are
            those of a persistent fault in a convolution's weights.
    """
    columns = {"tensor": "0.weight", "bit": 0, "injection": "parameters", "where": "parameters"}
    columns |= {"fault_model": "single_bit", "target": "all", "strata": "none", "kind": "weight"}
    columns |= {"layer": "0", "layer_type": "Conv2d", "image": -1, "images": IMAGES}
    rows = []
    for group in groups:
        for outcome in ("masked", "sdc", "critical", "nan"):
            fault = columns | {key: value for key, value in group.items() if key in columns} | {"outcome": outcome}
            rows += [fault] * group.get(outcome, 0)
    found = pd.DataFrame(rows)
    numbers = {"trial": range(len(found)), "index": range(len(found)), "before": 1.0, "after": np.inf}
    return found.assign(**numbers, seed=1)


def transient(layer_type: str, **group) -> dict:
    """A group of `fault_rows` that strikes what an operation returns."""
    columns = {"where": "activations", "injection": "activations", "kind": "activation", "image": 7, "images": 1}
    return columns | {"tensor": layer_type.lower(), "layer": layer_type.lower(), "layer_type": layer_type} | group


def drawn_faults(tensors: pd.DataFrame, fmt: FloatFormat, trials: int = 600) -> pd.DataFrame:
    """faults.csv of bits drawn from all words, from those of each layer type, and from activations.

    The leading exponent bit mostly fails, its neighbours and the sign sometimes, the mantissa hardly ever; transient
    faults fail half as often.
    """
    random = np.random.default_rng(5)
    tensors = tensors.assign(layer=tensors["tensor"].str.rpartition(".")[0])
    persistent = [_drawn(tensors, fmt, trials, random).assign(injection="parameters", strata="none")]
    for _, members in tensors.groupby("layer_type", sort=False):
        drawn = _drawn(members, fmt, trials // 6, random)
        persistent.append(drawn.assign(injection="layer types", strata="layer_type"))
    persistent = pd.concat(persistent).assign(where="parameters", image=-1, images=IMAGES)
    nodes = tensors[["layer", "layer_type"]].drop_duplicates().assign(kind="activation", values=256)
    rectified = nodes.iloc[::2].assign(layer=nodes["layer"] + "_relu", layer_type="ReLU")
    first = pd.DataFrame([{"layer": "x", "layer_type": "input", "kind": "input", "values": 1024}])
    nodes = pd.concat([first, nodes, rectified]).assign(tensor=lambda rows: rows["layer"])
    transient = _drawn(nodes, fmt, trials, random).assign(injection="activations", strata="none")
    transient = transient.assign(where="activations", image=random.integers(IMAGES, size=trials), images=1)
    found = pd.concat([persistent, transient], ignore_index=True)
    rates = np.full(fmt.width, 0.01)
    rates[fmt.mantissa_bits : fmt.sign_bit] = np.linspace(0.02, 0.15, fmt.exponent_bits)
    rates[fmt.sign_bit - 1], rates[fmt.sign_bit] = 0.9, 0.1
    fails = random.random(len(found)) < rates[found["bit"]] * np.where(found["where"] == "parameters", 1, 0.5)
    worse = random.choice(["sdc", "critical", "nan"], p=[0.5, 0.4, 0.1], size=len(found))
    fixed = {"fault_model": "single_bit", "target": "all", "before": 1.0, "after": np.nan, "seed": 5}
    return found.assign(trial=range(len(found)), outcome=np.where(fails, worse, "masked"), **fixed)


def _drawn(members: pd.DataFrame, fmt: FloatFormat, trials: int, random: np.random.Generator) -> pd.DataFrame:
    """Different bits of the words of some tensors."""
    ends = members["values"].cumsum().to_numpy()
    word, bit = np.divmod(random.choice(ends[-1] * fmt.width, size=trials, replace=False), fmt.width)
    place = np.searchsorted(ends, word, side="right")
    rows = members.iloc[place][["tensor", "kind", "layer", "layer_type"]]
    return rows.assign(index=word - (ends - members["values"].to_numpy())[place], bit=bit)


FRONTIER = pd.DataFrame(
    [
        ("frontier", 0.0, 0.02),
        ("frontier", 0.25, 0.08),
        ("weights reed-muller(32,6)", 0.25, 0.08),
        ("weights extended-bch(32,11)", 0.0, 0.02),
        ("chosen", 0.25, 0.08),
    ],
    columns=["scheme", "layout_loss_pp", "ber_held"],
)


def _small_model() -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3))
    model[1].running_var.fill_(3.0)
    model[1].weight.data[0] = 2.5  # one mixed tensor
    return model


def write_network(
    folder: Path,
    name: str,
    depth: int,
    floor_place: int = 1,
    dtype: str = "float32",
    held: dict[str, float] = HELD,
    batchnorm: RolePlan | None = None,
    model: nn.Module | None = None,
) -> None:
    """Tables of a network that bears altered bits up to `depth` and its format's floors up to `floor_place`.

    Under faults its schemes hold the bit error rates `held`; its BatchNorm is protected as said, otherwise as weights.
    Without a model it is small: a convolution, a BatchNorm and a linear layer.
    """
    model = model or _small_model()
    state = {key: value.to(getattr(torch, dtype)) for key, value in model.state_dict().items()}
    parameters = FlatParameters(model.double() if dtype == "float64" else model, state)
    fmt = FORMATS[dtype]
    floors = list(fmt.forced_bits_of_floor)
    choice = Choice(floor=floors[floor_place], depth=depth)
    bits, tensors = bit_census(parameters), tensor_census(parameters)
    sweeps = [("alteration", kind) for kind in bits["kind"].unique()]
    sweeps += [(mode, "all") for mode in ("truncation", "all_ones", "random")]
    swept = np.arange(fmt.width)
    lsb = [
        pd.concat(
            [pd.DataFrame({"mode": mode, "kind": kind, "bit": swept}), outcomes(np.where(swept > depth, 200, 0))],
            axis=1,
        )
        for mode, kind in sweeps
    ]
    rounded = pd.DataFrame(
        {"floor": floors, "tensors": len(tensors), "modified_tensors": 1, "values": 99, "modified_values": 9}
    )
    spare = choice.spare_bits(fmt, network_free_bits(tensors, fmt))
    pairs = pd.DataFrame(
        {"choice": ["thesis", "best", "none"], "floor": choice.floor, "bit": [depth, depth, depth + 1]}
    )
    golden = pd.DataFrame(
        {"image_id": range(IMAGES), "label": np.arange(IMAGES) % 10, "hit": np.arange(IMAGES) < GOLDEN_HITS}
    )
    golden["predicted"] = np.where(golden["hit"], golden["label"], (golden["label"] + 1) % 10)
    tables = {
        "golden": golden.astype({"hit": int}),
        "bits": bits,
        "exponents": exponent_census(parameters),
        "tensors": tensors,
        "lsb": pd.concat(lsb),
        "rounding": pd.concat([rounded, outcomes(np.where(np.arange(len(floors)) > floor_place, 300, 1))], axis=1),
        "combined": pd.concat([pairs.assign(spare_bits=[spare, spare, spare + 1]), outcomes([2, 2, 200])], axis=1),
        "bit_classes": classify_bits(tensors, bits, choice, fmt),
        "ecc": choose_ecc(tensors, choice, fmt),
        "frontier": FRONTIER,
        "faults": drawn_faults(tensors, fmt),
    }
    selection = protection(parameters, choice, batchnorm)
    if not selection["thesis"]["fits"]:
        held = {scheme: most for scheme, most in held.items() if scheme != "thesis"}
    tables["campaign"] = campaign(held)
    tables |= {"ablation": ablation(), "word_counts": word_counts(held), "attack": attack(held), "costs": costs(held)}
    tables["restoration"] = restoration()
    tables["comparison"] = compare_schemes(tables["campaign"], "chosen", resamples=999)
    (folder / name).mkdir(parents=True)
    for choice in ("selection", "selection_gentle"):
        (folder / name / f"{choice}.json").write_text(json.dumps(selection), encoding="utf-8")
    for table, frame in tables.items():
        frame.assign(format=fmt.name).to_csv(folder / name / f"{table}.csv", index=False)


def render(folder: Path, networks: list[str], title: str = "Test") -> str:
    """The page alone, without the figures' files."""
    results = [read_results(folder, network) for network in networks]
    return render_page(sections(results, MEASURED, 1.2), results, MEASURED, 1.2, title, TEMPLATE, CAPTIONS)


def build(folder: Path, networks: list[str], title: str = "Test", output: str = "out") -> str:
    results = [read_results(folder, network) for network in networks]
    report = folder / output / "report.html"
    build_report(results, MEASURED, 1.2, title, TEMPLATE, CAPTIONS, report, folder / output / "figures")
    return report.read_text(encoding="utf-8")


def specs(page: str) -> list[dict]:
    return [
        json.loads(text)
        for text in re.findall(r'<script type="application/json" class="spec">(.*?)</script>', page, re.S)
    ]


def findings(page: str) -> list[str]:
    return [unescape(text) for text in re.findall(r"<h3>(.*?)</h3>", page)]


def encodings(node: object) -> Iterator[tuple[str, dict]]:
    """Every channel of a spec that has a field, at any depth."""
    if isinstance(node, dict):
        for channel, content in node.items():
            if isinstance(content, dict) and "field" in content:
                yield channel, content
            yield from encodings(content)
    elif isinstance(node, list):
        for part in node:
            yield from encodings(part)
