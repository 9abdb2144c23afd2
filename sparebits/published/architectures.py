"""The thesis' architectures as torchvision builds them, without weights, beside the published counts."""

import pandas as pd
import torch

from sparebits.construction import build_architecture, published_arguments
from sparebits.parameters import ParameterTensor, parameter_tensors
from sparebits.published.comparison import lay_side_by_side
from sparebits.published.measured import counted_tensors
from sparebits.published.networks import ARCHITECTURES, DIFFERS
from sparebits.published.observations import observations
from sparebits.published.tables import Published

COLUMNS = ["architecture", "table", "quantity", "kind", "published", "counted", "difference", "unit", "verdict"]
COLUMNS += ["section", "page_from", "page_to"]


def published_tensors(architecture: str) -> list[ParameterTensor]:
    """The parameter tensors of torchvision's architecture as its published weights need it; no values are made."""
    from torchvision import models

    name = f"torchvision:{architecture}"
    arguments = published_arguments(name, models.get_model_weights(architecture).DEFAULT)
    with torch.device("meta"):
        return parameter_tensors(build_architecture(name, arguments, "."))


def compare_architectures(published: Published) -> pd.DataFrame:
    """Tensors and values of each architecture, by kind, beside Tables 6, 9 to 11, 14 and 23 to 38, with COLUMNS."""
    tables = []
    for architecture in ARCHITECTURES:
        tensors = [(tensor.kind, tensor.values) for tensor in published_tensors(architecture)]
        counted = counted_tensors(pd.DataFrame(tensors, columns=["kind", "values"]))
        rows = lay_side_by_side(published, observations(published, architecture, None), counted)
        tables.append(rows.rename(columns={"measured": "counted"}).assign(architecture=architecture))
    return pd.concat(tables, ignore_index=True)[COLUMNS]


def architectures_listing(rows: pd.DataFrame) -> str:
    """The counts that differ, for readers; ends with a line break."""
    different = rows[rows["verdict"] == DIFFERS]
    lines = [
        f"Architectures as torchvision builds them, without weights: {len(rows)} counts compared, "
        f"{len(different) or 'none'} of them different."
    ]
    for row in different.itertuples():
        printed = f"{row.published:,} in Table {row.table}"
        lines.append(f"  {row.architecture}, {row.quantity}, {row.kind}: {printed}, counted {row.counted:,}")
    return "\n".join(lines) + "\n"
