"""Image folders that a reader brings: what is read, what is refused, and training from files."""

import hashlib
import importlib
import itertools
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from alexnet_course.architectures import Architecture
from alexnet_course.data import DataError, ImageData, Preparation, Split, image_folder
from alexnet_course.data.augmentation import Colour, Flip, Shift, mean_and_deviation
from alexnet_course.data.preparation import PerChannel
from alexnet_course.layers import Conv, Dropout, Flatten, Linear, Pool, ReLU
from alexnet_course.network import build
from alexnet_course.optimisers import SGD
from alexnet_course.recipes import Recipe
from alexnet_course.training import evaluate, fit

# `alexnet_course.data.image_folder` is the function; this is the module that it stands in.
source = importlib.import_module("alexnet_course.data.image_folder")

SIZE = 16
COUNTS = {"train": {"ant": 12, "bee": 11}, "test": {"ant": 4, "bee": 5}}
ALL = 2_000_000_000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Photographs of noise, of several sizes, shapes, modes and formats."""
    root = tmp_path_factory.mktemp("insects")
    rng = np.random.default_rng(0)
    kinds = itertools.cycle(
        [("png", "RGB"), ("jpg", "RGB"), ("bmp", "L"), ("PNG", "RGBA"), ("webp", "RGB")]
    )
    for part, classes in COUNTS.items():
        for name, count in classes.items():
            (root / part / name).mkdir(parents=True)
            for number in range(count):
                ending, mode = next(kinds)
                side, other = rng.integers(12, 40, 2)
                pixels = rng.integers(0, 200, (side, other, 3), dtype=np.uint8)
                pixels[..., 0] += 50 * (name == "ant")
                path = root / part / name / f"{number:03d}.{ending}"
                Image.fromarray(pixels).convert(mode).save(path)
    return root


@pytest.fixture
def folder(made, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(made, tmp_path / "insects")


def everything(split, device="cpu", size=7):
    """All images and labels of ``split``, in order, as ``batches`` gives them."""
    images, labels = zip(*split.batches(torch.arange(len(split)), size, device), strict=True)
    return torch.cat(images), torch.cat(labels)


def with_workers(data, workers):
    """The same ``data``, its files read by that many processes."""
    parts = {"train": data.train, "held_out": data.held_out}
    return replace(data, **{name: replace(part, workers=workers) for name, part in parts.items()})


# What is read


@pytest.mark.parametrize("memory", [ALL, 0])
def test_each_image_is_rgb_resized_to_its_shorter_side_and_cropped(tmp_path, memory):
    wide = np.zeros((20, 60, 3), dtype=np.uint8)
    wide[:, :20] = 255  # white, black, white: the middle third survives
    wide[:, 40:] = 255
    wide[:10, 20:40] = (10, 20, 30)
    for part in ("train", "test"):
        for name, array in (("tall", wide.transpose(1, 0, 2)), ("wide", wide)):
            (tmp_path / part / name).mkdir(parents=True)
            Image.fromarray(np.ascontiguousarray(array)).save(tmp_path / part / name / "x.png")
    images, labels = everything(image_folder(tmp_path, size=10, memory=memory).train)
    assert images.shape == (2, 3, 10, 10) and images.dtype == torch.uint8
    assert sorted(labels.tolist()) == [0, 1] and labels.dtype == torch.int64
    inner = images[:, :, 1:-1, 1:-1]  # the outermost pixels mix with what is cut off
    tall, wide = inner[labels.argsort()]
    assert (wide[:, :3] == torch.tensor([10, 20, 30]).view(3, 1, 1)).all()
    assert (wide[:, 5:] == 0).all()
    assert torch.equal(tall, wide.transpose(1, 2))


@pytest.mark.parametrize("memory", [ALL, 0])
def test_images_come_by_their_content_with_their_labels(folder, memory):
    shade, label = {}, {}
    for place, path in enumerate(sorted((folder / "train").glob("*/*"))):
        image = Image.new("RGB", (SIZE, SIZE), (place, 0, 0))
        image.save(path, format="png")
        planes = bytes([place]) * SIZE**2 + bytes(2 * SIZE**2)  # red, green, blue
        shade[hashlib.sha256(planes).digest()] = place
        label[place] = int(path.parent.name == "bee")
    expected = [place for _, place in sorted(shade.items())]
    data = image_folder(folder, SIZE, memory)
    images, labels = everything(data.train)
    assert data.classes == ("ant", "bee")
    assert images[:, 0, 0, 0].tolist() == expected
    assert labels.tolist() == [label[place] for place in expected]
    assert len(data.train) == 23 and len(data.held_out) == 9


TREES = st.lists(
    st.tuples(
        st.sampled_from("ab"),  # the class
        st.sampled_from(["", "in", "in/deeper"]),  # a folder inside of it
        st.sampled_from(["png", "bmp", "tiff"]),
        st.integers(0, 2),  # the shade: some images are alike, under one label or two
    ),
    min_size=1,
    max_size=8,
)


def planted(root, tree):
    """Files of one colour, 4 × 4, in ``root``; both parts, and an image in each class at least."""
    for part in ("train", "test"):
        for number, (name, inner, ending, shade) in enumerate([*LEAST, *tree]):
            path = root / part / name / inner / f"{number}.{ending}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (4, 4), (shade, 0, 0)).save(path)
    return root


LEAST = [("a", "", "png", 3), ("b", "", "png", 4)]


@given(TREES, st.data())
@settings(max_examples=20, deadline=None)
def test_names_places_formats_and_memory_change_neither_order_nor_digest(tree, data):
    """Held or streamed, and as a set made of the same pixels in another way."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        moved = [(name, inner, "png", shade) for name, inner, _, shade in tree]
        mixed = data.draw(st.permutations(moved))
        one, other = planted(Path(first), tree), planted(Path(second), mixed)
        sets = [image_folder(root, 4, memory) for root in (one, other) for memory in (ALL, 0)]
        images, labels = everything(sets[0].train)
        for each in sets[1:]:
            assert torch.equal(everything(each.train)[0], images)
            assert torch.equal(everything(each.train)[1], labels)
        by_hand = np.zeros((len(tree) + 2, 3, 4, 4), dtype=np.uint8)
        by_hand[:, 0] = np.array([shade for *_, shade in [*LEAST, *tree]]).reshape(-1, 1, 1)
        split = Split.in_canonical_order(
            by_hand, np.array(["ab".index(name) for name, *_ in [*LEAST, *tree]])
        )
        whole = ImageData("by hand", ("a", "b"), split, split, "test", "made for a test")
        assert {each.digest for each in sets} == {whole.digest}


def test_order_and_digest_of_what_is_streamed_are_kept_and_found_anew_when_a_file_changes(
    folder, monkeypatch
):
    decoded = []
    decode = source._decode
    monkeypatch.setattr(source, "_decode", lambda *given: decoded.append(1) or decode(*given))
    first = image_folder(folder, SIZE, memory=0)
    assert len(decoded) == 32
    assert first.digest == image_folder(folder, SIZE, memory=0).digest
    assert len(decoded) == 2 * 32
    again = image_folder(folder, SIZE, memory=0)
    assert (again.train.files, again.digest) == (first.train.files, first.digest)
    assert len(decoded) == 2 * 32
    assert again.sample(3).digest != first.digest
    decoded.clear()
    path = next((folder / "train" / "ant").iterdir())
    Image.new("RGB", (SIZE, SIZE)).save(path, format="png")
    changed = image_folder(folder, SIZE, memory=0)
    assert len(decoded) == 23
    assert changed.digest == image_folder(folder, SIZE).digest != first.digest


def test_memory_decides_whether_the_images_are_held(made):
    enough = (23 + 9) * 3 * SIZE * SIZE
    assert hasattr(image_folder(made, SIZE, memory=enough).train, "images")
    assert not hasattr(image_folder(made, SIZE, memory=enough - 1).train, "images")


def test_held_or_not_the_pixels_are_the_same(made):
    held, lazy = (image_folder(made, SIZE, memory) for memory in (ALL, 0))
    for part in ("train", "held_out"):
        images, labels = everything(getattr(lazy, part))
        assert torch.equal(images, getattr(held, part).images)
        assert torch.equal(labels, getattr(held, part).labels)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_follow_the_order_that_is_given(made, workers):
    data = with_workers(image_folder(made, SIZE, memory=0), workers)
    images, labels = everything(data.train)
    order = torch.randperm(23, generator=torch.Generator().manual_seed(0))[:20]
    batches = list(data.train.batches(order, 8, "cpu"))
    assert [len(labels) for _, labels in batches] == [8, 8, 4]
    assert torch.equal(torch.cat([part for part, _ in batches]), images[order])
    assert torch.equal(torch.cat([part for _, part in batches]), labels[order])


def test_passes_may_be_left_and_run_side_by_side(made):
    train = with_workers(image_folder(made, SIZE, memory=0), 2).train
    images, _ = everything(train)
    forth = torch.arange(23)
    next(train.batches(forth, 2, "cpu"))
    pairs = zip(train.batches(forth, 3, "cpu"), train.batches(forth.flip(0), 3, "cpu"))
    for place, ((one, _), (other, _)) in enumerate(pairs):
        assert torch.equal(one, images[3 * place : 3 * place + 3])
        assert torch.equal(other, images.flip(0)[3 * place : 3 * place + 3])


SCRIPT = """
import multiprocessing, sys, torch
multiprocessing.set_start_method("spawn")
from dataclasses import replace
from alexnet_course.data import image_folder
train = replace(image_folder(sys.argv[1], 16, memory=0).train, workers=2)
print(sum(len(labels) for _, labels in train.batches(torch.arange(23), 4, "cpu")))
"""


def test_a_script_needs_no_main_guard(made, tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    run = subprocess.run([sys.executable, path, made], capture_output=True, text=True)
    assert (run.stdout, run.returncode) == ("23\n", 0), run.stderr


@pytest.mark.parametrize("workers", [0, 2])
def test_the_global_generator_is_left_alone(made, workers):
    train = with_workers(image_folder(made, SIZE, memory=0), workers).train
    before = torch.get_rng_state()
    everything(train)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("part", ["val", "validation"])
def test_validation_images_are_held_out_under_that_name(folder, part):
    (folder / "test").rename(folder / part)
    assert image_folder(folder, SIZE).held_out_name == "validation"


def test_test_images_come_before_validation_images(folder):
    (folder / "val").mkdir()
    assert image_folder(folder, SIZE).held_out_name == "test"


def test_names(folder):
    assert image_folder(folder, SIZE).name == "insects"
    data = image_folder(str(folder), SIZE, name="mine")
    assert data.name == "mine" and str(folder) in data.source


# What stands in for a Split


@pytest.fixture
def both(made):
    return [image_folder(made, SIZE, memory) for memory in (ALL, 0)]


def test_statistics_of_a_small_set_are_those_of_all_images(both):
    held, lazy = (mean_and_deviation(data.train.sample_images()) for data in both)
    torch.testing.assert_close(held, lazy, rtol=0, atol=0)


def test_statistics_of_a_big_set_are_those_of_a_thousand_spread_images(tmp_path):
    Image.new("RGB", (1, 1), (0, 0, 0)).save(tmp_path / "black.png")
    Image.new("RGB", (1, 1), (255, 255, 255)).save(tmp_path / "white.png")
    for part, count in (("train", 1500), ("test", 1)):
        for name, colour in (("a", "black"), ("b", "white")):
            (tmp_path / part / name).mkdir(parents=True)
            for number in range(count):
                (tmp_path / part / name / f"{number}.png").hardlink_to(tmp_path / f"{colour}.png")
    train = image_folder(tmp_path, size=1, memory=0).train
    sample = train.sample_images()
    assert len(train) == 3000 and sample.shape == (1000, 3, 1, 1)
    assert (sample == 255).flatten(1).all(1).sum() == 500  # half of each class, as in the set
    assert torch.equal(sample, train.sample_images())


def test_parts_and_samples_are_the_same_images(both):
    held, lazy = both
    assert held.held_out_name == "test"
    for change in (lambda d: d.for_choosing(), lambda d: d.sample(3, 2)):
        for part in ("train", "held_out"):
            expected = getattr(change(held), part)
            images, labels = everything(getattr(change(lazy), part))
            assert torch.equal(images, expected.images) and torch.equal(labels, expected.labels)
    some = torch.tensor([5, 2, 2])
    assert torch.equal(everything(lazy.train[some])[0], held.train.images[some])
    assert torch.equal(everything(lazy.train[4:9])[0], held.train.images[4:9])
    with pytest.raises(ValueError, match="class 1 has 11 images; 12 were asked for"):
        lazy.sample(12, 1)


def test_the_digest_of_images_held_in_memory_is_that_of_pixels_and_labels(both):
    parts = [both[0].train, both[0].held_out]
    content = b"".join(p.images.numpy().tobytes() + p.labels.numpy().tobytes() for p in parts)
    assert both[0].digest == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("memory", [ALL, 0])
def test_the_digest_sees_every_image_label_part_and_the_size(folder, memory):
    def digest(root=folder, size=SIZE):
        return image_folder(root, size, memory).digest

    seen = [digest(), digest(size=8)]
    for part in ("train", "test"):
        path = sorted((folder / part / "bee").iterdir())[-1]
        Image.new("RGB", (SIZE, SIZE)).save(path, format="png")
        seen.append(digest())
    last = sorted((folder / "train" / "ant").iterdir())[-1]
    last.rename(folder / "train" / "bee" / f"last{last.suffix}")
    seen.append(digest())
    assert len(set(seen)) == 5
    assert digest(folder.rename(folder.with_name("elsewhere"))) == seen[-1]


# What is refused


def emptied(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()


@pytest.mark.parametrize("memory", [ALL, 0])
@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (shutil.rmtree, r"no folder .*train; expected images in .*train/<class>/"),
        (
            lambda root: shutil.rmtree(root / "train"),
            r"no folder .*train; expected images in .*train/<class>/",
        ),
        (
            lambda root: shutil.rmtree(root / "test"),
            r"no folder .*test; expected images in .*test/<class>/ \(or val\)",
        ),
        (lambda root: emptied(root / "train"), r"train: .*class folder.*Expected .*/<class>/"),
        (lambda root: emptied(root / "test"), r"test: .*class folder.*Expected .*/<class>/"),
        (
            lambda root: emptied(root / "train" / "bee"),
            r"train: .* classes bee\..*take empty folders out$",
        ),
        (
            lambda root: [path.rename(f"{path}.heic") for path in (root / "test/bee").iterdir()],
            r"test: .* classes bee\..*files left out.*: 5 \.heic\.",
        ),
        (
            lambda root: [shutil.rmtree(root / part / "bee") for part in ("train", "test")],
            r"train holds one class only, 'ant', .*expected .*two classes or more",
        ),
        (
            lambda root: (root / "test" / "bee").rename(root / "test" / "Bee"),
            r"test has other classes than .*train: missing class folders: bee; unexpected "
            r"class folders: Bee\. Both need",
        ),
        (
            lambda root: shutil.rmtree(root / "test" / "ant"),
            r"test has other classes than .*train: missing class folders: ant\. Both need",
        ),
    ],
    ids=[
        "nothing",
        "no train",
        "no test",
        "train empty",
        "test empty",
        "class empty",
        "class of other files",
        "one class",
        "class renamed",
        "class missing",
    ],
)
def test_bad_folders_are_errors_that_say_what_was_expected(folder, spoil, complaint, memory):
    spoil(folder)
    with pytest.raises(DataError, match=complaint):
        image_folder(folder, SIZE, memory)


@pytest.mark.parametrize("damage", ["garbage", "truncated", "empty"])
@pytest.mark.parametrize("workers", ["held", 0, 2])
def test_an_unreadable_image_is_an_error_that_names_it(folder, damage, workers):
    threads = threading.active_count()
    path = folder / "train" / "bee" / "003.png"
    for old in path.parent.glob("003.*"):
        old.unlink()
    Image.new("RGB", (SIZE, SIZE)).save(path)
    whole = path.read_bytes()
    path.write_bytes({"garbage": b"no image", "truncated": whole[:50], "empty": b""}[damage])
    with pytest.raises(DataError, match=r"^.*bee.003\.png can't be read as an image .*elsewhere$"):
        if workers == "held":
            image_folder(folder, SIZE)
        else:
            everything(with_workers(image_folder(folder, SIZE, memory=0), workers).train)
    assert threading.active_count() == threads


# Training


NETWORK = Architecture(
    "insects",
    (3, SIZE, SIZE),
    (
        Conv("conv1", 4, kernel=3),
        ReLU("relu1"),
        Pool("pool1", kernel=2, stride=2),
        Dropout("dropout1", 0.3),
        Flatten("flatten"),
        Linear("fc2", 2),
    ),
)
RECIPE = Recipe(
    "insects",
    epochs=4,
    batch_size=5,
    optimiser=SGD(0.01, momentum=0.9),
    preparation=(PerChannel(),),
    augmentation=(Flip(), Shift(2), Colour(0.1)),
)


def trained(data, **more):
    """The history but for the seconds, as text, and the weights."""
    network = build(NETWORK, seed=0)
    history = fit(network, data, RECIPE, seed=1, device="cpu", progress=False, **more)
    rows = [{k: v for k, v in row.items() if k != "seconds"} for row in history.rows]
    return repr(rows), network


@pytest.fixture(scope="module")
def expected(made):
    """Trained on images held in memory."""
    return trained(image_folder(made, SIZE))


def same(run, expected):
    states = (network.state_dict() for network in (run[1], expected[1]))
    pairs = zip(*(state.values() for state in states), strict=True)
    return run[0] == expected[0] and all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("workers", [None, 2])
def test_training_from_files_is_training_from_memory_digit_for_digit(made, expected, workers):
    data = image_folder(made, SIZE, memory=0)
    assert same(trained(with_workers(data, workers)), expected)


def test_training_from_files_goes_on_as_if_never_stopped(made, expected, tmp_path):
    kept = tmp_path / "kept.pt"
    stopped = trained(image_folder(made, SIZE, memory=0), checkpoint=kept, until=2)
    assert stopped[0].count("epoch") == 2
    resumed = trained(image_folder(made, SIZE, memory=0), checkpoint=kept)
    assert same(resumed, expected)


def test_measuring_from_files_is_measuring_from_memory(both, expected):
    held, lazy = both
    preparation = Preparation((PerChannel(),), held.train.sample_images())
    results = {
        evaluate(expected[1], data.held_out, preparation, batch_size=4) for data in (held, lazy)
    }
    assert len(results) == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_from_files_reach_a_gpu(both):
    held, lazy = both
    images, labels = everything(lazy.train, "cuda")
    assert images.device.type == labels.device.type == "cuda"
    assert torch.equal(images.cpu(), held.train.images)
