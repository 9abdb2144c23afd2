"""What an alteration may cost, told from how far it moves the logits: finer than counting hits."""

import numpy as np
from scipy.optimize import nnls
from scipy.special import ndtr


def margins_of(logits: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """How far the logit of a class lies above all others: float64 (images,); NaN where a logit is NaN.

    Args:
        logits: (images, classes).
        classes: of each image the class in question, (images,).
    """
    others = logits.astype(np.float64)
    images = np.arange(len(logits))
    own = others[images, classes]
    others[images, classes] = -np.inf
    # Faults make logits infinite; their margins are NaN without a warning.
    with np.errstate(invalid="ignore"):
        return own - others.max(axis=1)


def margin_shift(golden: np.ndarray, altered: np.ndarray) -> float:
    """How far an alteration moves the margins: root mean square of the movement over that of the golden margins.

    It tells alterations apart of which none costs anything. Margins that are not finite are left out; NaN if all are.

    Args:
        golden: margins of the golden run, (images,).
        altered: margins of the same classes after the alteration, (images,).
    """
    finite = np.isfinite(altered)
    if not finite.any() or not golden[finite].any():
        return float("nan")
    return float(np.sqrt(((altered - golden)[finite] ** 2).sum() / (golden[finite] ** 2).sum()))


def expected_lost(golden: np.ndarray, altered: np.ndarray) -> float:
    """How many images are expected to lose their class, if the altered margins are one draw of many alike.

    A count of lost images says nothing finer than one image, and on a few hundred of them most alterations lose none.
    But how much the margins moved tells how many images lie in reach. A margin M is taken to move by a normally
    distributed amount, of a mean linear in M and a variance a + b M^2 with a, b >= 0, both fitted to all images by
    least squares; an image is lost with the probability that its margin falls below 0.

    Args:
        golden: margins of the golden run, of the class that it predicts: >= 0, (images,).
        altered: margins of the same classes after the alteration; what is not finite is lost.
    """
    finite = np.isfinite(altered)
    lost = float(np.count_nonzero(~finite))
    margins, moved = golden[finite], (altered - golden)[finite]
    if len(margins) < 3 or not moved.any():
        return lost
    line = np.stack([np.ones_like(margins), margins], axis=1)
    means = line @ np.linalg.lstsq(line, moved, rcond=None)[0]
    variances = _fitted_variances(margins, (moved - means) ** 2)
    return lost + float(ndtr(-(margins + means) / np.sqrt(variances)).sum())


def _fitted_variances(margins: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """a + b M^2 for each margin, with a, b >= 0, by least squares; rows weigh less the larger they are themselves."""
    rows = np.stack([np.ones_like(margins), margins**2], axis=1)
    unit = max(squares.max(), np.finfo(float).tiny)
    weights = 1 / (margins**2 + 0.05 * (margins**2).mean() + np.finfo(float).tiny)
    weighted = rows * weights[:, None]
    scale = weighted.max(axis=0)
    coefficients, _ = nnls(weighted / scale, squares / unit * weights)
    return np.maximum(rows @ (coefficients / scale) * unit, np.finfo(float).tiny)
