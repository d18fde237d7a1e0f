"""What all tests share: surroundings of their own, and data and a network too small to wait for."""

import os
import sys
import warnings

import numpy as np
import pytest
import torch
from hypothesis import settings

from alexnet_course.architectures import Architecture
from alexnet_course.data import ImageData, Split, stand_in
from alexnet_course.data.augmentation import Flip, Shift
from alexnet_course.layers import Conv, Dropout, Flatten, Linear, Pool, ReLU
from alexnet_course.optimisers import SGD
from alexnet_course.recipes import Recipe
from alexnet_course.schedules import OneCycle
from built import ROOT, site  # noqa: F401  (a fixture)

sys.path.insert(0, str(ROOT / "tools"))
from browser import VARIABLE, chromium

os.environ.pop("ALEXNET_COURSE_EXERCISES", None)  # tests are of the exercises that are here
settings.register_profile("course", deadline=None)  # no clock decides
settings.load_profile("course")

TINY = Architecture(
    "tiny",
    (3, 32, 32),
    (
        Conv("conv1", 4, kernel=5, stride=2),
        ReLU("relu1"),
        Pool("pool1", kernel=3, stride=2),
        Dropout("dropout1", 0.2),
        Flatten("flatten"),
        Linear("fc2", 3),
    ),
)


def make_data(train: int = 10, test: int = 5, seed: int = 0, name: str = "tiny") -> ImageData:
    """Noise in three classes, each brighter in one channel; ``train`` + ``test`` images a class."""
    rng = np.random.default_rng(seed)

    def split(count):
        labels = np.repeat(np.arange(3), count)
        images = rng.integers(0, 156, (len(labels), 3, 32, 32), dtype=np.uint8)
        images[np.arange(len(labels)), labels] += 40
        return Split.in_canonical_order(images, labels)

    classes = ("reddish", "greenish", "bluish")
    return ImageData(name, classes, split(train), split(test), "test", "noise made for a test")


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path_factory, monkeypatch):
    """No test reads or writes the cache of whoever runs it, nor heeds their settings."""
    monkeypatch.setenv("ALEXNET_COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv("ALEXNET_COURSE_CIFAR10", raising=False)
    monkeypatch.delenv("ALEXNET_COURSE_SCALE", raising=False)


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Equal digits are promised for equal numbers of threads; tiny networks are fastest on one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def standin_data():
    """The whole bundled stand-in, drawn once."""
    return stand_in()


@pytest.fixture(scope="session")
def tiny_data():
    """30 training and 15 test images."""
    return make_data()


@pytest.fixture(scope="session")
def tiny():
    """A network with one convolution of four maps, and dropout."""
    return TINY


@pytest.fixture(scope="session")
def short():
    """A recipe that uses every random draw, and whose last batch is smaller."""
    return Recipe(
        "short",
        epochs=3,
        batch_size=8,
        optimiser=SGD(0.02, momentum=0.9),
        schedule=OneCycle(),
        augmentation=(Flip(), Shift(2)),
    )


@pytest.fixture(scope="module")
def browser():
    """Chromium, driven by Playwright; where there is none, it says loudly what is not tested."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if not chromium():
        reason = f"no Chromium on PATH or in {VARIABLE}: the book is neither looked at nor printed"
        warnings.warn(reason, stacklevel=1)
        pytest.skip(reason)
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield running
        running.close()
