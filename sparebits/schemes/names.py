"""Names of schemes that results are read by, without what builds them."""

CHOSEN, GENTLE, CLIPPED = "chosen", "gentle", "chosen + range restriction"
OURS = (CHOSEN, GENTLE, CLIPPED)
"""What is ours: the chosen scheme, the one chosen for a low bit error rate, and the first with clipped activations."""
PARTS = ("unprotected", "truncate-only", "force-only", "same-layout repetition")
"""What our scheme consists of, or builds on; not published, though the strongest may be the best rival."""
EQUAL_MEMORY = ("int8 three times", "bfloat16 + code")
"""What an engineer might make of the same memory; not published."""
POLICIES = ("keep", "zero", "median", "posterior mean")


def base_name(scheme: str) -> str:
    """The scheme's name without the policy that may follow: "thesis" of "thesis, zero"."""
    name, _, policy = scheme.rpartition(", ")
    return name if policy in POLICIES else scheme


def is_published(scheme: str) -> bool:
    """Whether it is a published scheme, with whatever policy."""
    return base_name(scheme) not in (*OURS, *PARTS, *EQUAL_MEMORY)
