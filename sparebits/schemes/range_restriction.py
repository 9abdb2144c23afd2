"""Range restriction: the output of every layer is clipped to what calibration images gave.

Source: Z. Chen, G. Li, K. Pattabiraman, "A low-cost fault corrector for deep neural networks through range restriction"
(Ranger), DSN 2021, which clips to the bound; L.-H. Hoang, M. A. Hanif, M. Shafique, "FT-ClipAct", DATE 2020, which sets
to zero what is above it. Here, as in Ranger, values are clipped to the smallest and the largest output of each layer
over the calibration images; NaN become 0. All layers without sublayers are clipped, so that it does not matter whether
an activation is a module or a function. The words themselves are stored as another scheme stores them, or unprotected.

The bounds are the scheme's metadata. In binary32 they would be lost as easily as weights, so they are kept as well as
the metadata of other schemes: rounded outwards to bfloat16, each in [32,16,8], three times. A bound that cannot be read
is none.
"""

import numpy as np

from sparebits.codes.catalogue import named_code
from sparebits.codes.linear import LinearCode
from sparebits.decoding.bounded_distance import decoder_for
from sparebits.evaluation import Evaluator, batches
from sparebits.faults.ber import METADATA
from sparebits.formats import FORMATS
from sparebits.parameters import doubles_of
from sparebits.schemes.clipping import clippable_modules, observed
from sparebits.schemes.stored import Forgery, Memory, Reading, StoredNetwork

CODE = "extended-bch(32,16)"
COPIES = 3
_BFLOAT16 = FORMATS["bfloat16"]


class RangeRestricted(StoredNetwork):
    """Another scheme's words, and bounds of the layers' outputs beside them."""

    def __init__(self, name: str, inner: StoredNetwork, bounds: np.ndarray):
        """Store the bounds beside what another scheme stores.

        Args:
            name: of the scheme.
            inner: how the words are stored.
            bounds: of each of `clippable_modules`, float64 (modules, 2).
        """
        self._inner = inner
        own = np.tile(decoder_for(named_code(CODE)).encode(_outwards(bounds).reshape(-1)), COPIES)
        others = inner.memory.get(METADATA, np.empty(0, dtype=np.uint32))
        self._split = len(others)
        memory = {**inner.memory, METADATA: np.concatenate([others, own])}
        super().__init__(name, inner.layout, inner.code, inner.decoder, inner.policy, memory)

    def read(self, memory: Memory) -> Reading:
        metadata = memory[METADATA]
        inner = {plane: words for plane, words in memory.items() if plane in self._inner.memory}
        if METADATA in inner:
            inner[METADATA] = metadata[: self._split]
        reading = self._inner.read(inner)
        a, b, c = metadata[self._split :].reshape(COPIES, -1)
        decoder = decoder_for(named_code(CODE))
        found = decoder.decode(a & b | a & c | b & c)
        # Of a bound that cannot be read nobody knows which of its bits are wrong.
        wrong = sum(np.bitwise_count(copy ^ decoder.encode(found.data)).astype(int) for copy in (a, b, c))
        wrong[found.detected] = 0
        bounds = doubles_of(found.data.astype(np.uint16), _BFLOAT16)
        bounds[found.detected] = np.nan
        return Reading(
            reading.words,
            reading.corrected_bits + int(wrong.sum()),
            reading.corrected_words,
            reading.detected,
            _without_nan(bounds),
        )

    @property
    def code_word_of(self) -> np.ndarray | None:
        return self._inner.code_word_of

    @property
    def coded_words(self) -> list[tuple[LinearCode, str, int]]:
        return self._inner.coded_words

    def forgeries(self, index: int) -> list[Forgery]:
        return self._inner.forgeries(index)


def calibrate(evaluator: Evaluator, indices: np.ndarray) -> np.ndarray:
    """The smallest and the largest output of each of `clippable_modules` over some images, float64 (modules, 2)."""
    model = evaluator.parameters.model
    evaluator.parameters.load(evaluator.parameters.golden)
    with observed(model, clippable_modules(model)) as bounds:
        for batch in batches(len(indices), evaluator.engine.batch_size):
            evaluator.logits(indices[batch])
    return bounds


def _outwards(bounds: np.ndarray) -> np.ndarray:
    """Bounds as bfloat16 words, uint16, none of them tighter than before."""
    with np.errstate(over="ignore"):
        singles = bounds.astype(np.float32)
    low, high = singles[:, 0], singles[:, 1]
    low = np.where(low > bounds[:, 0], np.nextafter(low, np.float32(-np.inf)), low)
    high = np.where(high < bounds[:, 1], np.nextafter(high, np.float32(np.inf)), high)
    exact = np.stack([low, high], axis=1).view(np.uint32)
    cut = (exact >> np.uint32(16)).astype(np.uint16)
    # Away from zero is one more in the magnitude, whatever the sign.
    rest = (exact & np.uint32(0xFFFF)) != 0
    low = cut[:, 0] + (rest[:, 0] & (low < 0))
    high = cut[:, 1] + (rest[:, 1] & (high > 0))
    return np.stack([low, high], axis=1).astype(np.uint16)


def _without_nan(bounds: np.ndarray) -> np.ndarray:
    """Bounds (modules, 2) in which one that is not known does not clip."""
    bounds = bounds.reshape(-1, 2).copy()
    bounds[:, 0] = np.where(np.isnan(bounds[:, 0]), -np.inf, bounds[:, 0])
    bounds[:, 1] = np.where(np.isnan(bounds[:, 1]), np.inf, bounds[:, 1])
    return bounds
