"""The small sets of the page on one's own pictures, and arms that begin with what one taught."""

import sys
from dataclasses import replace

import pytest
import torch

from alexnet_course import recording
from alexnet_course.data import drawn_faces, image_data
from alexnet_course.data.small_sets import SMALL_SETS, copied_faces, copies, of_classes
from alexnet_course.experiments import EXPERIMENTS, Arm, Start


@pytest.fixture(scope="module")
def few_faces():
    return drawn_faces(train=2, test=1, size=16)


def test_a_part_of_the_classes_has_labels_of_its_own(few_faces):
    part = of_classes(few_faces, ("sad", "angry"), "two")
    assert part.classes == ("sad", "angry") and part.name == "two"
    assert part.train.labels.bincount().tolist() == [2, 2]
    for name, label in (("sad", 0), ("angry", 1)):
        old = few_faces.train.labels == few_faces.classes.index(name)
        assert torch.equal(
            part.train.images[part.train.labels == label], few_faces.train.images[old]
        )


def test_copies_are_the_image_itself_a_blurred_and_a_brighter_one():
    image = torch.tensor([[0, 10], [20, 200]], dtype=torch.uint8).expand(1, 3, 2, 2)
    same, small, bright = copies(image)[0]
    assert torch.equal(same, image[0])
    assert small.unique().tolist() == [58]  # (0 + 10 + 20 + 200) / 4, rounded to even
    assert bright[0].tolist() == [[0, 12], [23, 230]]


def test_digits_are_those_of_scikit_learn():
    data = image_data("handwritten digits")
    assert len(data.train) + len(data.held_out) == 1_797
    assert data.held_out.labels.bincount().tolist() == [70] * 10
    images = data.train.images
    assert images.shape[1:] == (3, 32, 32) and (images[:, 0] == images[:, 2]).all()
    blocks = images[:, 0].unflatten(2, (8, 4)).unflatten(1, (8, 4)).float()
    assert (blocks.std((2, 4)) == 0).all()  # each of 8 × 8 pixels is 4 × 4 alike


def test_without_scikit_learn_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ModuleNotFoundError, match="pip install scikit-learn"):
        image_data("handwritten digits")


def test_faces_parted_by_picture_share_faces_and_those_parted_by_face_do_not():
    """A copy that is nothing but saved again is equal in the mean of each four pixels."""

    def originals(split):
        coarse = split.images[:, 0].float().unflatten(2, (-1, 2)).unflatten(1, (-1, 2))
        return {tuple(image.round().flatten().tolist()) for image in coarse.mean((2, 4))}

    by_picture, by_face = copied_faces("picture"), copied_faces("face")
    assert len(originals(by_picture.train) & originals(by_picture.held_out)) > 50
    assert originals(by_face.train) & originals(by_face.held_out) == set()
    new = copied_faces("picture, new faces")
    assert torch.equal(new.train.images, by_picture.train.images) and len(new.held_out) == 350


@pytest.mark.parametrize("name", [name for name in SMALL_SETS if "digits" in name])
def test_a_set_is_known_by_its_name(name):
    assert image_data(name).name == name


@pytest.fixture
def arm(tiny, short, monkeypatch, tiny_data):
    """An arm that begins with what it learned of the same images."""
    monkeypatch.setattr(recording, "image_data", lambda name: tiny_data)
    monkeypatch.setattr(recording, "_LEARNED", {})
    return Arm(tiny, replace(short, epochs=1), start=Start("tiny", short))


def test_an_arm_begins_with_what_its_start_teaches_but_for_the_last_layer(arm):
    begun, again, first = (
        recording.first_network(one, 0, torch.device("cpu"), "float32")
        for one in (arm, arm, replace(arm, start=None))
    )
    assert not torch.equal(begun.conv1.weight, first.conv1.weight)
    assert torch.equal(begun.conv1.weight, again.conv1.weight)
    assert torch.equal(begun.fc2.weight, first.fc2.weight)


def test_in_a_frozen_arm_the_last_layer_alone_learns(arm):
    network = recording.first_network(replace(arm, frozen=True), 0, torch.device("cpu"), "float32")
    learning = [name for name, weight in network.named_parameters() if weight.requires_grad]
    assert learning == ["fc2.weight", "fc2.bias"]


def test_layers_that_an_arm_names_are_frozen_and_no_others(arm):
    for names, left in {("conv1",): "fc2", ("fc2",): "conv1"}.items():
        named = replace(arm, frozen=names)
        network = recording.first_network(named, 0, torch.device("cpu"), "float32")
        learning = [name for name, weight in network.named_parameters() if weight.requires_grad]
        assert learning == [f"{left}.weight", f"{left}.bias"]
    misspelt = replace(arm, frozen=("conv1", "conv9"))
    with pytest.raises(ValueError, match=r"^to be frozen are conv9, .* weights in conv1, fc2$"):
        recording.first_network(misspelt, 0, torch.device("cpu"), "float32")


def test_arms_differ_in_what_their_names_say():
    arms = EXPERIMENTS["own-pictures"].arms
    for task in ("faces", "digits"):
        for count in (10, 50):
            scratch, features, tuned, random = (
                arms[f"{task}-{way}-{count}"] for way in ("scratch", "features", "tuned", "random")
            )
            assert {one.per_class for one in (scratch, features, tuned, random)} == {count}
            assert replace(features, frozen=False) == tuned
            assert replace(tuned, start=None) == scratch == replace(random, frozen=False)
