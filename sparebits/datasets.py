"""Labelled images, wherever they come from: scikit-learn's digits, folders, ImageNet, torchvision's data sets."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from sparebits.downloads import download
from sparebits.errors import InputError
from sparebits.sampling import nested_sample

IMAGE_SUFFIXES = {".jpeg", ".jpg", ".png", ".bmp", ".ppm", ".webp", ".tif", ".tiff"}

IMAGENETTE_CLASSES = {
    "n01440764": 0,  # tench
    "n02102040": 217,  # English springer
    "n02979186": 482,  # cassette player
    "n03000684": 491,  # chain saw
    "n03028079": 497,  # church
    "n03394916": 566,  # French horn
    "n03417042": 569,  # garbage truck
    "n03425413": 571,  # gas pump
    "n03445777": 574,  # golf ball
    "n03888257": 701,  # parachute
}
"""ImageNet's class index of each of Imagenette's ten WordNet ids."""


@dataclass(frozen=True)
class LabelledImages:
    """Images that are decoded only when asked for.

    Attributes:
        ids: what golden.csv calls each image: a path below the data set's folder, or a number.
        labels: class index of each image.
        load: gives the i-th image, decoded; raises InputError that names it where it cannot be.
        verify: finds out faster whether the i-th image can be decoded, and raises likewise; None without files.
    """

    ids: Sequence[str]
    labels: Sequence[int]
    load: Callable[[int], Image.Image]
    verify: Callable[[int], object] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def subset(self, indices: Sequence[int]) -> "LabelledImages":
        """The images at `indices`, in that order."""
        indices = [int(i) for i in indices]
        return LabelledImages(
            ids=[self.ids[i] for i in indices],
            labels=[self.labels[i] for i in indices],
            load=lambda i: self.load(indices[i]),
            verify=self.verify and (lambda i: self.verify(indices[i])),
        )


def open_dataset(name: str, config: dict, seed: int) -> LabelledImages:
    """Find the images and labels of `datasets.<name>`; nothing but file names and labels is read yet.

    Where `limit` is set, that many images are drawn without replacement by `seed`, in the data set's own order.

    Raises:
        InputError: if the data set is missing, empty or labelled inconsistently.
    """
    images = OPENERS[config["kind"]](name, config)
    if len(images) == 0:
        raise InputError(f"datasets.{name}: there are no images in {config.get('path')}")
    limit = config.get("limit")
    if limit is not None and limit < len(images):
        images = images.subset(np.sort(nested_sample(len(images), limit, seed)))
    return images


# --- scikit-learn's digits -------------------------------------------------------------------------------------------

DIGITS_SPLIT_SEED = 1797


def digits_split() -> tuple[np.ndarray, np.ndarray]:
    """Indices of the 899 digits that the shipped networks were trained on, and of the 898 that no training saw."""
    order = np.random.default_rng(DIGITS_SPLIT_SEED).permutation(1797)
    return np.sort(order[:899]), np.sort(order[899:])


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's bundled digits: images, uint8 (1797, 8, 8), and labels, int64 (1797,).

    The 17 grey levels 0..16 are spread over 0..255 and rounded. Source: UCI ML hand-written digits, test part.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    return np.rint(digits.images * (255 / 16)).astype(np.uint8), digits.target


def _open_digits(name: str, config: dict) -> LabelledImages:
    pixels, labels = read_digits()
    held_out = digits_split()[1]
    return LabelledImages(
        ids=[str(i) for i in held_out],
        labels=[int(labels[i]) for i in held_out],
        load=lambda i: Image.fromarray(pixels[held_out[i]]),
    )


# --- files in folders ------------------------------------------------------------------------------------------------


def _decode(path: Path, small: bool = False) -> Image.Image:
    """The image; with `small`, a JPEG is reduced while it is decoded, which takes a fraction of the time."""
    try:
        with Image.open(path) as image:
            if small:
                image.draft(image.mode, (1, 1))
            image.load()
            return image
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{path}: the image cannot be decoded ({error}); replace or remove it") from None


def _from_files(root: Path, files: Sequence[Path], labels: Sequence[int]) -> LabelledImages:
    return LabelledImages(
        ids=[file.relative_to(root).as_posix() if file.is_relative_to(root) else file.as_posix() for file in files],
        labels=list(labels),
        load=lambda i: _decode(files[i]),
        verify=lambda i: _decode(files[i], small=True),
    )


def _image_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file())


def _open_image_folder(name: str, config: dict) -> LabelledImages:
    """A folder a class, in alphabetical order; or one folder and a CSV with the columns file and label."""
    root = _folder(name, config)
    if config.get("labels"):
        return _from_label_table(root, Path(config["labels"]))
    classes = sorted(folder for folder in root.iterdir() if folder.is_dir())
    if not classes:
        raise InputError(
            f"datasets.{name}: {root} holds no folders; give one folder of images a class, "
            "or `labels`, a CSV with the columns file and label"
        )
    return _from_class_folders(name, root, classes, range(len(classes)))


def _from_class_folders(name: str, root: Path, folders: Sequence[Path], labels: Sequence[int]) -> LabelledImages:
    files, file_labels = [], []
    for folder, label in zip(folders, labels, strict=True):
        found = _image_files(folder)
        if not found:
            raise InputError(f"datasets.{name}: the class folder {folder} holds no images; fill or remove it")
        files += found
        file_labels += [label] * len(found)
    return _from_files(root, files, file_labels)


def _from_label_table(root: Path, table: Path) -> LabelledImages:
    files, labels = [], []
    rows = csv.DictReader(_lines(table))
    if not {"file", "label"} <= set(rows.fieldnames or ()):
        raise InputError(f"{table}: the columns file and label are needed, found {rows.fieldnames}")
    for row in rows:
        files.append(root / row["file"])
        labels.append(_label(row["label"], f"{table}, line {rows.line_num}"))
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise InputError(f"{table} names {len(missing)} images that do not exist, the first is {missing[0]}")
    return _from_files(root, files, labels)


def _lines(file: Path) -> list[str]:
    if not file.is_file():
        raise InputError(f"{file}: the label file does not exist")
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: the label file cannot be read as UTF-8 text: {error}") from None


def _label(text: str, where: str) -> int:
    if not (text or "").strip().isdecimal():
        raise InputError(f"{where}: a label is a class index 0, 1, 2, ...; got {text!r}")
    return int(text)


def _folder(name: str, config: dict) -> Path:
    root = Path(config["path"])
    if not root.is_dir():
        raise InputError(f"datasets.{name}.path: there is no folder {root}")
    return root


# --- ImageNet --------------------------------------------------------------------------------------------------------


def _open_imagenet(name: str, config: dict) -> LabelledImages:
    """The validation images as the thesis reads them (numbered JPEGs, a label file), or as torchvision lays them out.

    The thesis' label file has one line an image, in the order of their numbers: anything, a semicolon, the class index
    (thesis, Code Fragments 3 and 6). torchvision's layout is one folder a WordNet id, whose alphabetical order is the
    class index, directly under `path` or under its subfolder val.
    """
    root = _folder(name, config)
    if config.get("labels"):
        return _numbered_images(name, root, Path(config["labels"]))
    root = root / "val" if (root / "val").is_dir() else root
    classes = sorted(folder for folder in root.iterdir() if folder.is_dir() and folder.name.startswith("n"))
    if len(classes) != 1000:
        raise InputError(
            f"datasets.{name}: {root} holds {len(classes)} folders of WordNet ids instead of 1,000; "
            "for numbered JPEGs give `labels`, the thesis' label file"
        )
    return _from_class_folders(name, root, classes, range(1000))


def _numbered_images(name: str, root: Path, label_file: Path) -> LabelledImages:
    lines = enumerate(_lines(label_file), start=1)
    labels = [_label(line.partition(";")[2], f"{label_file}, line {n}") for n, line in lines]
    by_number = {int(file.stem[-8:]): file for file in _image_files(root) if file.stem[-8:].isdigit()}
    missing = [n for n in range(1, len(labels) + 1) if n not in by_number]
    if missing:
        raise InputError(
            f"datasets.{name}: {label_file} has {len(labels)} lines, but {root} lacks {len(missing)} of the images, "
            f"the first is number {missing[0]:08d}"
        )
    return _from_files(root, [by_number[n] for n in range(1, len(labels) + 1)], labels)


# --- torchvision's data sets -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Download:
    """A data set that torchvision downloads.

    Attributes:
        title: what messages call it.
        is_in: whether a folder holds it already.
        url: gives that of the first file, by which is seen whether the server can be reached.
        remedy: what to do without a network; {path} stands for the folder.
    """

    title: str
    is_in: Callable[[Path], bool]
    url: Callable[[], str]
    remedy: str


def _open_torchvision(open_split: Callable, name: str, config: dict) -> LabelledImages:
    """The test part; downloaded into `path` unless it is there already."""
    root = Path(config["path"])
    try:
        data = open_split(root, download=False)
    except (AssertionError, ValueError) as error:
        raise InputError(f"datasets.{name}: the files of {config['kind']} in {root} are damaged: {error!r}") from None
    except RuntimeError:
        source = DOWNLOADS[config["kind"]]
        with download(f"datasets.{name}: {source.title} is not in {root} and", source.remedy.format(path=root)):
            data = open_split(root, download=True)
    return LabelledImages(
        ids=[str(i) for i in range(len(data))],
        labels=[int(label) for label in data.targets],
        load=lambda i: data[i][0],
    )


def _cifar10(root: Path, download: bool):
    from torchvision.datasets import CIFAR10

    return CIFAR10(root, train=False, download=download)


def _fashion_mnist(root: Path, download: bool):
    from torchvision.datasets import FashionMNIST

    return FashionMNIST(root, train=False, download=download)


def _imagenette_folder(root: Path) -> Path:
    return root / "imagenette2" / "val"


def _open_imagenette(name: str, config: dict) -> LabelledImages:
    """Imagenette's validation images, labelled with ImageNet's class indices."""
    root = Path(config["path"])
    folder = _imagenette_folder(root)
    if not folder.is_dir():
        from torchvision.datasets import Imagenette

        source = DOWNLOADS["imagenette"]
        with download(f"datasets.{name}: {source.title} is not in {root} and", source.remedy.format(path=root)):
            Imagenette(str(root), split="val", download=True)
    folders = sorted(found for found in folder.iterdir() if found.is_dir())
    unknown = [found.name for found in folders if found.name not in IMAGENETTE_CLASSES]
    if unknown or not folders:
        raise InputError(
            f"datasets.{name}: {folder} should hold Imagenette's ten classes, found {unknown or 'nothing'}"
        )
    return _from_class_folders(name, folder, folders, [IMAGENETTE_CLASSES[found.name] for found in folders])


def _opens(open_split: Callable, root: Path) -> bool:
    """Whether torchvision finds its files, damaged or not."""
    try:
        open_split(root, download=False)
    except RuntimeError:
        return False
    except (AssertionError, ValueError):
        return True
    return True


def _imagenette_url() -> str:
    from torchvision.datasets import Imagenette

    return Imagenette._ARCHIVES["full"][0]


def _cifar10_url() -> str:
    from torchvision.datasets import CIFAR10

    return CIFAR10.url


def _fashion_mnist_url() -> str:
    from torchvision.datasets import FashionMNIST

    return FashionMNIST.mirrors[0]


DOWNLOADS = {
    "imagenette": Download(
        "Imagenette",
        lambda root: _imagenette_folder(root).is_dir(),
        _imagenette_url,
        "unpack imagenette2.tgz into {path}, so that there is a folder {path}/imagenette2/val",
    ),
    "cifar10": Download(
        "cifar10",
        partial(_opens, _cifar10),
        _cifar10_url,
        "unpack cifar-10-python.tar.gz into {path}",
    ),
    "fashion_mnist": Download(
        "fashion_mnist",
        partial(_opens, _fashion_mnist),
        _fashion_mnist_url,
        "put the files that torchvision expects into {path}/FashionMNIST/raw",
    ),
}
"""By kind, what torchvision downloads."""

OPENERS: dict[str, Callable[[str, dict], LabelledImages]] = {
    "digits": _open_digits,
    "image_folder": _open_image_folder,
    "imagenet": _open_imagenet,
    "imagenette": _open_imagenette,
    "cifar10": partial(_open_torchvision, _cifar10),
    "fashion_mnist": partial(_open_torchvision, _fashion_mnist),
}
