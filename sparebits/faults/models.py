"""The fault models, by the name that a config gives them."""

from dataclasses import MISSING, fields

from sparebits.errors import InputError, nearest
from sparebits.faults.base import FaultModel
from sparebits.faults.cells import MultipleBits, SingleBit, StuckAt
from sparebits.faults.entries import check_keys
from sparebits.faults.neighbours import Burst, ColumnCluster, RowCluster, WipedWords
from sparebits.faults.rates import AccumulatingStuckAt, Asymmetric, BitErrorRate

MODELS: dict[str, type[FaultModel]] = {
    model.name: model
    for model in (
        SingleBit,
        MultipleBits,
        Burst,
        StuckAt,
        BitErrorRate,
        Asymmetric,
        AccumulatingStuckAt,
        RowCluster,
        ColumnCluster,
        WipedWords,
    )
}


def model_from_dict(entry: dict | str) -> FaultModel:
    """The fault model of a config's entry, such as {model: burst, length: 8}; a bare name stands for one without keys.

    Raises:
        InputError: an unknown model or key, a missing key, or a value out of its range.
    """
    if isinstance(entry, str):
        entry = {"model": entry}
    if not isinstance(entry, dict) or "model" not in entry:
        raise InputError(f"a fault model has the key model, one of {', '.join(MODELS)}; got {entry!r}")
    name = entry["model"]
    if not isinstance(name, str) or name not in MODELS:
        raise InputError(f"there is no fault model {name}; there are {', '.join(MODELS)}{nearest(str(name), MODELS)}")
    model = MODELS[name]
    parameters = {key: value for key, value in entry.items() if key != "model"}
    check_keys(f"fault model {name}", parameters, [field.name for field in fields(model)])
    missing = [field.name for field in fields(model) if field.default is MISSING and field.name not in parameters]
    if missing:
        raise InputError(f"fault model {name}: the key {', '.join(missing)} is missing")
    return model(**parameters)
