"""A scheme: for every parameter tensor its layout, its code, and what becomes of words beyond repair."""

from dataclasses import dataclass
from functools import cached_property

from sparebits.codes.catalogue import named_code
from sparebits.codes.linear import LinearCode
from sparebits.decoding.bounded_distance import LISTED_BITS
from sparebits.errors import InputError
from sparebits.formats import FORMATS, FloatFormat
from sparebits.layouts.layout import Layout, layout_from_dict

DECODERS = ("bounded distance", "maximum likelihood", "majority")
POLICIES = ("keep", "zero", "median", "posterior mean")
"""What a detected word becomes: its data bits as they are, zero, its tensor's median, or its posterior mean."""

BATCHNORM_TENSORS = ("weight", "bias", "running_mean", "running_var")


@dataclass(frozen=True)
class Group:
    """One code over the words that stand at the same index in each of its tensors.

    One tensor: every word is a code word. The four tensors of a BatchNorm: a channel's four words together are one.

    Attributes:
        tensors: names; of the same number of values.
        layouts: one a tensor; of a fused group two, of scale and shift.
        code: with as many data bits as the layouts have together; its words fill the stored words from below.
        decoder: one of DECODERS.
        policy: one of POLICIES.
        medians: data word of the median of each layout's values.
        eps: of a fused group that of its BatchNorm, whose scale = weight / sqrt(var + eps) and shift = bias - mean *
            scale are stored in the place of its four tensors; else None.
    """

    tensors: tuple[str, ...]
    layouts: tuple[Layout, ...]
    code: LinearCode
    decoder: str
    policy: str
    medians: tuple[int, ...]
    eps: float | None = None

    def __post_init__(self):
        data_bits = sum(layout.data_bits for layout in self.layouts)
        width = self.layouts[0].fmt.width * len(self.tensors)
        where = f"the scheme of {', '.join(self.tensors)}"
        expected = (4, 2) if self.eps is not None else (len(self.tensors),) * 2
        if len(self.tensors) not in (1, 4) or (len(self.tensors), len(self.layouts)) != expected:
            raise InputError(
                f"{where}: {len(self.tensors)} tensors and {len(self.layouts)} layouts; expected a layout each for one "
                "tensor or four, or two for four where scale and shift are stored"
            )
        if len(self.medians) != len(self.layouts) or any(
            not 0 <= median < 1 << layout.data_bits for median, layout in zip(self.medians, self.layouts, strict=True)
        ):
            raise InputError(f"{where}: its medians {self.medians} are not a data word of each layout")
        if self.eps is not None and not 0 <= self.eps < float("inf"):
            raise InputError(f"{where}: eps is {self.eps}")
        if data_bits != self.code.k:
            raise InputError(f"{where}: its layouts have {data_bits} data bits, {self.code.name} has {self.code.k}")
        if self.code.n > width:
            raise InputError(f"{where}: {self.code.name} does not fit into {width} bits")
        if self.decoder not in DECODERS or self.policy not in POLICIES:
            raise InputError(
                f"{where}: decoder {self.decoder!r} or policy {self.policy!r} is none of {DECODERS} and {POLICIES}"
            )
        if self.policy == "posterior mean" and (len(self.layouts) > 1 or data_bits > LISTED_BITS):
            raise InputError(
                f"{where}: a posterior mean is computed for codes over single words, of at most {LISTED_BITS} data bits"
            )

    @property
    def span(self) -> str:
        """Whose words make a code word: "word", "channel" (of a BatchNorm), or "fused" (its scale and shift)."""
        if self.eps is not None:
            return "fused"
        return "word" if len(self.tensors) == 1 else "channel"

    def as_dict(self) -> dict:
        """What JSON can hold; `group_from_dict` is the inverse. Bases and medians are in it."""
        return {
            "tensors": list(self.tensors),
            "layouts": [layout.as_dict() for layout in self.layouts],
            "code": self.code.name,
            "decoder": self.decoder,
            "policy": self.policy,
            "medians": list(self.medians),
            "eps": self.eps,
        }


def group_from_dict(entry: dict, fmt: FloatFormat) -> Group:
    """The inverse of `Group.as_dict`.

    Raises:
        InputError: a key is missing, a value is impossible, or layouts and code do not go together.
    """
    try:
        return Group(
            tensors=tuple(entry["tensors"]),
            layouts=tuple(layout_from_dict(layout, fmt) for layout in entry["layouts"]),
            code=named_code(entry["code"]),
            decoder=entry["decoder"],
            policy=entry["policy"],
            medians=tuple(entry["medians"]),
            eps=entry["eps"],
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(f"a scheme's entry is not understood ({type(error).__name__}: {error}): {entry}") from None


@dataclass(frozen=True)
class Scheme:
    """The protection of a whole network.

    Attributes:
        fmt: format of its words.
        groups: in them every parameter tensor stands exactly once.
    """

    fmt: FloatFormat
    groups: tuple[Group, ...]

    def __post_init__(self):
        names = [name for group in self.groups for name in group.tensors]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError(f"the scheme protects {twice[0]} twice")

    @cached_property
    def group_of(self) -> dict[str, Group]:
        """By the name of each tensor its group."""
        return {name: group for group in self.groups for name in group.tensors}

    def as_dict(self) -> dict:
        """What JSON can hold; `scheme_from_dict` is the inverse."""
        return {"dtype": self.fmt.dtype, "groups": [group.as_dict() for group in self.groups]}


def scheme_from_dict(entry: dict) -> Scheme:
    """The inverse of `Scheme.as_dict`.

    Raises:
        InputError: it is none.
    """
    if not isinstance(entry, dict) or entry.get("dtype") not in FORMATS or not isinstance(entry.get("groups"), list):
        raise InputError("a scheme is a mapping with a dtype and a list of groups; this is none")
    fmt = FORMATS[entry["dtype"]]
    return Scheme(fmt, tuple(group_from_dict(group, fmt) for group in entry["groups"]))
