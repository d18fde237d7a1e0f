"""One picture's way from a file to pixels, by both readers of folders, and what is passed over."""

import os
import struct
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, features

from alexnet_course.data import DataError, image_folder
from alexnet_course.data.folders import load_folders

ORIENTATION = 274  # the EXIF tag


def in_folders(root, save):
    """``save(path)`` called for ``<part>/<class>/x.*``, two parts of two classes."""
    for part in ("train", "test"):
        for name in ("a", "b"):
            (root / part / name).mkdir(parents=True)
            save(root / part / name)
    return root


def held(root, size):
    return image_folder(root, size).train.images[0]


def lazily(root, size):
    batches = image_folder(root, size, memory=0).train.batches(torch.arange(2), 2, "cpu")
    return next(batches)[0][0]


def of_equal_size(root, size):
    return load_folders(root, "mine", ("a", "b"), size).train.images[0]


READERS = [held, lazily, of_equal_size]


@pytest.fixture
def pixels(tmp_path):
    """What a reader makes of an image: int64 ``[height, width, 3]``."""

    def pixels(image, reader=held, ending="png", size=None, **options):
        root = in_folders(tmp_path, lambda folder: image.save(folder / f"x.{ending}", **options))
        return reader(root, size or image.height).permute(1, 2, 0).long().numpy()

    return pixels


# Depth


@pytest.mark.parametrize("reader", READERS)
def test_each_grey_of_16_bits_is_divided_by_257(pixels, reader):
    deep = np.arange(65_536, dtype=np.uint16).reshape(256, 256)
    read = pixels(Image.fromarray(deep), reader)
    assert (read == read[..., :1]).all()
    assert np.abs(read[..., 0] - deep / 257).max() <= 0.5
    assert read[0, 0, 0] == 0 and read[-1, -1, 0] == 255


@pytest.mark.parametrize(
    ("mode", "ending"), [("I;16", "png"), ("I;16", "tif"), ("I;16B", "tif"), ("I;16", "pgm")]
)
def test_16_bits_are_16_bits_in_every_format(pixels, mode, ending):
    assert (pixels(Image.new(mode, (4, 4), 32_768), ending=ending) == 128).all()


def test_a_transparent_grey_of_16_bits_is_white(pixels):
    deep = Image.fromarray(np.array([[1000, 1001], [0, 65_535]], dtype=np.uint16))
    assert pixels(deep, transparency=1000)[..., 0].tolist() == [[255, 4], [0, 255]]


def twelve_bits(path):
    """Two grey pixels of 12 bits, packed into three bytes."""
    Image.new("I;16", (2, 1), 0x1234).save(path)
    bits = [struct.pack("<HHIH", 258, 3, 1, count) for count in (16, 12)]
    content = path.read_bytes()
    assert content.count(bits[0]) == 1
    path.write_bytes(content.replace(*bits))


@pytest.mark.parametrize(
    "save",
    [
        lambda path: Image.new("F", (4, 4), 0.5).save(path),
        lambda path: Image.new("F", (4, 4), 128).save(path),
        lambda path: Image.new("I", (4, 4), 128).save(path),
        lambda path: Image.new("I;16", (4, 4), 128).save(path, tiffinfo={262: 0}),
        twelve_bits,
    ],
    ids=["floats to 1", "floats to 255", "32 bits", "white is 0", "12 bits"],
)
@pytest.mark.parametrize("reader", [held, lazily])
def test_pixels_of_unknown_brightness_are_refused(tmp_path, save, reader):
    root = in_folders(tmp_path, lambda folder: save(folder / "x.tif"))
    with pytest.raises(DataError, match=r"train.a.x\.tif holds .*what white is .*8 or 16 bits$"):
        reader(root, 4)


def test_the_reader_of_equal_sizes_refuses_them_too(tmp_path):
    def save(folder):  # the ending says PNG, the content is a TIFF of floats
        Image.new("F", (4, 4), 0.5).save(folder / "x.png", format="TIFF")

    with pytest.raises(DataError, match=r"x\.png holds floats"):
        of_equal_size(in_folders(tmp_path, save), 4)


# Turned upright

STORED = {  # as EXIF names the sides that row 0 and column 0 of the file show, from 1 to 8
    "top, left": lambda upright: upright,
    "top, right": lambda upright: upright[:, ::-1],
    "bottom, right": lambda upright: upright[::-1, ::-1],
    "bottom, left": lambda upright: upright[::-1],
    "left, top": lambda upright: upright.swapaxes(0, 1),
    "right, top": lambda upright: upright[:, ::-1].swapaxes(0, 1),
    "right, bottom": lambda upright: upright[::-1, ::-1].swapaxes(0, 1),
    "left, bottom": lambda upright: upright[::-1].swapaxes(0, 1),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("number", range(1, 9), ids=STORED)
def test_pictures_are_turned_upright(pixels, reader, number):
    upright = np.random.default_rng(0).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    stored = list(STORED.values())[number - 1](upright)
    exif = Image.Exif()
    exif[ORIENTATION] = number
    read = pixels(Image.fromarray(np.ascontiguousarray(stored)), reader, exif=exif)
    assert np.array_equal(read, upright)


def test_a_photograph_is_turned_before_it_is_cropped(pixels):
    stored = np.zeros((32, 64, 3), dtype=np.uint8)
    stored[:, :16], stored[:, 48:] = (255, 0, 0), (0, 0, 255)  # outside of the middle square
    stored[:, 16:32] = (0, 255, 0)
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # column 0 shows the top
    options = {"exif": exif, "quality": 100, "subsampling": 0}
    read = pixels(Image.fromarray(stored), ending="jpg", **options)
    assert read[1].mean(0) == pytest.approx([0, 255, 0], abs=3)
    assert read[-2].mean(0) == pytest.approx([0, 0, 0], abs=3)


# Transparency


def palette():
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 200, 0, 0])
    return image


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("image", "options", "colour"),
    [
        (Image.new("RGBA", (2, 2), (200, 0, 0, 0)), {}, (255, 255, 255)),
        (Image.new("RGBA", (2, 2), (200, 0, 0, 255)), {}, (200, 0, 0)),
        (Image.new("RGBA", (2, 2), (200, 0, 0, 51)), {}, (244, 204, 204)),  # a fifth of it
        (Image.new("LA", (2, 2), (10, 51)), {}, (206, 206, 206)),
        (palette(), {"transparency": 1}, (255, 255, 255)),
        (palette(), {"transparency": 0}, (200, 0, 0)),
        (Image.new("RGB", (2, 2), (1, 2, 3)), {"transparency": (1, 2, 3)}, (255, 255, 255)),
        (Image.new("L", (2, 2), 9), {"transparency": 9}, (255, 255, 255)),
    ],
    ids=["clear", "opaque", "a fifth", "grey", "palette", "other colour", "RGB key", "grey key"],
)
def test_what_is_transparent_lies_on_white(pixels, reader, image, options, colour):
    read = pixels(image, reader, **options)
    assert np.abs(read - np.array(colour)).max() <= 1


# Size


def test_nothing_is_resized_that_has_the_size(pixels):
    image = np.random.default_rng(0).integers(0, 256, (8, 13, 3), dtype=np.uint8)
    assert np.array_equal(pixels(Image.fromarray(image)), image[:, 2:10])


@pytest.mark.parametrize(("width", "height"), [(40, 60), (72, 20), (10, 10)])
def test_resizing_and_cropping_are_torchvisions(pixels, width, height):
    from torchvision.transforms import CenterCrop, Compose, Resize

    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    expected = Compose([Resize(20), CenterCrop(20)])(Image.fromarray(image))
    assert np.array_equal(pixels(Image.fromarray(image), size=20), expected)


def test_the_middle_of_a_thin_picture_is_what_is_read(pixels):
    thin = np.zeros((2001, 3, 3), dtype=np.uint8)
    thin[997:1004] = (10, 20, 30)
    read = pixels(Image.fromarray(thin), size=16)
    assert read.shape == (16, 16, 3) and (read == (10, 20, 30)).all()


MEASURE = """
import resource, sys
from alexnet_course.data import image_folder
image_folder(sys.argv[1], 8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
image_folder(sys.argv[2], 224)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted in other units there")
def test_a_thin_picture_takes_little_memory(tmp_path):
    roots = []
    for size in ((8, 8), (2, 4000)):
        save = Image.new("RGB", size).save
        roots.append(in_folders(tmp_path / str(size), lambda f, save=save: save(f / "x.png")))
    command = [sys.executable, "-c", MEASURE, *map(str, roots)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(run.stdout) < 20_000  # KiB; resized whole it would be 300 MB


# Which files


@pytest.fixture
def animals(tmp_path):
    """Two classes of two pictures in each part."""

    def save(folder):
        for number in range(2):
            colour = (number, 0, 0)
            Image.new("RGB", (4, 4), colour).save(folder / f"{number}.png")

    return in_folders(tmp_path / "animals", save)


def reds(split):
    """How red each image is, class by class."""
    pairs = sorted(zip(split.labels.tolist(), split.images[:, 0, 0, 0].tolist()))
    return [red for _, red in pairs]


CLUTTER = [
    ".ipynb_checkpoints/0-checkpoint.png",
    "a/.ipynb_checkpoints/0-checkpoint.png",
    "__MACOSX/._0.png",
    "a/__MACOSX/0.png",
    "a/._0.png",
    "b/.hidden.png",
    "b/.DS_Store",
    "a/@eaDir/0.png/SYNOPHOTO_THUMB_M.png",
    ".DS_Store",
    ".cache/a/0.png",
]


@pytest.mark.parametrize("where", CLUTTER)
def test_clutter_is_passed_over_without_a_word(animals, where):
    for part in ("train", "test"):
        path = animals / part / where
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no picture")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = image_folder(animals, 4)
        same = load_folders(animals, "mine", ("a", "b"), 4)
    assert data.classes == ("a", "b") and reds(data.train) == [0, 1, 0, 1]
    assert sorted(reds(same.train)) == [0, 0, 1, 1]


@pytest.mark.parametrize("ending", ["gif", "GIF", "jfif", "bmp", "webp", "avif", "tif", "ppm"])
def test_formats_that_are_read(animals, ending):
    if ending == "avif" and not features.check("avif"):
        pytest.skip("this Pillow cannot write AVIF")
    form = {"jfif": "JPEG", "ppm": "PPM", "tif": "TIFF"}.get(ending, ending.upper())
    Image.new("RGB", (4, 4), (200, 200, 200)).save(animals / f"train/a/2.{ending}", format=form)
    assert reds(image_folder(animals, 4).train) == pytest.approx([0, 1, 200, 0, 1], abs=3)


def test_the_first_picture_of_an_animation_is_read(animals):
    first, second = (Image.new("RGB", (4, 4), (grey,) * 3) for grey in (100, 200))
    first.save(animals / "train/a/2.gif", save_all=True, append_images=[second])
    assert reds(image_folder(animals, 4).train)[2] == 100


def test_the_number_of_files_left_out_is_said(animals):
    for name in ("train/a/2.heic", "test/b/3.HEIC", "test/b/more/4.heic", "train/b/notes"):
        (animals / name).parent.mkdir(exist_ok=True)
        (animals / name).touch()
    with pytest.warns(UserWarning, match=r"animals: files left out.*: 3 \.heic, 1 no ending\. "):
        data = image_folder(animals, 4)
    assert len(data.train) == len(data.held_out) == 4


# Links


def test_folders_inside_a_class_and_behind_links_are_read_once(animals, tmp_path):
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    Image.new("RGB", (4, 4), (7, 0, 0)).save(tmp_path / "elsewhere/deep/x.png")
    a = animals / "train/a"
    (a / "linked").symlink_to(tmp_path / "elsewhere")
    (a / "linked again").symlink_to(tmp_path / "elsewhere/deep")
    (tmp_path / "elsewhere/deep/back").symlink_to(tmp_path / "elsewhere")
    assert reds(image_folder(animals, 4).train) == [0, 1, 7, 0, 1]


@pytest.mark.parametrize("place", ["train/loop", "train/a/loop"])
@pytest.mark.parametrize("target", [".", "..", "../..", "../../.."])
def test_a_folder_that_contains_itself_is_read_once(animals, place, target):
    (animals / place).symlink_to(target)
    assert reds(image_folder(animals, 4).train) == [0, 1, 0, 1]


def test_changes_behind_links_are_noticed(animals, tmp_path):
    def digest():
        return load_folders(animals, "mine", ("a", "b"), 4).digest

    (animals / "train/a").rename(tmp_path / "there")
    (animals / "train/a").symlink_to(tmp_path / "there")
    (animals / "train/b/1.png").rename(tmp_path / "alone.png")
    (animals / "train/b/1.png").symlink_to(tmp_path / "alone.png")
    seen = [digest()]
    for number, path in enumerate((tmp_path / "there/0.png", tmp_path / "alone.png"), start=50):
        Image.new("RGB", (4, 4), (number, 0, 0)).save(path)
        seen.append(digest())
    assert len(set(seen)) == 3


@pytest.mark.parametrize("inside", ["", "0.png"], ids=["folder", "file"])
def test_a_link_that_leads_elsewhere_is_noticed(animals, tmp_path, inside):
    for number, name in enumerate(("old", "new")):  # alike in names, sizes and times
        path = tmp_path / name / "0.png"
        path.parent.mkdir()
        Image.new("RGB", (4, 4), (number, 0, 0)).save(path)
        path.write_bytes(path.read_bytes().ljust(500, b"\0"))
        os.utime(path, ns=(0, 0))
    link = animals / "train/a" / inside
    link.rename(tmp_path / "away")
    digests = []
    for name in ("old", "new"):
        link.symlink_to(tmp_path / name / inside)
        digests.append(load_folders(animals, "mine", ("a", "b"), 4).digest)
        link.unlink()
    assert digests[0] != digests[1]


@pytest.mark.parametrize("reader", READERS)
def test_a_link_to_nothing_is_an_error_that_names_it(animals, reader):
    (animals / "train/a/0.png").unlink()
    (animals / "train/a/0.png").symlink_to(Path("gone.png"))
    with pytest.raises(DataError, match=r"train.a.0\.png can't be read"):
        reader(animals, 4)
