"""What code words beyond repair cost, by role and by what replaces them: failed_words.csv."""

import numpy as np

from sparebits.evaluation import Variant
from sparebits.faults.patterns import exact_flips
from sparebits.parameters import FlatParameters
from sparebits.protection.encoding import decode_group, encode_group, restore_group
from sparebits.protection.fitting import fit_scheme
from sparebits.protection.plan import Plan
from sparebits.protection.scheme import Scheme
from sparebits.selection.layout_stage import tensors_of
from sparebits.selection.options import CHANNEL_DATA_BITS, reference_option

FRACTIONS = (1e-3, 1e-2, 1e-1)
"""Of a role's code words that fail, at least one each."""

SAMPLES = 5
"""Of failing code words, for each span, policy and fraction."""

REPLACEMENTS = {"weights": "zero", "batchnorm": "median", "other": "median"}
"""What replaces a word where its posterior mean does not: a zero among a BatchNorm's values can destroy a network."""


def failed_word_variants(parameters: FlatParameters, role: str, ber: float, seed: int) -> list[Variant]:
    """One variant a span, policy, fraction and trial.

    In a random sample of the role's code words t + 1 bits are flipped, one more than the reference code corrects and
    few enough to be detected; decoded, these words become what the policy says. All other words are untouched. The same
    words and flips meet every policy.

    Args:
        parameters: of the network.
        role: whose words fail.
        ber: bit error rate that posterior means assume.
        seed: of the samples.
    """
    variants = []
    for span in _spans(parameters, role):
        schemes = {policy: _scheme(parameters, role, span, policy) for policy in _policies(role, span)}
        words = _code_words(parameters, schemes["keep"])
        for failed in sorted({max(1, round(fraction * words)) for fraction in FRACTIONS}):
            for trial in range(SAMPLES):
                for policy, scheme in schemes.items():
                    columns = {
                        "role": role,
                        "policy": policy,
                        "fraction": failed / words,
                        "trial": trial,
                        "seed": seed,
                        "span": span,
                        "failed": failed,
                        "code_words": words,
                    }
                    name = f"failed/{role}/{span}/{policy}/{failed}/{trial}"
                    variants.append(Variant(name, columns, _failing(parameters, scheme, failed, ber, (seed, trial))))
    return variants


def _spans(parameters: FlatParameters, role: str) -> tuple[str, ...]:
    joint = role == "batchnorm" and 4 * parameters.fmt.width in CHANNEL_DATA_BITS["channel"]
    return ("word", "channel") if joint else ("word",)


def _policies(role: str, span: str) -> tuple[str, ...]:
    """What is measured: "keep", which stands for miscorrected words; posterior means are for single words."""
    return ("keep", REPLACEMENTS[role], "posterior mean") if span == "word" else ("keep", REPLACEMENTS[role])


def _scheme(parameters: FlatParameters, role: str, span: str, policy: str) -> Scheme:
    fmt = parameters.fmt
    other = reference_option("other", "word", fmt).role_plan(policy if span == "word" else "median")
    plan = Plan({"other": other, role: reference_option(role, span, fmt).role_plan(policy)})
    return fit_scheme(plan, tensors_of(parameters.tensors, role), parameters.golden, fmt)


def _code_words(parameters: FlatParameters, scheme: Scheme) -> int:
    values = {tensor.name: tensor.values for tensor in parameters.tensors}
    return sum(values[group.tensors[0]] for group in scheme.groups)


def _failing(parameters: FlatParameters, scheme: Scheme, failed: int, ber: float, seed: tuple[int, int]):
    spans = {tensor.name: tensor.span for tensor in parameters.tensors}

    def altered() -> np.ndarray:
        random = np.random.default_rng(seed)
        chosen = np.sort(random.choice(_code_words(parameters, scheme), failed, replace=False))
        words, start = parameters.golden.copy(), 0
        for group in scheme.groups:
            own = [spans[name] for name in group.tensors]
            count = own[0].stop - own[0].start
            failing = chosen[(chosen >= start) & (chosen < start + count)] - start
            start += count
            if not len(failing):
                continue
            stored = encode_group(group, [parameters.golden[span] for span in own])
            flips = exact_flips(random, len(failing), group.code.t + 1, group.code.n, parameters.fmt.width)
            for part, flipped in zip(stored, flips.T, strict=True):
                part[failing] ^= flipped
            restored = restore_group(group, decode_group(group, stored), stored, ber)
            for span, part in zip(own, restored, strict=True):
                words[span][failing] = part[failing]
        return words

    return altered
