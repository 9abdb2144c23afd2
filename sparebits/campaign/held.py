"""What schemes hold in a campaign: the bit error rate up to which no trial dropped by more than a percentage point."""

import numpy as np
import pandas as pd

from sparebits.schemes.names import OURS

HELD_WITHIN_PP = 1.0
"""A scheme holds a bit error rate if at it and every lower one no trial dropped by more percentage points."""


def independent_flips(campaign: pd.DataFrame) -> pd.DataFrame:
    """The rows of campaign.csv at bit error rates over the whole network, which is what schemes are said to hold."""
    return campaign[(campaign["fault_model"] == "ber") & (campaign["target"] == "all")]


def held_ber(trials: pd.DataFrame, most_drop_pp: float = HELD_WITHIN_PP) -> float:
    """The highest bit error rate such that at it and every lower one no trial dropped by more; 0 if there is none."""
    worst = trials[trials["ber"] > 0].groupby("ber")["drop_pp"].max().sort_index()
    held = worst[np.minimum.accumulate(worst.to_numpy() <= most_drop_pp)]
    return float(held.index.max()) if len(held) else 0.0


def best_rival(campaign: pd.DataFrame) -> str | None:
    """Of the schemes that are not ours the one that holds the highest bit error rate.

    Of equals the one that stayed longest, then the one whose mean drop is least, both at the rates above.

    Args:
        campaign: campaign.csv of one network.
    """
    flips = independent_flips(campaign)
    order = []
    for scheme, rows in flips.groupby("scheme", sort=False):
        if scheme not in OURS:
            held = held_ber(rows)
            above = rows[rows["ber"] > held]
            last = above["ber"].max() if len(above) else held
            order.append((held, last, -above["drop_pp"].mean() if len(above) else 0.0, scheme))
    return max(order)[3] if order else None
