"""The published recipes against their documents, and the published loop against a loop by hand."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from alexnet_course.config import digest
from alexnet_course.data import Preparation, Split
from alexnet_course.data.augmentation import Cutout, Flip, Shift, VerticalFlip
from alexnet_course.network import build
from alexnet_course.optimisers import SGD, Adam
from alexnet_course.recipes import TRAINED_WELL
from alexnet_course.results import reported
from alexnet_course.schedules import Constant, OneCycle
from alexnet_course.tutorials import TUTORIALS, by_torchvision, published_steps, tutorial

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "optimiser", "batch", "epochs"),
    [
        ("upscaled-227", SGD(0.001, momentum=0.9), 100, 500),
        ("two-conv", SGD(0.1), 64, 20),
        ("image-folder", SGD(0.01, momentum=0.9), 16, 1),
        ("adam-augmented", Adam(0.001), 64, 10),
        ("five-conv-32", SGD(0.001, momentum=0.9), 64, 30),
    ],
)
def test_a_recipe_has_its_documents_figures(name, optimiser, batch, epochs):
    recipe = tutorial(name).recipe
    assert recipe.optimiser == optimiser and recipe.source
    assert (recipe.batch_size, recipe.epochs, recipe.schedule) == (batch, epochs, Constant())
    augmentation = {"adam-augmented": (Flip(), Shift(4)), "image-folder": (VerticalFlip(),)}
    assert recipe.augmentation == augmentation.get(name, ())


@pytest.mark.parametrize("name", ["upscaled-227", "two-conv", "five-conv-32"])
def test_the_best_accuracy_is_the_reported_one(name):
    table = reported(name, "test_accuracy_percent")
    best = table.loc[table["value"].idxmax()]
    assert (tutorial(name).best, tutorial(name).epoch) == (
        pytest.approx(best["value"], abs=0.005),
        best["at"],
    )


def test_trained_well_changes_the_recipe_and_nothing_of_the_network():
    assert TRAINED_WELL.keys() <= TUTORIALS.keys()
    assert all(digest(r) != digest(TUTORIALS[n].recipe) for n, r in TRAINED_WELL.items())


def test_an_unknown_tutorial_is_answered_with_the_known_ones():
    with pytest.raises(KeyError, match=r"no tutorial 'lenet'; choose one of .*two-conv"):
        tutorial("lenet")


@pytest.mark.parametrize("name", ["two-conv", "five-conv-32", "upscaled-227"])
def test_one_image_at_a_time_is_prepared_as_our_batches_are(name, pixels):
    """Resizing apart, where PIL rounds to whole brightness levels in between."""
    images, recipe = torch.from_numpy(pixels), tutorial(name).recipe
    prepare = tutorial(name).prepare(recipe, images)
    singly = torch.stack([prepare(Image.fromarray(image.transpose(1, 2, 0))) for image in pixels])
    whole = Preparation(recipe.preparation, images)(images)
    assert singly.shape == whole.shape == (4, *tutorial(name).architecture.input_shape)
    torch.testing.assert_close(singly, whole, rtol=0, atol=1e-6 if name != "upscaled-227" else 0.02)


def test_faces_are_turned_upside_down_at_random(pixels):
    chosen = tutorial("image-folder")
    prepare = chosen.prepare(chosen.recipe, torch.from_numpy(pixels))
    image = Image.fromarray(pixels[0].transpose(1, 2, 0))
    seen = [prepare(image) for _ in range(20)]
    upright = [torch.equal(x, seen[0]) for x in seen]
    turned = [torch.equal(x, seen[0].flip(1)) for x in seen]
    assert all(u != t for u, t in zip(upright, turned, strict=True)) and {*upright} == {True, False}


def test_the_published_loop_shifts_and_scales_as_the_recipe_says(pixels):
    """Every place of a shift by up to 4 pixels is one that the recipe's own step makes."""
    recipe = tutorial("adam-augmented").recipe.without(Flip)
    images = torch.from_numpy(pixels)
    prepare, scale = by_torchvision(recipe, images), Preparation(recipe.preparation, images)
    image = Image.fromarray(pixels[0].transpose(1, 2, 0))
    padded = F.pad(images[:1], (4,) * 4)
    places = {
        (down, right): scale(padded[:, :, down : down + 32, right : right + 32])[0]
        for down in range(9)
        for right in range(9)
    }
    seen = [prepare(image) for _ in range(12)]
    found = [[p for p, x in places.items() if torch.allclose(x, s, atol=1e-5)] for s in seen]
    assert all(len(at) == 1 for at in found) and len({at[0] for at in found}) > 3


def test_what_the_published_loop_cannot_do_is_refused(pixels):
    chosen, split = tutorial("two-conv"), Split(torch.from_numpy(pixels), torch.zeros(4).long())
    cycle = replace(chosen, recipe=replace(chosen.recipe, schedule=OneCycle()))
    with pytest.raises(ValueError, match=r"keep their rates; OneCycle\(warmup=0.25\) changes it"):
        next(published_steps(cycle, split, CPU))
    recipe = replace(chosen.recipe, augmentation=(Cutout(8),))
    with pytest.raises(TypeError, match=r"no transform of torchvision .* Cutout\(.*side=8"):
        by_torchvision(recipe, split.images)


def test_the_published_loop_takes_the_documents_steps(pixels, monkeypatch):
    """Four images of one kind are one batch in any order: follow two steps by hand."""
    images = torch.from_numpy(pixels[:1]).repeat(4, 1, 1, 1)
    labels = torch.full((4,), 7)
    made = []

    def remember(*arguments, **options):
        made.append(build(*arguments, **options))
        return made[-1]

    monkeypatch.setattr("alexnet_course.tutorials.build", remember)
    steps = published_steps(tutorial("two-conv"), Split(images, labels), CPU)
    assert list(itertools.islice(steps, 3)) == [4, 4, 4]

    network = build(tutorial("two-conv").architecture, seed=0)
    for _ in range(3):
        loss = F.cross_entropy(network(images.float() / 127.5 - 1), labels)
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        with torch.no_grad():
            for weight, gradient in zip(network.parameters(), gradients, strict=True):
                weight -= 0.1 * gradient
    for theirs, ours in zip(made[0].parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-6)


def test_the_published_loop_reads_every_image_once_an_epoch():
    count = 130
    split = Split(torch.zeros(count, 3, 32, 32, dtype=torch.uint8), torch.zeros(count).long())
    steps = published_steps(tutorial("two-conv"), split, CPU)
    assert list(itertools.islice(steps, 6)) == [64, 64, 2, 64, 64, 2]
