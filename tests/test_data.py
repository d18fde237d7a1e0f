"""Where CIFAR-10 comes from, what is refused, and what happens to an image on its way."""

import hashlib
import importlib
import json
import os
import pickle
import shutil
import socket
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.datasets import CIFAR10

from alexnet_course.__main__ import main
from alexnet_course.data import DataError, ImageData, Preparation, Split, cifar10, export_folders
from alexnet_course.data.augmentation import (
    Augmenter,
    Colour,
    Crop,
    Cutout,
    Flip,
    Shift,
    VerticalFlip,
    colour_directions,
    shift,
)
from alexnet_course.data.folders import load_folders
from alexnet_course.data.preparation import (
    CentreCrop,
    Centred,
    MinusOneToOne,
    PerChannel,
    Resize,
)
from alexnet_course.provenance import RECORDED

# `alexnet_course.data.cifar10` is the function; this is the module that it stands in.
source = importlib.import_module("alexnet_course.data.cifar10")

DIGEST = source.DIGEST  # before it is made that of the small one
TRAIN, TEST = 3, 2  # images a class in the small CIFAR-10 made here
NOWHERE = "http://127.0.0.1:9/cifar-10-python.tar.gz"  # refuses at once


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def pictures():
    """(images, labels) for train and test: ten classes of noise, in no order."""
    rng = np.random.default_rng(0)
    return [
        (
            rng.integers(0, 256, (10 * count, 3, 32, 32), dtype=np.uint8),
            rng.permutation(10 * count) % 10,
        )
        for count in (TRAIN, TEST)
    ]


@pytest.fixture(autouse=True)
def small_world(pictures, monkeypatch, tmp_path):
    """A CIFAR-10 of 50 images, a stand-in of 40, no network, and a folder to work in."""
    parts = [Split.in_canonical_order(*part) for part in pictures]
    whole = ImageData("", source.CLASSES, *parts, held_out_name="test", source="made for a test")
    monkeypatch.setattr(source, "DIGEST", whole.digest)
    monkeypatch.setattr(source, "COUNTS", (TRAIN, TEST))
    draw = source.standin.make_standin
    monkeypatch.setattr(source.standin, "make_standin", lambda seed: draw(seed, 20, 20))
    monkeypatch.setattr(CIFAR10, "url", NOWHERE)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def folders(pictures, tmp_path):
    """The images as class folders: ``train/ship/0.png`` and so on."""
    root = tmp_path / "folders"
    for part, (images, labels) in zip(("train", "test"), pictures, strict=True):
        for label, name in enumerate(source.CLASSES):
            (root / part / name).mkdir(parents=True)
            for number, image in enumerate(images[labels == label]):
                path = root / part / name / f"{number}.png"
                Image.fromarray(image.transpose(1, 2, 0)).save(path)
    return root


@pytest.fixture
def batches(pictures, tmp_path, monkeypatch):
    """The same images in a folder of torchvision's own format, with checksums that fit."""
    base = tmp_path / "made" / CIFAR10.base_folder
    base.mkdir(parents=True)
    (train, train_labels), (test, test_labels) = pictures
    files = {"test_batch": (test, test_labels)}
    for number in range(5):
        part = slice(6 * number, 6 * number + 6)
        files[f"data_batch_{number + 1}"] = (train[part], train_labels[part])
    for name, (images, labels) in files.items():
        entry = {"data": images.reshape(len(images), -1), "labels": labels.tolist()}
        (base / name).write_bytes(pickle.dumps(entry, protocol=2))
    names = {"label_names": list(source.CLASSES)}
    (base / "batches.meta").write_bytes(pickle.dumps(names, protocol=2))
    train_list = [[f"data_batch_{n}", md5(base / f"data_batch_{n}")] for n in range(1, 6)]
    monkeypatch.setattr(CIFAR10, "train_list", train_list)
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", md5(base / "test_batch")]])
    meta = CIFAR10.meta | {"md5": md5(base / "batches.meta")}
    monkeypatch.setattr(CIFAR10, "meta", meta)
    return base


@pytest.fixture
def archive(batches, monkeypatch):
    """The batches as the archive that torchvision downloads."""
    path = batches.parent / CIFAR10.filename
    with tarfile.open(path, "w:gz") as tar:
        tar.add(batches, arcname=batches.name)
    monkeypatch.setattr(CIFAR10, "tgz_md5", md5(path))
    return path


@pytest.fixture
def serve(monkeypatch):
    """Have a server on this machine answer torchvision's download with given bytes."""
    servers = []

    def serve(content: bytes, promised: int | None = None) -> list[str]:
        asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self):
                asked.append(self.command)
                self.send_response(200)
                self.send_header("Content-Length", str(promised or len(content)))
                self.end_headers()

            def do_GET(self):
                self.do_HEAD()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/{CIFAR10.filename}"
        monkeypatch.setattr(CIFAR10, "url", url)
        return asked

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def named(folders, monkeypatch):
    monkeypatch.setenv("ALEXNET_COURSE_CIFAR10", str(folders))
    return folders


@pytest.fixture
def local(batches):
    """Torchvision's files where an earlier download left them."""
    root = Path(os.environ["ALEXNET_COURSE_CACHE"]) / "torchvision"
    root.mkdir()
    return batches.rename(root / batches.name)


def is_the_small_cifar10(data, pictures):
    """Whether each split holds the images, each with its own label."""
    return data.name == "CIFAR-10" and all(
        sorted((image.tobytes(), label) for image, label in zip(*made, strict=True))
        == sorted((i.numpy().tobytes(), int(k)) for i, k in zip(split.images, split.labels))
        for split, made in zip((data.train, data.held_out), pictures, strict=True)
    )


# Sources, in order


def test_class_folders_named_by_the_variable_come_first(named, local, pictures, capsys):
    shutil.rmtree(local)  # had torchvision's folder been looked at, this would be damage
    local.mkdir()
    data = cifar10()
    assert is_the_small_cifar10(data, pictures)
    assert data.train.images.dtype == torch.uint8
    assert data.train.images.shape == (30, 3, 32, 32) and data.held_out_name == "test"
    assert data.classes == source.CLASSES
    assert capsys.readouterr().out == "Data: CIFAR-10 from class folders.\n"


@pytest.mark.parametrize("place", ["cache", "data"])
def test_local_torchvision_files_are_used_without_a_network(
    local, place, pictures, monkeypatch, capsys
):
    if place == "data":
        Path("data").mkdir()
        local.rename(Path("data") / local.name)
    monkeypatch.setattr(source, "_reachable", lambda url: pytest.fail("asked the network"))
    assert is_the_small_cifar10(cifar10(), pictures)
    assert capsys.readouterr().out == "Data: CIFAR-10 from torchvision's files.\n"


def test_a_local_archive_is_unpacked_without_a_network(archive, batches, pictures):
    shutil.rmtree(batches)
    Path("data").mkdir()
    archive.rename(Path("data") / archive.name)
    assert is_the_small_cifar10(cifar10(download=False), pictures)


def test_otherwise_it_is_downloaded_once(archive, serve, pictures, capsys):
    asked = serve(archive.read_bytes())
    assert is_the_small_cifar10(cifar10(), pictures)
    assert "Data: CIFAR-10 from torchvision's files.\n" in capsys.readouterr().out
    count = len(asked)
    assert "GET" in asked
    assert is_the_small_cifar10(cifar10(), pictures)
    assert len(asked) == count


def test_without_a_network_it_is_the_stand_in_and_says_so(capsys):
    data = cifar10()
    said = capsys.readouterr().out
    assert data.name == "stand-in" and data.classes == source.standin.CLASSES
    assert said.startswith("Data: the bundled stand-in") and said.count("\n") == 1
    assert "NOT CIFAR-10" in said and "could not be downloaded" in said


def test_no_download_is_tried_if_none_is_wanted(archive, serve):
    asked = serve(archive.read_bytes())
    assert cifar10(download=False).name == "stand-in"
    assert asked == []


def test_the_word_stand_in_asks_for_it(local, monkeypatch, capsys):
    monkeypatch.setenv("ALEXNET_COURSE_CIFAR10", "stand-in")
    assert cifar10().name == "stand-in"
    assert "ALEXNET_COURSE_CIFAR10 asks for it" in capsys.readouterr().out


def test_quiet_says_nothing(capsys):
    cifar10(quiet=True)
    assert capsys.readouterr().out == ""


def test_a_server_that_never_answers_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        patience = threading.Timer(60, silent.close)
        patience.start()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert not source._reachable(url, seconds=0.2)
        assert patience.is_alive()
        patience.cancel()


def test_a_name_look_up_that_hangs_is_given_up(monkeypatch):
    release, ended = threading.Event(), []

    def hang(*_, **__):
        release.wait(60)
        ended.append(True)
        raise OSError("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        assert not source._reachable("http://cifar.invalid/", seconds=0.2)
        assert not ended
    finally:
        release.set()


def test_folders_and_torchvision_give_the_same_tensors_and_digest(named, local, monkeypatch):
    by_folders = cifar10()
    monkeypatch.delenv("ALEXNET_COURSE_CIFAR10")
    by_torchvision = cifar10()
    for part in ("train", "held_out"):
        ours, theirs = getattr(by_folders, part), getattr(by_torchvision, part)
        assert torch.equal(ours.images, theirs.images) and torch.equal(ours.labels, theirs.labels)
    assert by_folders.digest == by_torchvision.digest
    assert by_folders.classes == by_torchvision.classes


# Bad input is an error, never the stand-in


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_a_variable_that_names_no_folder(monkeypatch, tmp_path, kind):
    path = tmp_path / "gone"
    if kind == "file":
        path.touch()
    monkeypatch.setenv("ALEXNET_COURSE_CIFAR10", str(path))
    with pytest.raises(DataError, match=r"ALEXNET_COURSE_CIFAR10 is .*gone.*expected a folder"):
        cifar10()


def a_picture(size=(32, 32)):
    return Image.fromarray(np.zeros((size[1], size[0], 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda root: shutil.rmtree(root / "train"), r"no folder .*train; expected .*<class>"),
        (lambda root: shutil.rmtree(root / "test"), r"no folder .*test; expected .*<class>"),
        (
            lambda root: [shutil.rmtree(path) for path in (root / "train").iterdir()],
            r"train holds no class folders; expected",
        ),
        (lambda root: shutil.rmtree(root / "test" / "cat"), r"test: missing class folders: cat\."),
        (lambda root: (root / "train" / "cow").mkdir(), r"train: unexpected class folders: cow\."),
        (
            lambda root: (root / "test" / "cat").rename(root / "test" / "Cat"),
            r"missing class folders: cat; unexpected class folders: Cat\. Expected airplane, ",
        ),
        (
            lambda root: (root / "train" / "dog" / "0.png").unlink(),
            r"train/dog holds 2 PNG images; expected 3\.",
        ),
        (
            lambda root: a_picture().save(root / "test" / "dog" / "more.png"),
            r"test/dog holds 3 PNG images; expected 2\.",
        ),
        (
            lambda root: (root / "train" / "ship" / "0.png").write_bytes(b"no image"),
            r"train/ship/0\.png can't be read as an image",
        ),
        (
            lambda root: os.truncate(root / "train" / "ship" / "0.png", 1000),
            r"train/ship/0\.png can't be read as an image",
        ),
        (
            lambda root: a_picture((32, 31)).save(root / "train" / "ship" / "0.png"),
            r"train/ship/0\.png is 32×31 pixels; expected 32×32",
        ),
    ],
    ids=[
        "no train",
        "no test",
        "no classes",
        "class missing",
        "class too many",
        "class renamed",
        "image missing",
        "image too many",
        "no image",
        "truncated image",
        "wrong size",
    ],
)
def test_bad_folders_are_errors_that_say_what_was_expected(named, spoil, complaint):
    cifar10()  # decoded and kept: a good copy must not hide what happens next
    spoil(named)
    with pytest.raises(DataError, match=complaint):
        cifar10()


@pytest.mark.parametrize("name", ["data_batch_3", "test_batch", "batches.meta"])
@pytest.mark.parametrize("spoil", ["changed", "missing"])
def test_a_damaged_torchvision_file_is_an_error(local, name, spoil):
    path = local / name
    if spoil == "missing":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"incomplete or damaged.*Delete .*torchvision"):
        cifar10()


@pytest.mark.parametrize("honest", [True, False])
def test_a_truncated_download_is_an_error_now_and_later(archive, serve, pictures, honest):
    whole = archive.read_bytes()
    serve(whole[: len(whole) // 2], promised=None if honest else len(whole))
    for _ in range(2):
        with pytest.raises(DataError, match=rf"damaged.*Delete .*{archive.name}"):
            cifar10()
    serve(whole)
    assert is_the_small_cifar10(cifar10(), pictures)  # and can be mended


def test_damaged_files_are_not_mended_over_the_network_if_no_download_is_wanted(
    archive, local, serve
):
    (local / "data_batch_1").unlink()
    asked = serve(archive.read_bytes())
    with pytest.raises(DataError, match="incomplete or damaged"):
        cifar10(download=False)
    assert asked == []


def test_the_command_line_gives_the_sentence(monkeypatch, capsys):
    monkeypatch.setenv("ALEXNET_COURSE_CIFAR10", "gone")
    assert main(["data"]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: ALEXNET_COURSE_CIFAR10 is 'gone'") and said.out == ""


@pytest.mark.parametrize("change", ["a pixel", "two labels"])
def test_other_images_than_those_of_cifar10_are_refused(named, change):
    cat, dog = (named / "train" / name / "0.png" for name in ("cat", "dog"))
    if change == "a pixel":
        with Image.open(cat) as image:
            image.putpixel((3, 4), tuple(255 - value for value in image.getpixel((3, 4))))
            image.save(cat)
    else:
        for source_path, target in ((cat, "kept"), (dog, cat), (Path("kept"), dog)):
            source_path.rename(target)
    for _ in range(2):  # decoded, then from the cache
        with pytest.raises(DataError, match=r"CIFAR10 is '.*folders', .*not those of CIFAR-10"):
            cifar10()


def test_the_digest_of_cifar10_is_that_of_every_record():
    manifests = [json.loads(path.read_text()) for path in RECORDED.glob("*/*-seed*.json")]
    assert {m["data_digest"] for m in manifests if m.get("data") == "CIFAR-10"} == {DIGEST}


# Class folders: the cache, and writing them


def test_home_may_be_written_as_a_tilde(folders, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ALEXNET_COURSE_CACHE", "~/kept")
    monkeypatch.setenv("ALEXNET_COURSE_CIFAR10", f"~/{folders.name}")
    assert export_folders(cifar10(), "~/out") == 50
    assert len(list((tmp_path / "kept").glob("*.npz"))) == 1
    assert len(list((tmp_path / "out").glob("*/*/*.png"))) == 50
    assert not Path("~").exists()


@pytest.mark.parametrize("variable", ["ALEXNET_COURSE_CACHE", "ALEXNET_COURSE_CIFAR10"])
def test_a_home_that_is_not_known_is_named(folders, monkeypatch, variable):
    monkeypatch.setenv("ALEXNET_COURSE_CIFAR10", str(folders))
    monkeypatch.setenv(variable, "~no-such-user/data")
    with pytest.raises(DataError, match=r"^~no-such-user/data: no home folder is known"):
        cifar10()


@pytest.mark.parametrize("kind", ["folders", "torchvision"])
def test_no_home_is_needed(folders, batches, pictures, monkeypatch, tmp_path, kind):
    monkeypatch.delenv("ALEXNET_COURSE_CACHE")
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)  # KeyError: an unknown user
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    if kind == "folders":
        monkeypatch.setenv("ALEXNET_COURSE_CIFAR10", str(folders))
    else:
        Path("data").mkdir()
        batches.rename(Path("data") / batches.name)
    assert is_the_small_cifar10(cifar10(), pictures)


@pytest.fixture
def decodes(monkeypatch):
    """The names of the image files opened since."""
    names, open_image = [], Image.open
    monkeypatch.setattr(
        Image, "open", lambda path, *more: names.append(path) or open_image(path, *more)
    )
    return names


def test_folders_are_decoded_once(named, decodes):
    first = cifar10()
    assert len(decodes) == 50
    again = cifar10()
    assert len(decodes) == 50 and again.digest == first.digest
    assert torch.equal(again.train.images, first.train.images)


def by_folders(root):
    """The class folders as they are, whether or not they hold CIFAR-10."""
    return load_folders(root, "mine", source.CLASSES)


def test_a_changed_file_is_noticed(named):
    before = by_folders(named).digest
    path = named / "test" / "frog" / "0.png"
    size = path.stat().st_size
    a_picture().save(path)
    with path.open("ab") as file:  # of the same size, as a small change may well be
        file.write(bytes(size - path.stat().st_size))
    data = by_folders(named)
    assert data.digest != before
    assert (data.held_out.images.flatten(1).amax(1) == 0).sum() == 1


@pytest.mark.parametrize("damage", ["truncated", "emptied", "garbage"])
def test_a_damaged_cache_is_made_again(named, decodes, capsys, damage):
    before = cifar10().digest
    (kept,) = Path(os.environ["ALEXNET_COURSE_CACHE"]).glob("*.npz")
    whole = kept.read_bytes()
    content = {"truncated": whole[:-200], "emptied": b"", "garbage": b"garbage"}[damage]
    kept.write_bytes(content)
    assert cifar10().digest == before and len(decodes) == 100
    assert f"{kept} is damaged" in capsys.readouterr().err
    assert cifar10().digest == before and len(decodes) == 100


def test_a_cache_that_cannot_be_written_is_no_failure(named, monkeypatch, tmp_path, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setenv("ALEXNET_COURSE_CACHE", str(tmp_path / "file" / "cache"))
    assert cifar10().name == "CIFAR-10"
    assert "could not be kept" in capsys.readouterr().err


def test_a_full_disk_is_no_failure_and_leaves_nothing(named, monkeypatch, capsys):
    def full(file, **_):
        file.write(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert cifar10().name == "CIFAR-10"
    assert "No space left" in capsys.readouterr().err
    assert list(Path(os.environ["ALEXNET_COURSE_CACHE"]).iterdir()) == []


def test_images_of_any_count_and_mode_can_be_read(tmp_path):
    for part in ("train", "test"):
        for name, mode in (("a", "L"), ("b", "P")):
            (tmp_path / part / name).mkdir(parents=True)
            Image.new(mode, (5, 5), 7).save(tmp_path / part / name / "x.png")
    data = load_folders(tmp_path, "mine", ("a", "b"), size=5)
    assert data.train.images.shape == (2, 3, 5, 5) and data.name == "mine"
    grey = data.train.images[data.train.labels == 0]
    assert grey.unique().tolist() == [7]


def test_an_export_reads_back_the_same(local, monkeypatch, tmp_path, capsys):
    before = cifar10().digest
    out = tmp_path / "out"
    assert main(["data", "export", str(out)]) == 0
    said = capsys.readouterr().out
    assert before in said and f"50 images written to {out}" in said
    assert len(list(out.glob("train/*/*.png"))) == 30
    assert len(list(out.glob("test/*/*.png"))) == 20
    monkeypatch.setenv("ALEXNET_COURSE_CIFAR10", str(out))
    assert cifar10().digest == before


def test_an_export_refuses_a_folder_that_holds_something(tiny_data, tmp_path):
    mine = tmp_path / "out" / "mine.txt"
    mine.parent.mkdir()
    mine.write_text("precious")
    with pytest.raises(DataError, match="is not empty; name a new folder"):
        export_folders(tiny_data, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == [mine]


def test_validation_images_are_exported_under_their_name(tiny_data, tmp_path):
    assert export_folders(tiny_data.for_choosing(), tmp_path / "new" / "out") == 30
    assert {path.name for path in (tmp_path / "new" / "out").iterdir()} == {"train", "validation"}


# Order, parts and digests


def few_pictures():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (8, 3, 2, 2), dtype=np.uint8)
    images[5] = images[4]  # the same picture twice, under two labels
    return images, np.array([0, 1, 2, 0, 1, 0, 2, 2])


@given(st.permutations(range(8)))
@settings(max_examples=25, deadline=None)
def test_the_order_of_the_input_changes_nothing(order):
    images, labels = few_pictures()
    straight = Split.in_canonical_order(images, labels)
    mixed = Split.in_canonical_order(images[order], labels[order])
    assert torch.equal(straight.images, mixed.images)
    assert torch.equal(straight.labels, mixed.labels)


def test_ordering_keeps_each_image_with_its_label():
    images, labels = few_pictures()
    split = Split.in_canonical_order(images, labels)
    pairs = {(image.numpy().tobytes(), int(k)) for image, k in zip(split.images, split.labels)}
    assert pairs == {(image.tobytes(), k) for image, k in zip(images, labels.tolist())}
    assert split.labels.dtype == torch.int64 and len(split) == 8


def test_the_first_images_are_a_mixture(standin_data):
    assert len(standin_data.train.labels[:100].unique()) == 10


def test_the_digest_sees_every_pixel_label_and_part(tiny_data):
    def changed(part, change):
        split = getattr(tiny_data, part)
        images, labels = split.images.clone(), split.labels.clone()
        change(images, labels)
        parts = {"train": tiny_data.train, "held_out": tiny_data.held_out}
        parts[part] = Split(images, labels)
        return ImageData("other", ("x",), **parts, held_out_name="test", source="other").digest

    def pixel(images, labels):
        images[-1, 0, 0, 0] ^= 1

    def label(images, labels):
        labels[-1] = (labels[-1] + 1) % 3

    digests = [changed(part, change) for part in ("train", "held_out") for change in (pixel, label)]
    assert len({tiny_data.digest, *digests}) == 5
    assert changed("train", lambda *_: None) == tiny_data.digest  # names and sources don't count


def numbered(classes=2, train=5000, test=1000):
    """Images of one row of four bytes, which spell a number; the test's follow the training's."""

    def split(first, count):
        numbers = np.arange(first, first + classes * count, dtype="<u4")
        images = numbers.view(np.uint8).reshape(-1, 1, 1, 4)
        return Split.in_canonical_order(images, numbers % classes)

    names = tuple("abcdefghij"[:classes])
    parts = split(0, train), split(classes * train, test)
    return ImageData("numbered", names, *parts, held_out_name="test", source="made for a test")


def numbers(split):
    return split.images.numpy().reshape(-1, 4).copy().view("<u4")[:, 0].tolist()


def test_choosing_holds_out_500_of_5000_training_images_a_class():
    data = numbered()
    parted = data.for_choosing()
    assert parted.held_out.labels.bincount().tolist() == [500, 500]
    assert parted.train.labels.bincount().tolist() == [4500, 4500]
    assert parted.held_out_name == "validation"
    # Disjoint, together the training images, and so without a test image.
    assert sorted(numbers(parted.train) + numbers(parted.held_out)) == list(range(10_000))
    for split in (parted.train, parted.held_out):
        assert split.labels.tolist() == [number % 2 for number in numbers(split)]


def test_choosing_parts_the_same_way_every_time():
    first, again = numbered(train=50).for_choosing(), numbered(train=50).for_choosing()
    assert numbers(first.held_out) == numbers(again.held_out) and first.digest == again.digest


def test_parted_data_is_not_parted_again():
    with pytest.raises(ValueError, match="already parted"):
        numbered(train=50).for_choosing().for_choosing()


def test_a_sample_has_the_first_images_of_each_class(tiny_data):
    sample = tiny_data.sample(4, 2)
    assert sample.train.labels.bincount().tolist() == [4, 4, 4]
    assert sample.held_out.labels.bincount().tolist() == [2, 2, 2]
    for k in range(3):
        firsts = tiny_data.train.images[tiny_data.train.labels == k][:4]
        assert torch.equal(sample.train.images[sample.train.labels == k], firsts)
    assert sample.name != tiny_data.name
    assert tiny_data.sample(4).train.labels.equal(sample.train.labels)
    assert tiny_data.sample(4).held_out is tiny_data.held_out


def test_a_sample_larger_than_a_class_is_refused(tiny_data):
    with pytest.raises(ValueError, match=r"has 10 images; 11 were asked for"):
        tiny_data.sample(11, 1)


def test_the_stand_in_has_the_shape_of_cifar10(standin_data):
    for split, count in ((standin_data.train, 1000), (standin_data.held_out, 200)):
        assert split.images.dtype == torch.uint8
        assert split.images.shape == (10 * count, 3, 32, 32)
        assert split.labels.bincount().tolist() == [count] * 10
    assert standin_data.for_choosing().held_out.labels.bincount().tolist() == [100] * 10
    assert standin_data.name == "stand-in" and "NOT CIFAR-10" in standin_data.source


# Augmentation and scaling


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def batch():
    """Pixels that are never 0, so that a black border shows; higher than wide."""
    return torch.randint(1, 256, (500, 3, 7, 5), generator=seeded(9), dtype=torch.uint8)


def prepared_as(scaling, images, *parts):
    return Preparation((scaling, *parts), images)


def augmented(images, *parts, seed=0):
    change = Augmenter(parts, images).epoch(len(images), seeded(seed))
    return change(images, slice(None))


def draws(part, images, count=500, seed=0):
    draw, _ = part.made_for(images)
    return draw(count, seeded(seed))


@pytest.mark.parametrize("part", [Flip(), VerticalFlip(), Shift(2), Crop(4), Cutout(3)])
def test_augmentation_follows_its_generator(batch, part):
    before = batch.clone()
    assert torch.equal(augmented(batch, part, seed=1), augmented(batch, part, seed=1))
    assert not torch.equal(augmented(batch, part, seed=1), augmented(batch, part, seed=2))
    assert augmented(batch, part).dtype == torch.uint8 and torch.equal(batch, before)


def test_a_batch_gets_the_draws_of_its_own_images(batch):
    augmenter = Augmenter((Flip(), Shift(2), Cutout(2), Colour(1.0)), batch)
    change = augmenter.epoch(500, seeded())
    whole = change(batch, slice(None))
    for which in (slice(0, 7), slice(7, 500)):
        assert torch.equal(change(batch[which], which), whole[which])


def test_draws_are_made_in_the_order_in_which_recorded_runs_made_them(batch):
    """Flips, then places, then colours, of a whole epoch each: here written out. A recorded run can
    be made again only while this stays.
    """
    change = Augmenter((Flip(shared=3), Crop(4, shared=3), Colour(0.1)), batch).epoch(
        500, seeded(5)
    )
    generator = seeded(5)
    mirrored = torch.rand(167, generator=generator) < 0.5
    places = torch.randint(0, 2, (167, 2), generator=generator)
    colours = torch.randn(500, 3, generator=generator) @ (0.1 * colour_directions(batch)).T
    expected = torch.empty(500, 3, 4, 4)
    for i, image in enumerate(batch.float() / 255):
        down, right = places[i // 3]
        image = image.flip(2) if mirrored[i // 3] else image
        expected[i] = image[:, down : down + 4, right : right + 4] + colours[i][:, None, None]
    assert torch.equal(change(batch, slice(None)), expected)

    change = Augmenter((VerticalFlip(), Shift(1)), batch).epoch(500, seeded(6))
    generator = seeded(6)
    turned = torch.rand(500, generator=generator) < 0.5
    places = torch.randint(0, 3, (500, 2), generator=generator)
    padded = torch.nn.functional.pad(
        torch.where(turned[:, None, None, None], batch.flip(2), batch), (1,) * 4
    )
    windows = [x[:, d : d + 7, r : r + 5] for x, (d, r) in zip(padded, places)]
    assert torch.equal(change(batch, slice(None)), torch.stack(windows))


@pytest.mark.parametrize(
    ("part", "mirrored"),
    [
        (Flip(), lambda images: images[:, :, :, ::-1]),
        (VerticalFlip(), lambda images: images[:, :, ::-1]),
    ],
)
def test_flip_mirrors_half_of_the_images_whole(batch, part, mirrored):
    flipped = augmented(batch, part)
    mirror = torch.from_numpy(mirrored(batch.numpy()).copy())
    kept = (flipped == batch).flatten(1).all(1)
    mirrored = (flipped == mirror).flatten(1).all(1)
    assert (kept ^ mirrored).all()
    assert 200 < mirrored.sum() < 300  # of 500; one chance in 100,000 for another seed


def test_shift_is_a_crop_of_the_padded_image_at_any_offset(batch):
    shifted = augmented(batch, Shift(2))
    assert shifted.shape == batch.shape
    padded = np.zeros((500, 3, 11, 9), dtype=np.uint8)
    padded[:, :, 2:9, 2:7] = batch
    found = np.zeros((500, 5, 5), dtype=bool)
    for down in range(5):
        for right in range(5):
            crop = padded[:, :, down : down + 7, right : right + 5]
            found[:, down, right] = (crop == shifted.numpy()).all(axis=(1, 2, 3))
    assert (found.sum(axis=(1, 2)) == 1).all()  # one offset for each image
    assert found.sum(axis=0).min() > 5  # all 25 offsets occur, each about 20 times


def test_offsets_count_down_then_right():
    image = torch.arange(1, 10, dtype=torch.uint8).view(1, 1, 3, 3)
    still = shift(image, 1, torch.tensor([[1, 1]]))
    up_and_left = shift(image, 1, torch.tensor([[2, 2]]))
    down = shift(image, 1, torch.tensor([[0, 1]]))
    assert torch.equal(still, image)
    assert up_and_left[0, 0].tolist() == [[5, 6, 0], [8, 9, 0], [0, 0, 0]]
    assert down[0, 0].tolist() == [[0, 0, 0], [1, 2, 3], [4, 5, 6]]


def test_a_crop_is_a_window_of_the_image_at_any_place(batch):
    cropped = augmented(batch, Crop(4))
    assert cropped.shape == (500, 3, 4, 4)
    found = np.zeros((500, 2, 2), dtype=bool)
    for down in (0, 1):
        for right in (0, 1):
            window = batch[:, :, down : down + 4, right : right + 4]
            found[:, down, right] = (window == cropped).flatten(1).all(1)
    assert (found.sum(axis=(1, 2)) == 1).all()
    assert found.sum(axis=0).min() > 75  # each of the four about 125 times


def test_a_crop_larger_than_the_images_is_refused(batch):
    for make in (Crop(6).made_for, lambda images: Preparation((CentreCrop(6),), images)):
        with pytest.raises(ValueError, match="cuts 6 pixels out of images of 5; its side must be"):
            make(batch)


@pytest.mark.parametrize("side", [1, 2, 3, 20])
def test_cutout_paints_one_square_in_the_mean_colour(batch, side):
    """By hand, from the centres drawn: what lies outside of the image is lost."""
    painted, centres = augmented(batch, Cutout(side)), draws(Cutout(side), batch)
    mean = batch.double().mean((0, 2, 3)).round().to(torch.uint8)
    expected = batch.clone()
    for image, (row, column) in zip(expected, centres.tolist(), strict=True):
        top, left = row - side // 2, column - side // 2
        rows, columns = slice(max(0, top), top + side), slice(max(0, left), left + side)
        image[:, rows, columns] = mean[:, None, None]
    assert torch.equal(painted, expected)
    assert {tuple(c) for c in centres.tolist()} == {(r, c) for r in range(7) for c in range(5)}


def test_cutout_of_fractions_paints_the_mean_itself(batch):
    bright = batch / 255
    draw, change = Cutout(20).made_for(batch)
    painted = change(bright, draw(500, seeded()))
    mean = bright.double().mean((0, 2, 3)).float()
    torch.testing.assert_close(painted, mean[None, :, None, None].expand_as(painted))


def test_images_in_a_row_share_a_draw_where_a_part_says_so(batch):
    images = batch[:1].repeat(100, 1, 1, 1)
    for part in (Flip(shared=32), Crop(4, shared=32), Cutout(2, shared=32)):
        groups = augmented(images, part, seed=1).split(32)
        assert [len(group) for group in groups] == [32, 32, 32, 4]
        assert all((group == group[0]).all() for group in groups)
        assert len({str(group[0]) for group in groups}) > 1
    coloured = augmented(images, Flip(shared=100), Colour(1.0))
    assert len(coloured.amax((2, 3)).unique(dim=0)) == 100


def test_nothing_asked_for_is_no_change(batch):
    assert augmented(batch) is batch


def test_colour_directions_are_the_principal_components_of_all_pixels(batch):
    pixels = batch.permute(0, 2, 3, 1).reshape(-1, 3).numpy() / 255
    pixels = pixels @ np.array([[1, 0.5, 0.2], [0, 1, 0.1], [0, 0, 1]]) / 2
    images = torch.from_numpy((pixels * 255).round().astype(np.uint8)).view(500, 7, 5, 3)
    images = images.permute(0, 3, 1, 2)
    directions = colour_directions(images).double().numpy()
    flat = images.permute(1, 0, 2, 3).reshape(3, -1).numpy() / 255
    # D Dᵀ is the covariance, and the columns are orthogonal, the widest last.
    np.testing.assert_allclose(directions @ directions.T, np.cov(flat, bias=True), atol=1e-6)
    widths = directions.T @ directions
    np.testing.assert_allclose(widths, np.diag(np.diag(widths)), atol=1e-6)
    assert (np.diff(np.diag(widths)) > 0).all()


def test_colours_are_one_draw_an_image_spread_like_the_pixels(batch):
    colours = draws(Colour(0.5), batch, count=20_000)
    assert colours.shape == (20_000, 3)
    pixels = batch.transpose(0, 1).flatten(1).numpy() / 255
    np.testing.assert_allclose(np.cov(colours.numpy().T), 0.25 * np.cov(pixels), atol=0.001)


def test_a_colour_is_added_to_every_pixel_before_scaling(batch):
    preparation = prepared_as(MinusOneToOne(), batch)
    added = preparation(augmented(batch, Colour(0.1))) - preparation(batch)
    expected = 2 * draws(Colour(0.1), batch)  # half of full brightness is 1
    torch.testing.assert_close(
        added, expected[:, :, None, None].expand_as(added), atol=1e-6, rtol=0
    )


def test_images_are_brought_to_the_size_that_is_asked_for():
    images = torch.tensor([[0, 255], [0, 255]], dtype=torch.uint8).view(1, 1, 2, 2)
    scaled = prepared_as(MinusOneToOne(), images, Resize(4))(images)
    # Bilinear, by hand: new centres stand at −0.25, 0.25, 0.75, 1.25 of the old columns.
    assert scaled.shape == (1, 1, 4, 4)
    torch.testing.assert_close(scaled[0, 0], torch.tensor([[-1, -0.5, 0.5, 1.0]]).expand(4, 4))


@pytest.mark.parametrize("size", [5, 4, 1])
def test_preparation_cuts_to_the_middle(batch, size):
    from torchvision.transforms.v2.functional import center_crop

    square = batch[:, :, :5]
    prepared = Preparation((CentreCrop(size), MinusOneToOne()), square)(square)
    whole = prepared_as(MinusOneToOne(), square)
    assert torch.equal(prepared, whole(center_crop(square, [size, size])))


def test_grey_images_have_no_colour_directions():
    with pytest.raises(ValueError, match="need 3 channels, got 1"):
        colour_directions(torch.zeros(2, 1, 4, 4, dtype=torch.uint8))


def test_minus_one_to_one_takes_black_and_white_to_the_ends():
    images = torch.tensor([0, 255, 51], dtype=torch.uint8).view(1, 3, 1, 1)
    scaled = prepared_as(MinusOneToOne(), images)(images)
    assert scaled.dtype == torch.float32 and scaled.shape == images.shape
    assert scaled.flatten().tolist() == pytest.approx([-1, 1, -0.6], abs=1e-6)


def test_per_channel_gives_each_channel_mean_0_and_deviation_1(batch):
    images = batch.clone()
    images[:, 1] //= 3
    images[:, 2] = images[:, 2] // 5 + 100
    scaled = prepared_as(PerChannel(), images)(images).transpose(0, 1).flatten(1)
    assert scaled.mean(1).tolist() == pytest.approx([0, 0, 0], abs=1e-4)
    assert scaled.std(1).tolist() == pytest.approx([1, 1, 1], abs=1e-3)


def test_centred_takes_off_the_mean_and_nothing_else(batch):
    """Levels stay levels: 0 and 200 about their mean of 100."""
    images = torch.tensor([[0, 200], [200, 0]], dtype=torch.uint8).view(1, 1, 2, 2)
    scaled = prepared_as(Centred(), images)(images)
    assert scaled.flatten().tolist() == pytest.approx([-100, 100, 100, -100], abs=1e-3)
    scaled = prepared_as(Centred(), batch)(batch).transpose(0, 1).flatten(1)
    assert scaled.mean(1).tolist() == pytest.approx([0, 0, 0], abs=1e-2)
    raw = batch.transpose(0, 1).flatten(1).float().std(1)
    assert scaled.std(1).tolist() == pytest.approx(raw.tolist(), rel=1e-4)


def test_a_channel_of_one_colour_is_no_division_by_zero():
    images = torch.full((4, 3, 2, 2), 9, dtype=torch.uint8)
    assert prepared_as(PerChannel(), images)(images).abs().max() < 1e-4
