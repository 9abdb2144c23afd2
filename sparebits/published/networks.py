"""Which networks of a config are the thesis', by architecture and by weights, and which of their results compare."""

ARCHITECTURES = (
    "googlenet",
    "inception_v3",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "mobilenet_v3_large",
    "resnet50",
    "shufflenet_v2_x2_0",
)
"""Of torchvision, as the thesis' networks use them."""
CLASSES = 1000
WEIGHT_TABLES = ("bits", "exponents", "tensors")
"""Results that need only weights, and are compared with the thesis' tables."""
IMAGE_TABLES = ("golden", "lsb", "rounding", "combined", "ecc")
"""Results that need images, too."""
EXACT, WITHIN, DIFFERS = "exact", "within sampling error", "differs"
VERDICTS = (EXACT, WITHIN, DIFFERS)
"""On a measured figure beside a published one."""
_FORMAT = "float32"
_AUXILIARY = {"googlenet": False, "inception_v3": True}
"""Whether the published weights are built with the heads that serve training only; torchvision's default is True."""


def has_published_architecture(network: dict) -> bool:
    """Whether an entry of `networks` in a config, defaults filled in, is built as one of the thesis' is.

    Arguments that change neither shapes nor the number of tensors do not matter.
    """
    source, _, name = network["architecture"].partition(":")
    if source != "torchvision" or name not in ARCHITECTURES:
        return False
    arguments = network["arguments"]
    known = {"num_classes", "aux_logits", "init_weights", "transform_input", "dropout", "dropout_aux"}
    if set(arguments) - known or arguments.get("num_classes", CLASSES) != CLASSES:
        return False
    # Where the arguments do not say, torchvision's published weights do (sparebits.construction).
    return arguments.get("aux_logits", _AUXILIARY.get(name)) == _AUXILIARY.get(name)


def published_weights(network: dict) -> str | None:
    """The torchvision enum of an entry whose weights, in the thesis' format, torchvision publishes; None for others.

    Local files count by the name under which they are published.
    """
    if network["dtype"] != _FORMAT or network["arguments"].get("transform_input") is False:
        return None
    # Takes seconds to import, which reading the config need not wait for.
    from sparebits.weights import weights_enum

    enum = weights_enum(network["weights"], network["architecture"])
    return None if enum is None else str(enum)
