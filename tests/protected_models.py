"""Small models that keep stored words, and their plain twins with what decoding all of these gives."""

import numpy as np
import torch
from torch import nn

import sparebits
from sparebits.faults.ber import ber_mask
from sparebits.formats import FORMATS
from sparebits.parameters import parameter_tensors, values_of, words_of
from sparebits.protection.encoding import recover_words
from sparebits.protection.fitting import fit_scheme
from sparebits.protection.plan import Plan, RolePlan
from sparebits.protection.wrapper import Counts

BATCHNORM_CODES = {"word": "extended-bch(32,11)", "channel": "extended-bch(128,43)", "fused": "extended-bch(128,29)"}


def plan(span: str = "channel", policy: str = "posterior mean", decoder: str = "bounded distance") -> Plan:
    """Of float32 models."""
    word = RolePlan(4, "extended-bch(32,11)", policy, decoder=decoder)
    norm = RolePlan(4, BATCHNORM_CODES[span], "median", span)
    return Plan({"weights": word, "batchnorm": norm, "other": word})


def flat_words(model: nn.Module) -> np.ndarray:
    state = model.state_dict()
    return np.concatenate([words_of(state[tensor.name]) for tensor in parameter_tensors(model)])


def scheme_of(model: nn.Module, plan_of_model: Plan):
    fmt = FORMATS[str(next(model.parameters()).dtype).removeprefix("torch.")]
    eps = {name: module.eps for name, module in model.named_modules() if hasattr(module, "eps")}
    return fit_scheme(plan_of_model, parameter_tensors(model), flat_words(model), fmt, eps)


def protected(model: nn.Module, plan_of_model: Plan, decode_every: int = 1) -> nn.Module:
    return sparebits.protect_module(model, scheme_of(model, plan_of_model), decode_every)


def plain_twin(model: nn.Module, plain: nn.Module):
    """Load a plain copy of a protected model with what decoding all of its stored words gives; also the counts."""
    recovered = recover_words(model.protection.scheme, model.protection.stored_words(), model.protection.tensors)
    state = plain.requires_grad_(False).state_dict()
    for tensor in model.protection.tensors:
        state[tensor.name].copy_(
            values_of(recovered.words[tensor.span], model.protection.scheme.fmt).view(tensor.shape)
        )
    found = Counts(
        sum(report.words for report in recovered.groups),
        recovered.corrected_bits,
        recovered.corrected_words,
        recovered.detected_words,
    )
    return plain, found


def flip(model: nn.Module, ber: float, seed: int = 3) -> np.ndarray:
    """Flip the stored bits of a seeded fault map, which is returned."""
    fmt, values = model.protection.scheme.fmt, sum(tensor.values for tensor in model.protection.tensors)
    mask = ber_mask(seed, 0, values, fmt.width, ber)
    model.protection.flip(mask)
    return mask


def with_values(model: nn.Module) -> nn.Module:
    """In evaluation mode, its BatchNorms as if trained."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight.data, module.running_var):
                values.copy_(torch.rand(values.shape, generator=generator) + 0.5)
            for values in (module.bias.data, module.running_mean):
                values.copy_(torch.randn(values.shape, generator=generator))
    return model.eval()
