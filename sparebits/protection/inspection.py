"""What a protected checkpoint holds and what its words went through, as tables for people."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sparebits.codes.linear import LinearCode
from sparebits.parameters import ParameterTensor, doubles_of
from sparebits.protection.encoding import GroupReport
from sparebits.protection.scheme import BATCHNORM_TENSORS, Group, Scheme


def group_table(scheme: Scheme) -> pd.DataFrame:
    """A row for each tensor, or for scale and shift where they are stored: its layout, code, decoder and policy.

    Columns: tensor, layout, base (exponent field at which the window starts), median, code, t, span, decoder, policy.
    """
    rows = []
    for group in scheme.groups:
        for name, layout, median in zip(_layout_names(group), group.layouts, group.medians, strict=True):
            word = layout.restore(np.array([median], dtype=np.uint64))
            rows.append(
                {
                    "tensor": name,
                    "layout": layout.title,
                    "base": getattr(layout, "base", ""),
                    "median": f"{doubles_of(word, scheme.fmt)[0]:.6g}",
                    "code": code_title(group.code),
                    "t": group.code.t,
                    "span": group.span,
                    "decoder": group.decoder,
                    "policy": group.policy,
                }
            )
    return pd.DataFrame(rows)


def count_table(reports: Sequence[GroupReport], tensors: Sequence[ParameterTensor]) -> pd.DataFrame:
    """Code words by role and in all: words, clean, corrected_words, corrected_bits, detected."""
    role_of = {tensor.name: tensor.role for tensor in tensors}
    rows = [
        {
            "role": role_of[report.group.tensors[0]],
            "words": report.words,
            "clean": report.words - report.corrected_words - len(report.detected),
            "corrected_words": report.corrected_words,
            "corrected_bits": report.corrected_bits,
            "detected": len(report.detected),
        }
        for report in reports
    ]
    table = pd.DataFrame(rows).groupby("role", sort=False).sum().reset_index()
    total = pd.DataFrame([{"role": "total", **table.drop(columns="role").sum().to_dict()}])
    return pd.concat([table, total], ignore_index=True)


def beyond_repair(reports: Sequence[GroupReport]) -> list[tuple[str, int]]:
    """Tensor, or BatchNorm with its tensors, and index (of the value, or of the channel) of every detected word."""
    return [(group_name(report.group), int(index)) for report in reports for index in report.detected]


def group_name(group: Group) -> str:
    """The tensor's name; for a BatchNorm its own name with those of its four tensors."""
    if len(group.tensors) == 1:
        return group.tensors[0]
    owner = group.tensors[0].rpartition(".")[0]
    return f"{owner}.({', '.join(BATCHNORM_TENSORS)})" if owner else f"({', '.join(BATCHNORM_TENSORS)})"


def code_title(code: LinearCode) -> str:
    """[n,k,d]."""
    return f"[{code.n},{code.k},{code.d}]"


def _layout_names(group: Group) -> list[str]:
    if group.span != "fused":
        return list(group.tensors)
    owner = group.tensors[0].rpartition(".")[0]
    return [f"{owner} scale".lstrip(), f"{owner} shift".lstrip()]
