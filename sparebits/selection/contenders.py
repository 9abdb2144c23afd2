"""A network's words under one scheme or another, ready to be hit."""

from dataclasses import dataclass

import numpy as np

from sparebits.choices import Choice
from sparebits.errors import InputError
from sparebits.parameters import FlatParameters
from sparebits.protection.encoding import protect_words, recover_words
from sparebits.protection.fitting import fit_scheme
from sparebits.protection.plan import Plan
from sparebits.protection.scheme import Scheme
from sparebits.protection.thesis import thesis_scheme
from sparebits.protection.windows import batchnorm_eps, words_of_window


@dataclass(frozen=True)
class Contender:
    """A network's words under one scheme.

    Attributes:
        name: of the scheme, such as "chosen".
        scheme: None where the words are stored as they are.
        stored: the words in memory before any fault, (values,).
        clean: the words that inference computes with where nothing is hit.
    """

    name: str
    scheme: Scheme | None
    stored: np.ndarray
    clean: np.ndarray


def unprotected(parameters: FlatParameters) -> Contender:
    """The network as it is."""
    return Contender("unprotected", None, parameters.golden, parameters.golden)


def planned(name: str, plan: Plan, parameters: FlatParameters) -> Contender:
    """A plan fitted to the network's words, which are first scaled by channel where the plan says so."""
    words = words_of_window(plan.window, parameters)
    eps = batchnorm_eps(parameters.model)
    return _encoded(name, fit_scheme(plan, parameters.tensors, words, parameters.fmt, eps), words, parameters)


def by_thesis(choice: Choice, parameters: FlatParameters) -> Contender | None:
    """The thesis' scheme, double errors kept; None where its code does not fit into the word of some tensor."""
    try:
        scheme = thesis_scheme(choice, "thesis", "keep", parameters.tensors, parameters.golden, parameters.fmt)
    except InputError:
        return None
    return _encoded("thesis", scheme, parameters.golden, parameters)


def _encoded(name: str, scheme: Scheme, words: np.ndarray, parameters: FlatParameters) -> Contender:
    stored = protect_words(scheme, words, parameters.tensors)
    return Contender(name, scheme, stored, recover_words(scheme, stored, parameters.tensors).words)
