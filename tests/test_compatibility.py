"""Networks and images that don't go together: a sentence before the first epoch."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from alexnet_course import training
from alexnet_course.compatibility import require_match
from alexnet_course.data import Preparation, Split, drawn_faces, export_folders, image_folder
from alexnet_course.data.preparation import CentreCrop, MinusOneToOne, Resize
from alexnet_course.network import build
from alexnet_course.training import fit

CALMLY = {"device": "cpu", "precision": "float32", "progress": False}


@pytest.fixture
def refused(tiny, tiny_data, short):
    """The sentence with which ``fit`` refuses; keyword arguments change one thing."""

    def refused(network=None, data=tiny_data, recipe=short):
        with pytest.raises(ValueError) as caught:
            fit(network or build(tiny, seed=0), data, recipe, **CALMLY)
        return str(caught.value)

    return refused


def changed(data, part, change):
    return replace(data, **{part: change(getattr(data, part))})


# Sizes


@pytest.mark.parametrize(
    ("part", "size"),
    [(CentreCrop(24), "3×24×24"), (Resize(64), "3×64×64"), (Resize(3), "3×3×3")],
)
def test_a_recipe_that_brings_images_to_a_wrong_size(refused, short, part, size):
    said = refused(recipe=replace(short, preparation=(part,)))
    assert said.startswith(f"images of 3×32×32, brought to {size} by the recipe, do not fit")
    assert "tiny is made for images of 3×32×32" in said and "\n" not in said
    assert said.endswith("by the recipe's preparation")


def test_the_layer_that_cannot_go_on_is_named(refused, tiny, short):
    said = refused(recipe=replace(short, preparation=(CentreCrop(24),)))
    assert "stops at fc2, Linear(in_features=144, out_features=3, bias=True) (" in said
    plain = nn.Sequential(*build(tiny, seed=0))
    small = replace(short, preparation=(Resize(20),))
    assert "stops at 5, Linear(in_features=144," in refused(plain, recipe=small)


@pytest.mark.parametrize("part", ["train", "held_out"])
def test_images_of_a_wrong_size(refused, tiny_data, part):
    data = changed(tiny_data, part, lambda s: Split(s.images[:, :, :28, :28], s.labels))
    said = refused(data=data)
    assert said.startswith("images of 3×28×28 do not fit the network, which stops at fc2")


def test_grey_images_for_a_network_of_colours(refused, tiny_data):
    data = tiny_data
    for part in ("train", "held_out"):
        data = changed(data, part, lambda s: Split(s.images[:, :1], s.labels))
    said = refused(data=data)
    assert said.startswith("images of 1×32×32 do not fit") and "stops at conv1, Conv2d(3, 4" in said


def test_files_of_a_wrong_size(refused, tmp_path):
    export_folders(drawn_faces(train=1, test=1), tmp_path)
    said = refused(data=image_folder(tmp_path, size=20, memory=0))
    assert said.startswith("images of 3×20×20 do not fit") and "image_folder(size=…)" in said


# Outputs


@pytest.mark.parametrize("part", ["train", "held_out"])
def test_more_classes_than_outputs(refused, tiny_data, part):
    data = changed(tiny_data, part, lambda s: Split(s.images, s.labels + 3))
    said = refused(data=replace(data, classes=tuple("abcdef")))
    assert "'tiny' has 6 classes, with labels from 3 to 5, and the network has 3 outputs" in said


def test_a_label_below_0(refused, tiny_data):
    assert "labels from -100 to -98" in refused(
        data=changed(tiny_data, "train", lambda s: Split(s.images, s.labels - 100))
    )


@pytest.mark.parametrize(
    ("network", "shape"),
    [
        (nn.Conv2d(3, 3, 32, stride=32), "2×3×1×1"),
        (nn.Sequential(nn.Flatten(0), nn.Linear(6144, 3)), "3"),
    ],
)
def test_a_network_that_does_not_make_a_row_of_each_image(refused, network, shape):
    assert f"makes {shape} values of two images; expected two rows" in refused(network)


def test_more_outputs_than_classes_are_no_fault(tiny_data, short):
    network = nn.Sequential(nn.Flatten(), nn.Linear(3072, 5))
    assert len(fit(network, tiny_data, replace(short, epochs=1), **CALMLY).rows) == 1


# The check itself


def test_nothing_is_changed_by_the_check(tiny, tiny_data, short, monkeypatch):
    architecture = tiny.replace("dropout1", at_test=True)  # draws in evaluation mode, too

    def run():
        torch.manual_seed(7)
        torch.rand(3)
        modules = list(build(architecture, seed=0))
        network = nn.Sequential(*modules[:1], nn.BatchNorm2d(4), *modules[1:])
        history = fit(network, tiny_data, short, **CALMLY).frame.drop(columns="seconds")
        return history, list(network.state_dict().values()), torch.rand(3)

    history, state, following = run()
    monkeypatch.setattr(training, "require_match", lambda *_: None)
    expected, expected_state, expected_following = run()
    assert history.equals(expected) and torch.equal(following, expected_following)
    assert all(torch.equal(a, b) for a, b in zip(state, expected_state, strict=True))


@pytest.mark.parametrize("mode", [True, False])
def test_the_network_keeps_its_mode(tiny, tiny_data, mode):
    network = build(tiny, seed=0).train(mode)
    whole, small = (
        Preparation(parts, tiny_data.train.images) for parts in ((MinusOneToOne(),), (Resize(24),))
    )
    require_match(network, tiny_data, whole)
    assert network.training == mode
    with pytest.raises(ValueError):
        require_match(network, tiny_data, small)
    assert network.training == mode
