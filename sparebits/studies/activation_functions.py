"""Which activation functions a network has, and which of them are transcendental."""

from torch import nn

from sparebits.engine.graph import Graph, NotTraceable

PIECEWISE_LINEAR = {"relu", "relu6", "leakyrelu", "prelu", "hardtanh", "hardsigmoid", "hardswish"}
TRANSCENDENTAL = {"tanh", "sigmoid", "softplus", "elu", "selu", "celu", "gelu", "silu", "mish", "logsigmoid"}
"""By the names of torch's modules and functions, in small letters without underscores."""


def activation_of(model: nn.Module) -> str:
    """The activation functions that a model computes, by name, joined by "+" in the order of their first use."""
    try:
        named = [step.layer_type for step in Graph(model).steps]
    except NotTraceable:
        named = [type(module).__name__ for module in model.modules()]
    plain = [name.lower().replace("_", "") for name in named]
    return "+".join(dict.fromkeys(name for name in plain if name in PIECEWISE_LINEAR | TRANSCENDENTAL)) or "none"


def is_transcendental(activation: str) -> bool:
    """Whether any of the functions that `activation_of` names is."""
    return bool(TRANSCENDENTAL & set(activation.split("+")))
