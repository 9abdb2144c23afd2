"""Which bits of each tensor are spare, and what the thesis would protect with what is spare."""

import pandas as pd

from sparebits.choices import Choice
from sparebits.codes.sizes import hamming_check_bits
from sparebits.formats import FloatFormat

CLASSES = ("invariant", "forced", "irrelevant", "protected")
GROUPS = ("below", "above", "mixed", "network")
RULES = ("thesis", "derived")


def invariant_bits(bits: pd.DataFrame) -> dict[str, set[int]]:
    """By kind, the bits that are 0 or 1 in every word of the kind, from bits.csv (thesis Table 17)."""
    kinds = bits[bits["kind"] != "all"]
    fixed = kinds[(kinds["zeros"] == 0) | (kinds["ones"] == 0)]
    return {kind: set(fixed.loc[fixed["kind"] == kind, "bit"]) for kind in kinds["kind"].unique()}


def forced_positions(group: str, rule: str, forced: int, free: int, fmt: FloatFormat) -> set[int]:
    """The exponent bits that rounding fixes in a tensor of a group (thesis 3.8.1, Figures 6 and 8).

    Args:
        group: "below", "above" or "mixed".
        rule: in mixed tensors "thesis" forces nothing; "derived" keeps the leading exponent bit, whose complement the
            next ones are.
        forced: leading exponent bits that the floor fixes.
        free: leading exponent bits that the network's largest exponent leaves free.
    """
    top = fmt.sign_bit - 1
    if group == "below":
        return set(range(top, top - forced, -1))
    both = min(forced, free)
    if group == "above":
        return set(range(top, top - both, -1))
    return set(range(top - 1, top - both, -1)) if rule == "derived" else set()


def free_bits(largest: int, fmt: FloatFormat) -> int:
    """Leading exponent bits that are free to fix at 1 0...0, given the largest exponent field (thesis Table 18).

    All of them if no exponent reaches 0x80 (in binary32), otherwise those above the highest bit in which one differs.
    """
    if largest < fmt.leading_exponent:
        return fmt.exponent_bits
    return fmt.exponent_bits - (largest - fmt.leading_exponent).bit_length()


def network_free_bits(tensors: pd.DataFrame, fmt: FloatFormat) -> int:
    """Leading exponent bits of a network that are free to fix, from tensors.csv (thesis Table 18)."""
    return free_bits(int(tensors["max_exponent"].max()), fmt)


def free_bits_table(tensors: pd.DataFrame, fmt: FloatFormat) -> pd.DataFrame:
    """free_bits.csv: a network's largest exponent and the leading bits that it leaves free, from tensors.csv."""
    largest = int(tensors["max_exponent"].max())
    row = {"max_exponent": largest, "free_bits": free_bits(largest, fmt), "format": fmt.name}
    return pd.DataFrame([row])


def classify_bits(tensors: pd.DataFrame, bits: pd.DataFrame, choice: Choice, fmt: FloatFormat) -> pd.DataFrame:
    """bit_classes.csv: the first of CLASSES that applies to each bit of each tensor.

    `class` follows the derived rule, `thesis_class` the thesis'.
    """
    invariant = invariant_bits(bits)
    free = network_free_bits(tensors, fmt)
    rows = []
    for tensor in tensors.itertuples():
        forced = {rule: forced_positions(tensor.group, rule, choice.forced_bits(fmt), free, fmt) for rule in RULES}
        for bit in range(fmt.width):
            classes = {rule: _class_of(bit, invariant[tensor.kind], forced[rule], choice.depth) for rule in RULES}
            rows.append(
                (tensor.tensor, tensor.kind, bit, classes["derived"], classes["thesis"], tensor.group, fmt.name)
            )
    return pd.DataFrame(rows, columns=["tensor", "kind", "bit", "class", "thesis_class", "group", "format"])


def _class_of(bit: int, invariant: set[int], forced: set[int], depth: int) -> str:
    if bit in invariant:
        return "invariant"
    if bit in forced:
        return "forced"
    return "irrelevant" if bit <= depth else "protected"


def choose_ecc(tensors: pd.DataFrame, choice: Choice, fmt: FloatFormat) -> pd.DataFrame:
    """ecc.csv: data and spare bits, and the sizes of the Hamming and SEC-DED codes, by group and rule.

    The row (network, thesis) is the thesis' Table 21: bits that the floor and the largest exponent allow to fix, as if
    no tensor were mixed. The row (network, derived) is what every tensor of the network can bear. Invariant bits of
    single kinds (the sign of variances) are not counted, as in the thesis. `tensors` and `values` count the members.
    """
    free = network_free_bits(tensors, fmt)
    forced = choice.forced_bits(fmt)
    present = set(tensors["group"])
    rows = []
    for group in GROUPS:
        members = tensors if group == "network" else tensors[tensors["group"] == group]
        for rule in RULES:
            if group != "network":
                fixed = len(forced_positions(group, rule, forced, free, fmt))
            elif rule == "thesis":
                fixed = min(forced, free)
            else:
                fixed = min(len(forced_positions(g, rule, forced, free, fmt)) for g in present)
            spare = fixed + choice.irrelevant_bits
            data = fmt.width - spare
            rows.append(
                {
                    "group": group,
                    "rule": rule,
                    "forced_bits": fixed,
                    "irrelevant_bits": choice.irrelevant_bits,
                    "spare_bits": spare,
                    "data_bits": data,
                    "hamming_n": data + hamming_check_bits(data),
                    "secded_n": data + hamming_check_bits(data) + 1,
                    "format": fmt.name,
                    "tensors": len(members),
                    "values": int(members["values"].sum()),
                }
            )
    return pd.DataFrame(rows)
