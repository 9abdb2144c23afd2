"""What protection would do for networks that are too large, or not at hand, to be measured: a prediction.

Failure probabilities of code words are exact, or upper bounds; what failed words of weights cost is taken from networks
that were measured, at the same fraction of their words. What a layout costs without faults takes images to tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.stats import binom

from sparebits.codes.catalogue import best_code, named_code
from sparebits.codes.linear import LinearCode
from sparebits.codes.probabilities import nearest_error_bound, probability_not_corrected
from sparebits.construction import build_architecture
from sparebits.costs.expected import probability_dirty
from sparebits.parameters import parameter_tensors

WEIGHTS_CODE, BATCHNORM_CODE = "reed-muller(32,6)", "extended-bch(128,29)"
"""Chosen for most measured networks: weights beyond repair become their posterior mean, BatchNorms the nearest word."""
BASE_BITS = 8
"""Of a base, which a layout's metadata keep three times in 32 bits."""
COPIES = 3


@dataclass(frozen=True)
class Words:
    """How many code words a network has.

    Attributes:
        values: of all parameter tensors.
        weights: values in code words of their own, biases among them.
        channels: of BatchNorms, a code word each.
        layouts: with a base of their own.
    """

    values: int
    weights: int
    channels: int
    layouts: int


def words_of_architecture(architecture: str) -> Words:
    """Counted on an architecture without weights, such as "torchvision:resnet50"."""
    with torch.device("meta"):
        tensors = parameter_tensors(build_architecture(architecture, {"weights": None}, "."))
    channels = sum(tensor.values for tensor in tensors if tensor.kind == "running_var")
    norms = sum(tensor.kind == "running_var" for tensor in tensors)
    values = sum(tensor.values for tensor in tensors)
    others = [tensor for tensor in tensors if tensor.role != "batchnorm"]
    # Scale and shift of a BatchNorm have a layout each.
    return Words(values, values - 4 * channels, channels, len(others) + 2 * norms)


def predict(network: str, words: Words, bers: Sequence[float], failed_words: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """What is expected of a network under independent flips.

    Args:
        network: its name.
        words: that it has.
        bers: bit error rates.
        failed_words: failed_words.csv of measured networks.

    Returns:
        a row a rate: network, values, ber, batchnorm_fails (upper bound of the probability that the word of any channel
        is read wrong), base_fails (the same of any base), weights_beyond (share of weights beyond repair),
        weights_loss_pp (the largest that a measured network is expected to lose with at least that share of its weights
        at their posterior mean), collapse (upper bound of the probability that a channel or a base is wrong).
    """
    weights, norm = named_code(WEIGHTS_CODE), named_code(BATCHNORM_CODE)
    base = best_code(32, BASE_BITS)
    rows = []
    for ber in bers:
        channel = probability_dirty(words.channels, nearest_error_bound(norm, ber))
        wrong_base = probability_dirty(words.layouts, repeated_error_bound(base, COPIES, ber))
        beyond = probability_not_corrected(weights, ber)
        rows.append(
            {
                "network": network,
                "values": words.values,
                "ber": ber,
                "batchnorm_fails": channel,
                "base_fails": wrong_base,
                "weights_beyond": beyond,
                "weights_loss_pp": max(_loss_at(table, beyond) for table in failed_words),
                "collapse": min(1.0, channel + wrong_base),
            }
        )
    return pd.DataFrame(rows)


def repeated_error_bound(code: LinearCode, copies: int, p: float) -> float:
    """Union bound of the probability that a code word is not the nearest one to its copies together."""
    return min(
        1.0,
        sum(
            count * float(binom.sf((copies * w - 1) // 2, copies * w, p))
            for w, count in enumerate(code.weight_distribution)
            if w and count
        ),
    )


def _loss_at(table: pd.DataFrame, fraction: float) -> float:
    """Mean expected loss at a fraction of weights at their posterior mean; linear between measured ones, and from 0."""
    rows = table[(table["role"] == "weights") & (table["policy"] == "posterior mean")]
    losses = rows.groupby("fraction")["expected_loss_pp"].mean().sort_index()
    return float(np.interp(fraction, [0.0, *losses.index], [0.0, *losses]))
