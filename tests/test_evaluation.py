"""Predictions over prepared images, against plain torch."""

import numpy as np
import pytest
import torch
from torch import nn

from sparebits.engine.choice import Engine
from sparebits.errors import InputError
from sparebits.evaluation import Evaluator, PreparedImages, Variant, batches, predict_variants
from sparebits.formats import FORMATS
from sparebits.parameters import FlatParameters
from sparebits.predictions import gather_predictions, write_predictions

MEAN, STD = [0.48, 0.45, 0.4], [0.22, 0.23, 0.25]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 10, 11, 255, 256, 257, 258, 512, 513, 1000])
@pytest.mark.parametrize("size", [32, 33, 100, 256])
def test_batches_cover_everything_once_and_are_never_small(count, size):
    found = batches(count, size)
    covered = [i for batch in found for i in range(batch.start, batch.stop)]
    assert covered == list(range(count))
    lengths = [batch.stop - batch.start for batch in found]
    assert min(lengths) >= min(16, count)
    assert max(lengths) <= size


def evaluator_of(model: nn.Module, count: int = 23, batch_size: int = 8, dtype: str = "float32", classes: int = 5):
    """An evaluator of a model over random images of 12 x 10 pixels, each with a colour of its own."""
    generator = np.random.default_rng(3)
    colours = generator.integers(0, 200, size=(count, 1, 1, 3))
    pixels = (colours + generator.integers(0, 56, size=(count, 12, 10, 3))).astype(np.uint8)
    labels = generator.integers(0, classes, count)
    images = PreparedImages(pixels, [f"i{n}" for n in range(count)], labels, MEAN, STD)
    if dtype == "float64":
        model = model.double()
    state = {
        name: value.to(getattr(torch, dtype)) if value.is_floating_point() else value
        for name, value in model.state_dict().items()
    }
    return Evaluator(FlatParameters(model, state), images, Engine(batch_size))


def plain_logits(model: nn.Module, images: PreparedImages, dtype: torch.dtype) -> torch.Tensor:
    """All images in one batch, normalised channel by channel."""
    inputs = torch.empty(len(images.labels), 3, 12, 10, dtype=dtype)
    for channel in range(3):
        values = torch.tensor(images.pixels[..., channel].astype(np.float64), dtype=dtype)
        inputs[:, channel] = (values / 255 - MEAN[channel]) / STD[channel]
    with torch.no_grad():
        return model.eval()(inputs)


@pytest.mark.parametrize("dtype", list(FORMATS))
def test_predictions_are_those_of_plain_torch(network, dtype):
    evaluator = evaluator_of(network, dtype=dtype)
    expected = plain_logits(network, evaluator.images, evaluator.parameters.compute_dtype)
    torch.testing.assert_close(evaluator.logits(np.arange(23)), expected, rtol=1e-5, atol=1e-6)
    predicted = evaluator.predict(evaluator.parameters.golden, np.arange(23))
    assert predicted.dtype == np.uint16
    assert predicted.tolist() == expected.argmax(dim=1).tolist()
    assert len(set(predicted.tolist())) > 1


def test_predictions_follow_the_indices(network):
    evaluator = evaluator_of(network)
    everything = evaluator.predict(evaluator.parameters.golden, np.arange(23))
    indices = np.array([0, 3, 4, 9, 17, 22])
    assert np.array_equal(evaluator.predict(evaluator.parameters.golden, indices), everything[indices])


def test_predictions_are_the_same_for_every_batch_size(network):
    evaluator = evaluator_of(network)
    indices = np.arange(23)
    golden = evaluator.parameters.golden
    for words in (golden, golden ^ np.uint32(1 << 22), golden ^ np.uint32(1 << 31)):
        evaluator.engine = Engine(23)
        one_batch = evaluator.predict(words, indices).tolist()
        for size in (2, 3, 5, 8, 11, 22, 100):
            evaluator.engine = Engine(size)
            assert evaluator.predict(words, indices).tolist() == one_batch, size


def test_variants_are_predicted_in_turn_and_do_not_touch_each_other(network):
    evaluator = evaluator_of(network)
    golden = evaluator.parameters.golden
    flipped = golden ^ np.uint32(1 << 31)
    variants = [Variant("a", {}, lambda: golden), Variant("b", {}, lambda: flipped), Variant("c", {}, lambda: golden)]
    predicted = predict_variants(evaluator, variants, np.arange(23))
    assert predicted.shape == (3, 23)
    assert np.array_equal(predicted[0], predicted[2])
    assert not np.array_equal(predicted[0], predicted[1])


class Fixed(nn.Module):
    """Gives each image the same logits, which are its parameters."""

    def __init__(self, logits):
        super().__init__()
        self.values = nn.Parameter(torch.tensor(logits))

    def forward(self, images):
        return self.values.expand(len(images), -1)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([0.0, 2.0, 1.0], 1),
        ([0.0, INF, NAN], 2),
        ([NAN, 5.0, NAN], 0),
        ([NAN, NAN, NAN], 0),
        ([-INF, -INF, -INF], 0),
        ([1.0, 3.0, 3.0], 1),
    ],
)
def test_nan_logits_follow_argmax_for_which_nan_is_the_largest(logits, expected):
    evaluator = evaluator_of(Fixed(logits), classes=3)
    words = evaluator.parameters.golden
    assert torch.tensor(logits).argmax() == expected
    assert evaluator.predict(words, np.arange(5)).tolist() == [expected] * 5


def test_an_evaluator_that_fits_is_accepted(network):
    evaluator_of(network).check()


def test_a_label_outside_the_classes_is_named_with_its_image(network):
    evaluator = evaluator_of(network)
    evaluator.images.labels[[4, 9]] = [5, 77]
    with pytest.raises(InputError, match="image i4 has label 5, but the network has only the classes 0 to 4") as raised:
        evaluator.check()
    assert "2 images" in str(raised.value)


def test_images_of_a_wrong_shape_are_refused(small_network):
    with pytest.raises(InputError, match="the network does not take images of 12x10x3"):
        evaluator_of(nn.Sequential(nn.Flatten(), nn.Linear(7, 5))).check()


def test_a_network_without_logits_is_refused():
    class Pair(Fixed):
        def forward(self, images):
            return images, images

    for model in (Pair([0.0]), nn.Conv2d(3, 5, 1)):
        with pytest.raises(InputError, match="no logits of shape"):
            evaluator_of(model).check()


def test_too_many_classes_for_the_predictions_are_refused():
    with pytest.raises(InputError, match="70000 classes; predictions are stored in 16 bits"):
        evaluator_of(Fixed([0.0] * 70_000)).check()
    evaluator_of(Fixed([0.0] * 65_535)).check()


def test_samples_of_one_seed_nest_and_are_in_order(network):
    images = evaluator_of(network, count=200).images
    samples = [images.sample(limit, seed=3).tolist() for limit in (2, 20, 150)]
    for sample, limit in zip(samples, (2, 20, 150), strict=True):
        assert len(sample) == limit
        assert sample == sorted(set(sample))
    assert set(samples[0]) < set(samples[1]) < set(samples[2]) < set(range(200))
    assert images.sample(20, seed=3).tolist() == samples[1]
    assert images.sample(20, seed=4).tolist() != samples[1]
    for limit in (None, 200, 201):
        assert images.sample(limit, seed=3).tolist() == list(range(200))


def test_prepared_images_are_mapped_and_labels_read(tmp_path):
    pixels = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    np.save(tmp_path / "images.npy", pixels)
    (tmp_path / "labels.csv").write_text('image_id,label\n"a,b.png",3\nc.png,0\n')
    images = PreparedImages.open(tmp_path / "images.npy", tmp_path / "labels.csv", MEAN, STD)
    assert isinstance(images.pixels, np.memmap)
    assert np.array_equal(images.pixels, pixels)
    assert images.ids == ["a,b.png", "c.png"]
    assert images.labels.tolist() == [3, 0]


def test_predictions_of_several_stages_are_gathered_in_order(tmp_path):
    first = np.array([[5, 6, 7, 8]], dtype=np.uint16)
    second = np.array([[1, 2], [3, 4]], dtype=np.uint16)
    write_predictions(tmp_path / "a.npz", ["golden"], first, np.arange(4), 4)
    write_predictions(tmp_path / "b.npz", ["x/1", "x/2"], second, np.array([1, 3]), 4)
    gather_predictions([tmp_path / "a.npz", tmp_path / "b.npz"], tmp_path / "all.npz")
    gathered = np.load(tmp_path / "all.npz", allow_pickle=False)
    assert gathered["variants"].tolist() == ["golden", "x/1", "x/2"]
    assert gathered["predictions"].dtype == np.uint16
    left_out = 65_535
    assert gathered["predictions"].tolist() == [[5, 6, 7, 8], [left_out, 1, left_out, 2], [left_out, 3, left_out, 4]]
