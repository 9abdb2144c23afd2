"""Every kind of data set on small local data, and the array of pixels that is made of it."""

import csv
import gzip
import pickle
import struct
import urllib.error

import numpy as np
import pytest
import torchvision
from PIL import Image
from torchvision.transforms import CenterCrop, Compose, InterpolationMode, Resize

from sparebits.datasets import IMAGENETTE_CLASSES, digits_split, open_dataset, read_digits
from sparebits.errors import InputError
from sparebits.images import apply_geometry, prepare_images, write_labels
from sparebits.sampling import nested_sample
from sparebits.transforms import Geometry


def save_image(path, size=(40, 30), seed=0, mode="RGB"):
    """Write a smooth random image, so that JPEG keeps it recognisable."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = 3 if mode == "RGB" else 1
    coarse = np.random.default_rng(seed).integers(0, 256, size=(5, 5, channels), dtype=np.uint8)
    image = Image.fromarray(coarse.squeeze()).convert(mode)
    image.resize(size, Image.Resampling.BICUBIC).save(path)


def opened(kind, path, **keys):
    return open_dataset("mine", {"kind": kind, "path": str(path), **keys}, seed=1)


@pytest.fixture
def refuse_downloads(monkeypatch):
    """Whatever torchvision tries to download cannot be reached."""

    def refuse(*arguments, **keywords):
        raise urllib.error.URLError("no route to host")

    for module in (torchvision.datasets.mnist, torchvision.datasets.cifar, torchvision.datasets.imagenette):
        monkeypatch.setattr(module, "download_and_extract_archive", refuse)


# --- digits -----------------------------------------------------------------------------------------------------------


def test_digits_are_those_that_no_training_saw():
    trained, held_out = digits_split()
    assert sorted([*trained, *held_out]) == list(range(1797))
    images = open_dataset("digits", {"kind": "digits"}, seed=1)
    assert list(images.ids) == [str(i) for i in held_out]
    assert len(images) == 898


def test_digits_are_spread_over_all_grey_levels_and_belong_to_their_labels():
    from sklearn.datasets import load_digits

    source = load_digits()
    pixels, _ = read_digits()
    assert pixels.min() == 0
    assert pixels.max() == 255
    assert len(np.unique(pixels)) == 17
    images = open_dataset("digits", {"kind": "digits"}, seed=1)
    for i in (0, 17, 897):
        assert images.labels[i] == source.target[int(images.ids[i])]
        expected = source.images[int(images.ids[i])] * 255 / 16
        assert np.abs(np.asarray(images.load(i)) - expected).max() <= 0.5


# --- image_folder -----------------------------------------------------------------------------------------------------


@pytest.fixture
def class_folders(tmp_path):
    """Three class folders of one to three images, and files that are none."""
    for number, name in enumerate(["b/1.png", "b/2.JPG", "a/9.png", "c/x.jpeg", "c/y.bmp", "c/z.png"]):
        save_image(tmp_path / "images" / name, seed=number)
    (tmp_path / "images" / "a" / "notes.txt").write_text("no image")
    (tmp_path / "images" / "README").write_text("no class")
    return tmp_path / "images"


def test_class_folders_are_numbered_alphabetically(class_folders):
    images = opened("image_folder", class_folders)
    assert list(images.ids) == ["a/9.png", "b/1.png", "b/2.JPG", "c/x.jpeg", "c/y.bmp", "c/z.png"]
    assert list(images.labels) == [0, 1, 1, 2, 2, 2]
    for i, name in enumerate(images.ids):
        assert np.array_equal(np.asarray(images.load(i)), np.asarray(Image.open(class_folders / name)))


def test_labels_of_a_table_come_in_its_order(class_folders, tmp_path):
    (tmp_path / "labels.csv").write_text("label,file,note\n7,b/2.JPG,x\n0,a/9.png,\n7,c/z.png,\n")
    images = opened("image_folder", class_folders, labels=str(tmp_path / "labels.csv"))
    assert list(images.ids) == ["b/2.JPG", "a/9.png", "c/z.png"]
    assert list(images.labels) == [7, 0, 7]
    assert np.array_equal(np.asarray(images.load(1)), np.asarray(Image.open(class_folders / "a/9.png")))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file,label\na/9.png,cat\n", r"labels\.csv, line 2: a label is a class index.*'cat'"),
        ("file,label\na/9.png,1\nb/1.png,-1\n", r"labels\.csv, line 3.*'-1'"),
        ("file,label\na/9.png,1.5\n", r"line 2.*'1\.5'"),
        ("file,label\na/9.png,\n", "line 2.*''"),
        ("file,label\na/9.png\n", "line 2.*None"),
        ("file,label\na/9.png,²\n", "line 2.*'²'"),
        ("name,class\na/9.png,1\n", r"labels\.csv: the columns file and label are needed, found \['name', 'class'\]"),
        ("", r"labels\.csv: the columns file and label are needed"),
        ("file,label\na/9.png,1\nb/7.png,1\nb/8.png,1\n", r"labels\.csv names 2 images that do not exist.*b/7\.png"),
        ("file,label\n", "datasets.mine: there are no images"),
    ],
)
def test_a_wrong_label_table_is_named_with_its_line(class_folders, tmp_path, table, message):
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(InputError, match=message):
        opened("image_folder", class_folders, labels=str(tmp_path / "labels.csv"))


def test_a_missing_label_table_is_named(class_folders, tmp_path):
    with pytest.raises(InputError, match=r"gone\.csv: the label file does not exist"):
        opened("image_folder", class_folders, labels=str(tmp_path / "gone.csv"))


@pytest.mark.parametrize("kind", ["image_folder", "imagenet"])
def test_a_missing_folder_is_named(kind, tmp_path):
    with pytest.raises(InputError, match=r"datasets\.mine\.path: there is no folder .*gone"):
        opened(kind, tmp_path / "gone")


def test_a_folder_without_classes_is_named(tmp_path):
    save_image(tmp_path / "images" / "1.png")
    with pytest.raises(
        InputError, match=r"datasets\.mine: .*images holds no folders; give one folder of images a class"
    ):
        opened("image_folder", tmp_path / "images")


def test_an_empty_class_folder_is_named(class_folders):
    (class_folders / "bb").mkdir()
    (class_folders / "bb" / "notes.txt").write_text("no image")
    with pytest.raises(InputError, match=r"datasets\.mine: the class folder .*/bb holds no images"):
        opened("image_folder", class_folders)


# --- ImageNet ---------------------------------------------------------------------------------------------------------


def test_numbered_images_with_the_thesis_label_file(tmp_path):
    for number in (1, 2, 3, 10):
        save_image(tmp_path / "val" / f"ILSVRC2012_val_{number:08d}.JPEG", seed=number)
    save_image(tmp_path / "val" / "thumbnail.png")
    labels = [65, 970, 230]
    (tmp_path / "labels.txt").write_text("".join(f"ILSVRC2012_val_{n:08d};{c}\n" for n, c in enumerate(labels, 1)))
    images = opened("imagenet", tmp_path / "val", labels=str(tmp_path / "labels.txt"))
    assert list(images.labels) == labels
    assert list(images.ids) == [f"ILSVRC2012_val_0000000{n}.JPEG" for n in (1, 2, 3)]


def test_numbered_images_that_are_missing_are_named(tmp_path):
    for number in (1, 3):
        save_image(tmp_path / "val" / f"ILSVRC2012_val_{number:08d}.JPEG")
    (tmp_path / "labels.txt").write_text("x;65\nx;970\nx;230\nx;1\n")
    with pytest.raises(
        InputError, match=r"labels\.txt has 4 lines.*lacks 2 of the images, the first is number 00000002"
    ):
        opened("imagenet", tmp_path / "val", labels=str(tmp_path / "labels.txt"))


def test_a_line_of_the_label_file_without_a_number_is_named(tmp_path):
    save_image(tmp_path / "val" / "ILSVRC2012_val_00000001.JPEG")
    (tmp_path / "labels.txt").write_text("ILSVRC2012_val_00000001 65\n")
    with pytest.raises(InputError, match=r"labels\.txt, line 1: a label is a class index"):
        opened("imagenet", tmp_path / "val", labels=str(tmp_path / "labels.txt"))


@pytest.mark.parametrize("below", [".", "val"])
def test_torchvisions_layout_of_imagenet(tmp_path, below):
    names = [f"n{number:08d}" for number in range(1000)]
    save_image(tmp_path / "one.png", size=(2, 2))
    content = (tmp_path / "one.png").read_bytes()
    for name in names:
        folder = tmp_path / "imagenet" / below / name
        folder.mkdir(parents=True)
        (folder / f"{name}_1.png").write_bytes(content)
    images = opened("imagenet", tmp_path / "imagenet")
    assert list(images.labels) == list(range(1000))
    assert [image_id.split("/")[-2] for image_id in images.ids] == names


def test_an_incomplete_imagenet_says_how_many_classes_it_has(tmp_path):
    save_image(tmp_path / "n00000001" / "a.png")
    with pytest.raises(InputError, match=r"holds 1 folders of WordNet ids instead of 1,000.*give `labels`"):
        opened("imagenet", tmp_path)


# --- torchvision's data sets ------------------------------------------------------------------------------------------


def test_cifar10_from_its_batch_files(tmp_path, monkeypatch):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    data = np.random.default_rng(1).integers(0, 256, size=(6, 3, 32, 32), dtype=np.uint8)
    batch = {"data": data.reshape(6, -1), "labels": [3, 8, 8, 0, 6, 6]}
    (folder / "test_batch").write_bytes(pickle.dumps(batch))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr(torchvision.datasets.cifar, "check_integrity", lambda *arguments: True)
    images = opened("cifar10", tmp_path)
    assert list(images.labels) == batch["labels"]
    assert list(images.ids) == list("012345")
    for i in range(6):
        assert np.array_equal(np.asarray(images.load(i)), data[i].transpose(1, 2, 0))


def test_fashion_mnist_from_its_idx_files(tmp_path):
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    pixels = np.random.default_rng(1).integers(0, 256, size=(4, 28, 28), dtype=np.uint8)
    labels = np.array([9, 2, 1, 1], dtype=np.uint8)
    for part in ("t10k", "train"):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 2051, 4, 28, 28) + pixels.tobytes())
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">II", 2049, 4) + labels.tobytes())
    images = opened("fashion_mnist", tmp_path)
    assert list(images.labels) == [9, 2, 1, 1]
    assert np.array_equal(np.stack([np.asarray(images.load(i)) for i in range(4)]), pixels)


def test_imagenette_has_imagenets_classes(tmp_path):
    for number, name in enumerate(sorted(IMAGENETTE_CLASSES)):
        save_image(tmp_path / "imagenette2" / "val" / name / "0.JPEG", seed=number)
    images = opened("imagenette", tmp_path)
    assert list(images.labels) == [0, 217, 482, 491, 497, 566, 569, 571, 574, 701]
    assert images.ids[1] == "n02102040/0.JPEG"


def test_imagenettes_classes_have_the_names_that_imagenet_gives_them():
    names = torchvision.models.ResNet50_Weights.DEFAULT.meta["categories"]
    found = {wordnet_id: names[index] for wordnet_id, index in IMAGENETTE_CLASSES.items()}
    # https://github.com/fastai/imagenette: the ten classes.
    assert found == {
        "n01440764": "tench",
        "n02102040": "English springer",
        "n02979186": "cassette player",
        "n03000684": "chain saw",
        "n03028079": "church",
        "n03394916": "French horn",
        "n03417042": "garbage truck",
        "n03425413": "gas pump",
        "n03445777": "golf ball",
        "n03888257": "parachute",
    }


def test_a_foreign_folder_in_imagenette_is_named(tmp_path):
    save_image(tmp_path / "imagenette2" / "val" / "n00000001" / "0.JPEG")
    with pytest.raises(InputError, match=r"should hold Imagenette's ten classes.*n00000001"):
        opened("imagenette", tmp_path)


@pytest.mark.parametrize("kind", ["cifar10", "fashion_mnist", "imagenette"])
def test_a_failed_download_says_where_the_files_belong(tmp_path, kind, refuse_downloads):
    with pytest.raises(InputError, match=rf"datasets\.mine: .*not in {tmp_path}/data.*cannot be downloaded") as raised:
        opened(kind, tmp_path / "data")
    assert "no route to host" in str(raised.value) or "downloading" in str(raised.value).lower()


def test_a_damaged_fashion_mnist_is_an_input_error(tmp_path, refuse_downloads):
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for part in ("t10k", "train"):
        for name in ("images-idx3", "labels-idx1"):
            (folder / f"{part}-{name}-ubyte").write_bytes(gzip.compress(b"damaged"))
    with pytest.raises(InputError, match=r"datasets\.mine"):
        opened("fashion_mnist", tmp_path)


# --- limits -----------------------------------------------------------------------------------------------------------


def test_limits_are_seeded_nest_and_keep_the_order_and_the_labels():
    everything = open_dataset("digits", {"kind": "digits"}, seed=1)
    label_of = dict(zip(everything.ids, everything.labels, strict=True))
    samples = [open_dataset("digits", {"kind": "digits", "limit": limit}, seed=1) for limit in (2, 50, 300)]
    for sample, limit in zip(samples, (2, 50, 300), strict=True):
        assert len(set(sample.ids)) == len(sample) == limit
        assert list(sample.ids) == [image_id for image_id in everything.ids if image_id in set(sample.ids)]
        assert list(sample.labels) == [label_of[image_id] for image_id in sample.ids]
    assert set(samples[0].ids) < set(samples[1].ids) < set(samples[2].ids)
    assert list(open_dataset("digits", {"kind": "digits", "limit": 50}, seed=1).ids) == list(samples[1].ids)
    assert list(open_dataset("digits", {"kind": "digits", "limit": 50}, seed=2).ids) != list(samples[1].ids)


def test_a_limit_loads_the_images_it_names():
    everything = open_dataset("digits", {"kind": "digits"}, seed=1)
    sample = open_dataset("digits", {"kind": "digits", "limit": 20}, seed=5)
    for i, image_id in enumerate(sample.ids):
        original = everything.load(list(everything.ids).index(image_id))
        assert np.array_equal(np.asarray(sample.load(i)), np.asarray(original))


@pytest.mark.parametrize("limit", [898, 5000, None])
def test_a_limit_beyond_the_data_set_is_all_of_it(limit):
    assert len(open_dataset("digits", {"kind": "digits", "limit": limit}, seed=1)) == 898


def test_a_sample_draws_every_image_equally_often():
    counts = np.zeros(10)
    for seed in range(2000):
        counts[nested_sample(10, 3, seed)] += 1
    # Each count is binomial (2000, 0.3): mean 600, standard deviation 20.5.
    assert np.abs(counts - 600).max() < 5 * 20.5


# --- prepared images --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize(("resize", "crop"), [(32, 24), (24, 32), (37, 37), (20, None), (None, 16)])
def test_geometry_is_torchvisions_to_the_byte(tmp_path, interpolation, resize, crop):
    steps = [Resize(resize, InterpolationMode(interpolation))] if resize else []
    transform = Compose([*steps, *([CenterCrop(crop)] if crop else [])])
    for number, size in enumerate([(50, 31), (31, 50), (64, 64), (101, 45), (16, 16), (17, 90)]):
        save_image(tmp_path / f"{number}.jpg", size=size, seed=number)
        image = Image.open(tmp_path / f"{number}.jpg")
        found = apply_geometry(image, Geometry(resize, crop, interpolation, 3))
        assert np.array_equal(found, np.asarray(transform(image.convert("RGB"))))
        assert found.dtype == np.uint8


def test_grey_images_have_one_channel_and_others_three(tmp_path):
    save_image(tmp_path / "grey.png", mode="L")
    save_image(tmp_path / "colour.png")
    for name in ("grey", "colour"):
        image = Image.open(tmp_path / f"{name}.png")
        grey = apply_geometry(image, Geometry(None, 20, "bilinear", 1))
        assert grey.shape == (20, 20, 1)
        assert np.array_equal(grey[..., 0], np.asarray(image.convert("L").crop((10, 5, 30, 25))))
        assert apply_geometry(image, Geometry(None, 20, "bilinear", 3)).shape == (20, 20, 3)


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA", "CMYK", "1"])
def test_images_of_any_mode_become_rgb(tmp_path, mode):
    image = Image.new("RGB", (8, 8), (255, 255, 255)).convert("L" if mode == "LA" else mode)
    image = image.convert(mode)
    assert apply_geometry(image, Geometry(None, None, "bilinear", 3)).shape == (8, 8, 3)


@pytest.mark.parametrize("threads", [1, 4])
def test_prepared_arrays_hold_each_image_in_order_whatever_the_threads(tmp_path, threads):
    for number in range(23):
        save_image(tmp_path / "images" / "c" / f"{number:02}.jpg", size=(20 + number, 30), seed=number)
    images = opened("image_folder", tmp_path / "images")
    geometry = Geometry(18, 16, "bilinear", 3)
    prepare_images(images, geometry, tmp_path / "out" / "images.npy", threads)
    found = np.load(tmp_path / "out" / "images.npy")
    assert found.dtype == np.uint8
    assert np.array_equal(found, np.stack([apply_geometry(images.load(i), geometry) for i in range(23)]))
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["images.npy"]


def test_threads_give_the_same_bytes(tmp_path):
    images = open_dataset("digits", {"kind": "digits", "limit": 60}, seed=1)
    for threads in (1, 4):
        prepare_images(images, Geometry(32, 32, "bilinear", 3), tmp_path / f"{threads}.npy", threads)
    assert (tmp_path / "1.npy").read_bytes() == (tmp_path / "4.npy").read_bytes()


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("place", [0, 5, 11])
def test_a_truncated_image_is_named_and_leaves_no_file(tmp_path, threads, place):
    for number in range(12):
        save_image(tmp_path / "images" / "c" / f"{number:02}.jpg", size=(100, 100), seed=number)
    cut = tmp_path / "images" / "c" / f"{place:02}.jpg"
    cut.write_bytes(cut.read_bytes()[:600])
    with pytest.raises(InputError, match=rf"c/{place:02}\.jpg: the image cannot be decoded"):
        prepare_images(
            opened("image_folder", tmp_path / "images"),
            Geometry(32, 32, "bilinear", 3),
            tmp_path / "out" / "images.npy",
            threads,
        )
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


def test_a_file_that_is_no_image_is_named(tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "fake.png").write_text("no image")
    with pytest.raises(InputError, match=r"c/fake\.png: the image cannot be decoded"):
        opened("image_folder", tmp_path).load(0)


def test_different_sizes_are_refused_and_leave_no_file(tmp_path):
    save_image(tmp_path / "images" / "c" / "1.png", size=(40, 30))
    save_image(tmp_path / "images" / "c" / "2.png", size=(30, 40))
    images = opened("image_folder", tmp_path / "images")
    message = r"c/2\.png has 30 x 40 pixels.*40 x 30; set transform\.resize and transform\.crop"
    with pytest.raises(InputError, match=message):
        prepare_images(images, Geometry(None, None, "bilinear", 3), tmp_path / "out" / "images.npy", 2)
    assert not any((tmp_path / "out").iterdir())


def test_labels_are_written_beside_the_images(tmp_path):
    for name in ('a/with "quote", comma.png', "b/ü.png"):
        save_image(tmp_path / "images" / name)
    images = opened("image_folder", tmp_path / "images")
    write_labels(images, tmp_path / "labels.csv")
    with open(tmp_path / "labels.csv", newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    expected = [{"image_id": 'a/with "quote", comma.png', "label": "0"}, {"image_id": "b/ü.png", "label": "1"}]
    assert rows == expected


@pytest.mark.parametrize("resize", [None, 256])
@pytest.mark.parametrize("crop", [None, 224])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_geometry_is_read_back_from_its_slug(resize, crop, channels):
    geometry = Geometry(resize, crop, "bicubic", channels)
    assert Geometry.from_slug(geometry.slug) == geometry
