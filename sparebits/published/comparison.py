"""Measured figures beside the published ones, each with the difference and a verdict."""

from collections.abc import Mapping

import pandas as pd

from sparebits.published.measured import counted_tensors, counted_words, measured_runs
from sparebits.published.networks import DIFFERS, EXACT, IMAGE_TABLES, VERDICTS, WEIGHT_TABLES, WITHIN
from sparebits.published.observations import observations
from sparebits.published.tables import IMAGES, Published

COLUMNS = ["table", "quantity", "kind", "place", "published", "measured", "difference", "unit", "low", "high"]
COLUMNS += ["verdict", "images", "transform", "section", "page_from", "page_to"]
COMPARABLE = ("imagenet", "image_folder")
"""Kinds of data sets whose images can be a sample of those that the thesis used."""
TRANSFORM = {
    "resize": 256,
    "crop": 224,
    "interpolation": "bilinear",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}
"""That the thesis applied to the images of every network (3.3.1, Code Fragment 5)."""


def compare_network(
    published: Published,
    architecture: str,
    weights: str | None,
    tables: Mapping[str, pd.DataFrame],
    dataset: str,
    transform: Mapping,
) -> pd.DataFrame:
    """A network's results beside the thesis' tables.

    Args:
        architecture: torchvision's name.
        weights: a torchvision enum; None, or one that the thesis did not use, compares the architecture alone.
        tables: the results by the names of their files, WEIGHT_TABLES and, if there are any, IMAGE_TABLES.
        dataset: kind of the data set that the latter were measured on; only COMPARABLE ones are compared.
        transform: of its images.

    Returns:
        a row a published figure that was measured, too, in the order of the tables, with COLUMNS.
    """
    if weights not in {row["weights"] for row in published.networks}:
        weights = None
    measured = [counted_tensors(tables["tensors"])]
    if weights is not None:
        measured.append(counted_words(*(tables[name] for name in WEIGHT_TABLES)))
        if set(IMAGE_TABLES) <= set(tables) and dataset in COMPARABLE:
            measured.append(measured_runs(*(tables[name] for name in IMAGE_TABLES)))
    told = "the thesis’" if all(transform.get(key) == value for key, value in TRANSFORM.items()) else "another"
    rows = lay_side_by_side(
        published, observations(published, architecture, weights), pd.concat(measured), dataset == "imagenet"
    )
    return rows.assign(transform=rows["images"].notna().map({True: told, False: ""}))[COLUMNS]


def lay_side_by_side(
    published: Published, printed: pd.DataFrame, measured: pd.DataFrame, is_validation_set: bool = False
) -> pd.DataFrame:
    """Published figures and measured ones of the same quantity, kind and place, with COLUMNS but for the transform.

    Args:
        printed: as by `observations`.
        measured: as by measured.py.
        is_validation_set: whether the images are those of the thesis, or some of them.
    """
    rows = printed.merge(measured, on=["quantity", "kind", "place"], how="inner", sort=False)
    rows = rows.sort_values("table", kind="stable").reset_index(drop=True)
    same_images = is_validation_set & (rows["images"] == IMAGES)
    # On the same images no sample is drawn, so that there is no sampling error either.
    rows.loc[same_images, ["low", "high"]] = float("nan")
    judged = [_judge(row) for row in rows.itertuples()]
    shown = [_as_printed(row) for row in rows.itertuples()]
    pages = {row["table"]: row for row in published.index}
    for column in ("section", "page_from", "page_to"):
        found = [pages[table][column] for table in rows["table"]]
        rows[column] = (
            found if column == "section" else pd.array([None if n is None else int(n) for n in found], "Int64")
        )
    columns = {
        name: [row[place] for row in shown] for place, name in enumerate(("published", "measured", "difference"))
    }
    rows = rows.assign(**columns, verdict=judged)
    return rows.astype({"images": "Int64"}).round({"low": 4, "high": 4})


def verdicts(rows: pd.DataFrame) -> str:
    """How many figures got each verdict, in a sentence: "105 figures compared: 104 exact, 1 differs"."""
    counts = rows["verdict"].value_counts()
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts)
    return f"{len(rows)} figures compared" + (f": {told}" if told else "")


def _judge(row) -> str:
    if isinstance(row.published, str):
        return EXACT if row.published == row.measured else DIFFERS
    if abs(row.measured - row.published) < 0.5 * 10**-row.decimals - 1e-9:
        return EXACT
    return WITHIN if row.low <= row.published <= row.high else DIFFERS


def _as_printed(row) -> tuple:
    """Published and measured figure and their difference: whole numbers where whole ones are published."""
    if isinstance(row.published, str):
        return row.published, row.measured, ""
    if row.decimals == 0:
        return int(row.published), int(row.measured), int(row.measured) - int(row.published)
    measured = round(float(row.measured), 4)
    return row.published, measured, round(float(row.measured) - row.published, 4)
