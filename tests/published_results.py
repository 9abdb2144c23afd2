"""Result tables of a ShuffleNetV2 whose counts and runs are what the thesis prints of it."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from workflow import PROJECT

from sparebits.published.tables import IMAGES, KINDS, Published, read_published
from sparebits.statistics.intervals import wilson_interval

PUBLISHED = read_published(PROJECT / "reference" / "silin2024")
ARCHITECTURE, WEIGHTS = "shufflenet_v2_x2_0", "ShuffleNet_V2_X2_0_Weights.IMAGENET1K_V1"
GOLDEN_HITS = 38_097
TRANSFORM = {
    "resize": 256,
    "crop": 224,
    "interpolation": "bilinear",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}


def published_results(published: Published = PUBLISHED, images: int = IMAGES) -> dict[str, pd.DataFrame]:
    """Tables of the workflow by name, on so many images, with the thesis' accuracies as near as that many allow."""

    def hits(printed) -> int:
        return round(int(printed) * images / IMAGES)

    def outcomes(hits: list[int]) -> dict:
        found = np.array(hits)
        lost = hits_of_golden - found
        low, high = wilson_interval(found, images)
        accuracy = {"images": images, "hits": found, "accuracy": found / images, "low": low, "high": high}
        gone = {"lost": np.maximum(lost, 0), "gained": np.maximum(-lost, 0)}
        return accuracy | {"drop_pp": 100 * lost / images, **gone}

    hits_of_golden = hits(GOLDEN_HITS)
    golden = pd.DataFrame({"image_id": [f"ILSVRC2012_val_{n:08d}.JPEG" for n in range(1, images + 1)]})
    golden["predicted"] = [int(row["predicted"]) for row in published.tables[1]] + [0] * (images - 4)
    golden["hit"] = (np.arange(images) < hits_of_golden).astype(int)
    swept, rounded = published.tables[4], published.rows(11, run="rounding")
    lsb = pd.DataFrame({"mode": "alteration", "kind": "all", "bit": [int(row["bit"]) for row in swept]})
    rounding = pd.DataFrame({"floor": [int(row["floor"]) for row in rounded]})
    both = published.rows(12, run="combined")[0]
    combined = pd.DataFrame({"choice": ["thesis"], "floor": [int(both["floor"])], "bit": [int(both["altered_bits"])]})
    bits = [
        {"kind": row["kind"], "bit": int(row["bit"]), "zeros": int(row["zeros"]), "ones": int(row["ones"])}
        for row in (*published.tables[6], *published.tables[7])
    ]
    return {
        "golden": golden,
        "lsb": lsb.assign(**outcomes([hits(row["hits"]) for row in swept])),
        "rounding": rounding.assign(**outcomes([hits(row["hits"]) for row in rounded])),
        "combined": combined.assign(**outcomes([hits(both["hits"])])),
        "ecc": pd.DataFrame([{"group": "network", "rule": "thesis", "spare_bits": 22, "data_bits": 10}]),
        "bits": pd.DataFrame(bits),
        "exponents": _exponents(published),
        "tensors": _tensors(published),
    }


def _exponents(published: Published) -> pd.DataFrame:
    """Table 8, and what it leaves out at exponents 80 and 100, so that the ranges of Table 30 come out."""
    tables = []
    for kind in ("all", *KINDS):
        counts = np.zeros(256, dtype=int)
        for row in published.rows(8, kind=kind):
            if row["exponent"] is not None:
                counts[int(row["exponent"])] = row["values"]
        low, middle = (
            int(row["values"]) for row in published.rows(30, kind=kind) if row["exponent_below"] in (0x60, 0x70)
        )
        counts[80] = low - counts[:0x60].sum()
        counts[100] = middle - counts[0x60:0x70].sum()
        tables.append(pd.DataFrame({"kind": kind, "exponent": range(256), "count": counts}))
    return pd.concat(tables)


def _tensors(published: Published) -> pd.DataFrame:
    """The groups of Table 10, with smallest exponents by which rounding modifies as many tensors as in Table 11."""
    modified = [int(row["modified_tensors"]) for row in published.rows(11, run="rounding")]
    smallest = iter(np.repeat([50, 100, 115, 122, 125], np.diff([0, *modified, 270])))
    rows = []
    for kind in KINDS:
        for group in ("below", "above", "mixed"):
            row = published.rows(10, kind=kind, group=group)[0]
            for place in range(int(row["tensors"])):
                values = 1 if place else int(row["values"] - row["tensors"] + 1)
                low = 130 if group == "above" else int(next(smallest))
                high = {"below": 127, "above": 131, "mixed": 135}[group]
                name = f"{group}{place}.{kind}"
                rows.append({"tensor": name, "kind": kind, "values": values, "group": group, "low": low, "high": high})
    return pd.DataFrame(rows).rename(columns={"low": "min_exponent", "high": "max_exponent"})


def changed(tables: dict[str, pd.DataFrame], table: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> dict:
    return tables | {table: change(tables[table].copy())}
