"""The preparation of many images: killed at any moment it goes on, to the same bytes, and memory stays flat."""

import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from sparebits import images as preparation
from sparebits.datasets import LabelledImages
from sparebits.errors import InputError
from sparebits.images import prepare_images
from sparebits.transforms import Geometry

GEOMETRY = Geometry(None, 24, "bilinear", 3)
COUNT = 40


class Photographs:
    """Random images that count how often each was decoded, and at one of which a run may end."""

    def __init__(self, count: int = COUNT, seed: int = 1):
        self.pixels = np.random.default_rng(seed).integers(0, 256, (count, 30, 28, 3), dtype=np.uint8)
        self.decoded = []
        self.fails_at = None
        self.lock = threading.Lock()

    def load(self, i: int) -> Image.Image:
        with self.lock:
            self.decoded.append(i)
        if i == self.fails_at:
            raise KeyboardInterrupt
        return Image.fromarray(self.pixels[i])

    def labelled(self) -> LabelledImages:
        return LabelledImages([f"{i}.png" for i in range(len(self.pixels))], [0] * len(self.pixels), self.load)

    def expected(self) -> np.ndarray:
        """CenterCrop of 24 from 30 x 28."""
        return self.pixels[:, 3:27, 2:26]


def interrupted(photographs: Photographs, output, at: int, threads: int = 1, source: str = "") -> None:
    photographs.fails_at = at
    with pytest.raises(KeyboardInterrupt):
        prepare_images(photographs.labelled(), GEOMETRY, output, threads, source)
    photographs.fails_at = None
    photographs.decoded.clear()


def test_the_array_is_the_file_that_numpy_writes(tmp_path):
    photographs = Photographs()
    prepare_images(photographs.labelled(), GEOMETRY, tmp_path / "images.npy", 2)
    np.save(tmp_path / "expected.npy", photographs.expected())
    assert (tmp_path / "images.npy").read_bytes() == (tmp_path / "expected.npy").read_bytes()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("at", [1, 17, COUNT - 1])
def test_an_interrupted_preparation_goes_on_where_it_ended(tmp_path, at, threads):
    photographs, output = Photographs(), tmp_path / "images.npy"
    interrupted(photographs, output, at, threads)
    assert not output.exists()
    prepare_images(photographs.labelled(), GEOMETRY, output, threads)
    assert np.array_equal(np.load(output), photographs.expected())
    # What was decoded ahead of the last image written is decoded again, and the first for its size.
    ahead = preparation.IMAGES_A_THREAD * threads
    assert sorted(set(photographs.decoded) - {0}) == list(range(min(photographs.decoded[1:]), COUNT))
    assert len(photographs.decoded) <= 1 + COUNT - at + ahead
    assert [file.name for file in tmp_path.iterdir()] == ["images.npy"]


@pytest.mark.parametrize("cut", [1, 24 * 24 * 3 - 1, 24 * 24 * 3 * 5 + 7, 10**6])
def test_an_image_that_a_kill_cut_off_is_written_again(tmp_path, cut):
    """Also if the kill came within the header."""
    photographs, output = Photographs(), tmp_path / "images.npy"
    interrupted(photographs, output, 20)
    [partial] = tmp_path.glob(".images.npy.*.partial")
    with open(partial, "r+b") as file:
        file.truncate(max(partial.stat().st_size - cut, 9))
    prepare_images(photographs.labelled(), GEOMETRY, output, 2)
    assert np.array_equal(np.load(output), photographs.expected())


@pytest.mark.parametrize("change", ["geometry", "source", "images"])
def test_what_others_began_is_not_gone_on_with(tmp_path, change):
    photographs, output = Photographs(), tmp_path / "images.npy"
    interrupted(photographs, output, 20)
    geometry, source = GEOMETRY, ""
    if change == "geometry":
        geometry = Geometry(24, 24, "bilinear", 3)
    elif change == "source":
        source, photographs = "another folder", Photographs(seed=2)
    else:
        photographs = Photographs(COUNT + 1, seed=2)
    prepare_images(photographs.labelled(), geometry, output, 1, source)
    prepare_images(photographs.labelled(), geometry, tmp_path / "undisturbed.npy", 1, source)
    assert output.read_bytes() == (tmp_path / "undisturbed.npy").read_bytes()
    assert len(list(tmp_path.iterdir())) == 2, "what another setup began was left behind"


def test_a_preparation_that_meets_a_wrong_image_begins_anew(tmp_path):
    """Wrong images are replaced, and perhaps not only those that were named."""
    photographs = Photographs()
    images = photographs.labelled()
    wrong = LabelledImages(images.ids, images.labels, lambda i: images.load(i).resize((25, 24 - (i == 9))))
    geometry = Geometry(None, None, "bilinear", 3)
    with pytest.raises(InputError, match=r"9\.png has 25 x 23 pixels"):
        prepare_images(wrong, geometry, tmp_path / "images.npy", 2)
    assert not list(tmp_path.iterdir())


def test_killed_again_and_again_it_ends_with_the_same_bytes(tmp_path):
    """Processes are killed (-9) while they write, as Snakemake's would be."""
    program = """
import sys, time
sys.path.insert(0, "tests")
from test_preparation import GEOMETRY, Photographs
from sparebits.images import prepare_images

photographs = Photographs(400)
load = photographs.load
photographs.load = lambda i: time.sleep(0.004) or load(i)
prepare_images(photographs.labelled(), GEOMETRY, sys.argv[1], 2)
"""
    output = tmp_path / "images.npy"
    sizes = []
    for _ in range(3):
        run = subprocess.Popen([sys.executable, "-c", program, str(output)], stderr=subprocess.DEVNULL)
        before = sizes[-1] if sizes else 0
        wait_until(lambda before=before: written(tmp_path) > before + 10_000 or output.exists(), seconds=60)
        run.send_signal(signal.SIGKILL)
        run.wait()
        sizes.append(written(tmp_path))
    assert 0 < sizes[0] < sizes[1] < sizes[2] or output.exists()
    subprocess.run([sys.executable, "-c", program, str(output)], check=True, stderr=subprocess.DEVNULL)
    assert np.array_equal(np.load(output), Photographs(400).expected())


def written(folder) -> int:
    return sum(file.stat().st_size for file in folder.glob(".images.npy.*.partial"))


def wait_until(condition, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
