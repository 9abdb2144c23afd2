"""A scheme in the metadata of a safetensors file: a description in JSON, and the records of bases and medians."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sparebits.errors import InputError
from sparebits.formats import FloatFormat
from sparebits.parameters import ParameterTensor
from sparebits.protection.records import groups_of_text, records_text
from sparebits.protection.scheme import Group, Scheme, group_from_dict

DESCRIPTION = "sparebits.protection"
RECORDS = "sparebits.records"
VERSION = 2


@dataclass(frozen=True)
class Protection:
    """What a file says of its protection.

    Attributes:
        tied: further names of tensors in the original, and the name under which each is in the file.
        outvoted_bits: bits of the records' text that differed from what the three copies say together.
    """

    scheme: Scheme
    tied: dict[str, str]
    outvoted_bits: int


def is_protected(metadata: Mapping[str, str]) -> bool:
    """Whether a file's metadata describe a protection."""
    return DESCRIPTION in metadata or RECORDS in metadata


def without_protection(metadata: Mapping[str, str]) -> dict[str, str]:
    """The other metadata."""
    return {key: value for key, value in metadata.items() if key not in (DESCRIPTION, RECORDS)}


def protection_metadata(scheme: Scheme, tied: Mapping[str, str]) -> dict[str, str]:
    """The two entries of metadata that describe a scheme.

    The description lists each code, decoder, policy and layout once, with the tensors of all groups that have them.
    """
    alike: dict[str, list[Group]] = {}
    for group in scheme.groups:
        alike.setdefault(json.dumps(_settings(group)), []).append(group)
    description = {
        "version": VERSION,
        "dtype": scheme.fmt.dtype,
        "groups": [
            {**json.loads(settings), "tensors": [list(group.tensors) for group in groups]}
            for settings, groups in alike.items()
        ],
    }
    if tied:
        description["tied"] = dict(tied)
    in_order = [group for groups in alike.values() for group in groups]
    return {
        DESCRIPTION: json.dumps(description, separators=(",", ":")),
        RECORDS: records_text(in_order),
    }


def read_protection(
    metadata: Mapping[str, str], tensors: Sequence[ParameterTensor], fmt: FloatFormat, names: Collection[str]
) -> Protection:
    """The inverse of `protection_metadata`, checked against the tensors of the file.

    Args:
        names: of all tensors in the file, those of integers too.

    Raises:
        InputError: the metadata are of another version, damaged, or do not describe these tensors.
    """
    description = description_of(metadata, VERSION, f"this sparebits reads {VERSION}", fmt)
    if not isinstance(description.get("groups"), list):
        raise InputError(f"its {DESCRIPTION} is not a mapping with a list of groups; it is damaged or foreign")
    templates = [group_from_dict(template, fmt) for entry in description["groups"] for template in _templates(entry)]
    check_coverage([name for group in templates for name in group.tensors], tensors)
    shapes = {tensor.name: tensor.shape for tensor in tensors}
    for group in templates:
        if len({shapes[name] for name in group.tensors}) > 1:
            raise InputError(f"the tensors {', '.join(group.tensors)} share a code but have several shapes")
    groups, outvoted = groups_of_text(metadata[RECORDS], templates)
    return Protection(Scheme(fmt, groups), tied_names(description, names), outvoted)


def description_of(metadata: Mapping[str, str], version: int, expected: str, fmt: FloatFormat) -> dict:
    """The description in a file's metadata, of this version and for tensors of this format.

    Args:
        expected: what is said of another version.

    Raises:
        InputError: there is none, or it is damaged, or of another version or format.
    """
    description = parsed_description(metadata)
    if description.get("version") != version:
        raise InputError(
            f"its protection is of version {description.get('version')!r}, {expected}; use the sparebits that wrote "
            "it, or protect the original again"
        )
    if description.get("dtype") != fmt.dtype:
        raise InputError(f"it was protected as {description.get('dtype')}, but its tensors are {fmt.dtype}")
    return description


def parsed_description(metadata: Mapping[str, str]) -> dict:
    """The description in a file's metadata, of any version.

    Raises:
        InputError: there is none, or it is damaged.
    """
    if not (DESCRIPTION in metadata and RECORDS in metadata):
        raise InputError(f"it is not protected: its metadata have no {DESCRIPTION} and {RECORDS}; protect it first")
    try:
        description = json.loads(metadata[DESCRIPTION])
    except (ValueError, RecursionError):
        raise InputError(f"its {DESCRIPTION} is not JSON; it is damaged") from None
    if not isinstance(description, dict):
        raise InputError(f"its {DESCRIPTION} is not a mapping; it is damaged or foreign")
    return description


def tied_names(description: dict, names: Collection[str]) -> dict[str, str]:
    """Further names of tensors in the original, and the name, one of these, under which each is in the file.

    Raises:
        InputError: the description says something else.
    """
    tied = description.get("tied", {})
    firsts = list(tied.values()) if isinstance(tied, dict) else [None]
    if not all(isinstance(first, str) and first in names for first in firsts) or set(tied) & set(names):
        raise InputError("the names of its tied tensors are not understood")
    return tied


def check_coverage(names: Sequence[str], tensors: Sequence[ParameterTensor]) -> None:
    """Raise InputError unless these are the names of the tensors, each once."""
    present = {tensor.name for tensor in tensors}
    for what, which in (
        ("protects a tensor twice", {name for name in names if names.count(name) > 1}),
        ("protects a tensor that it does not hold", set(names) - present),
        ("does not protect a tensor that it holds", present - set(names)),
    ):
        if which:
            raise InputError(f"it {what}: {min(which)}; it was written by something else or is damaged")


def _settings(group: Group) -> dict:
    """What describes a group besides its tensors and its records; a layout's base is left open."""
    entry = group.as_dict()
    layouts = [{**layout, "base": None} if "base" in layout else layout for layout in entry["layouts"]]
    return {key: entry[key] for key in ("code", "decoder", "policy", "eps")} | {"layouts": layouts}


def _templates(entry: dict) -> list[dict]:
    """The groups of an entry as `group_from_dict` takes them, with zeros for what the records hold."""
    try:
        layouts = [{**layout, "base": 0} if "base" in layout else layout for layout in entry["layouts"]]
        settings = {key: entry[key] for key in ("code", "decoder", "policy", "eps")}
        settings |= {"layouts": layouts, "medians": [0] * len(layouts)}
        return [{**settings, "tensors": [str(name) for name in names]} for names in entry["tensors"]]
    except (KeyError, TypeError) as error:
        raise InputError(f"its entry for a group is not understood ({type(error).__name__}: {error})") from None
