"""Schemes for checkpoint files, by what the file tells of its network."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sparebits.errors import InputError
from sparebits.networks import HEADER, load_network
from sparebits.parameters import ParameterTensor
from sparebits.protection.checkpoint import Checkpoint
from sparebits.protection.fitting import fit_scheme
from sparebits.protection.plan import Plan
from sparebits.protection.scheme import Scheme
from sparebits.protection.windows import batchnorm_eps, words_of_window


@dataclass(frozen=True)
class Fitted:
    """A scheme, and the words that it was fitted to and is to store: (values,), where the tensors say."""

    scheme: Scheme
    tensors: Sequence[ParameterTensor]
    words: np.ndarray


def fit_to_file(plan: Plan, path: str | Path, checkpoint: Checkpoint) -> Fitted:
    """Fit a plan to a checkpoint file.

    A plan that fuses scale and shift, or has powers of two taken out of channels, needs the network itself. A file that
    the workflow prepared, results/NETWORK/network.safetensors, says how to build it.

    Raises:
        InputError: the plan does not suit the file.
    """
    fuses = any(role_plan.span == "fused" for role_plan in plan.roles.values())
    if fuses or plan.window != "tensor":
        if HEADER not in checkpoint.file.metadata:
            what = "fuses scale and shift of BatchNorms" if fuses else "scales channels"
            raise InputError(
                f"{path}: the plan {what}, for which the network must be known, and a bare checkpoint does not tell "
                "it; protect the results/NETWORK/network.safetensors of the workflow, or leave the selection out"
            )
        parameters = load_network(path)
        tensors, words = parameters.tensors, words_of_window(plan.window, parameters)
        eps = batchnorm_eps(parameters.model)
    else:
        tensors, words, eps = checkpoint.tensors, checkpoint.words, {}
    try:
        return Fitted(fit_scheme(plan, tensors, words, checkpoint.fmt, eps), tensors, words)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
