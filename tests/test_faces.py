"""The drawn faces: their format, their determinism, that they are not too easy or alike."""

import numpy as np
import pytest
import torch
from torch import nn

from alexnet_course.__main__ import main
from alexnet_course.data import drawn_faces, image_folder
from alexnet_course.optimisers import Adam
from alexnet_course.recipes import Recipe
from alexnet_course.training import fit


@pytest.fixture(scope="module")
def faces():
    """60 training and 20 test faces of each expression."""
    return drawn_faces(train=60, test=20)


def test_the_form_is_that_of_fer2013(faces):
    assert faces.classes == ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")
    assert faces.held_out_name == "test" and faces.name == "drawn faces"
    for split, count in ((faces.train, 60), (faces.held_out, 20)):
        assert split.images.shape == (7 * count, 3, 48, 48) and split.images.dtype == torch.uint8
        assert split.labels.dtype == torch.int64
        assert split.labels.bincount().tolist() == [count] * 7
        assert (split.images == split.images[:, :1]).all()  # grey
        assert split.images.flatten(1).float().std(1).min() > 5  # no image is blank


def test_the_source_says_that_they_are_no_photographs(faces):
    assert "drawings" in faces.source
    assert "not photographs" in faces.source and "NOT FER2013" in faces.source


def test_the_seed_decides_everything():
    first, again, other = (drawn_faces(seed, train=3, test=2) for seed in (3, 3, 4))
    assert first.digest == again.digest != other.digest
    assert torch.equal(first.train.images, again.train.images)
    images = {image.numpy().tobytes() for image in first.train.images}
    assert images.isdisjoint(image.numpy().tobytes() for image in other.train.images)


def test_a_part_does_not_depend_on_the_size_of_the_other():
    small, large = drawn_faces(train=2, test=2), drawn_faces(train=4, test=2)
    assert torch.equal(small.held_out.images, large.held_out.images)
    assert torch.equal(small.held_out.labels, large.held_out.labels)


def test_no_image_occurs_twice(faces):
    images = torch.cat([faces.train.images, faces.held_out.images])
    assert len({image.numpy().tobytes() for image in images}) == 7 * 80


def test_the_first_images_are_a_mixture(faces):
    assert len(faces.train.labels[:40].unique()) == 7


def test_a_face_of_another_size_is_the_same_picture():
    small, large = drawn_faces(train=1, test=1), drawn_faces(train=1, test=1, size=96)
    assert large.train.images.shape == (7, 3, 96, 96)
    # The first one drawn, averaged over 6 × 6 squares: later ones follow other draws of noise.
    pictures = [data.train.images[data.train.labels == 0, :1].float() for data in (small, large)]
    coarse = [nn.functional.adaptive_avg_pool2d(picture, 6) for picture in pictures]
    torch.testing.assert_close(*coarse, atol=8, rtol=0)


@pytest.mark.parametrize("name", ["train", "test", "size"])
def test_nothing_to_draw_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
        drawn_faces(**{name: 0})


def test_brightness_by_place_is_not_enough_to_tell_the_expressions_apart(faces):
    train, test = (
        split.images[:, 0].flatten(1).numpy().astype(np.float64)
        for split in (faces.train, faces.held_out)
    )
    labels = faces.train.labels.numpy()
    means = np.stack([train[labels == label].mean(axis=0) for label in range(7)])
    distances = (means**2).sum(axis=1) - 2 * test @ means.T
    assert (distances.argmin(axis=1) == faces.held_out.labels.numpy()).mean() < 0.4


def test_a_small_convolutional_network_learns_them(faces):
    torch.manual_seed(0)
    layers = []
    for inputs, maps in ((3, 8), (8, 16), (16, 32)):
        conv = nn.Conv2d(inputs, maps, 3, padding=1)
        layers += [conv, nn.BatchNorm2d(maps), nn.ReLU(), nn.MaxPool2d(2)]
    network = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 36, 7))
    recipe = Recipe("faces", epochs=8, batch_size=32, optimiser=Adam(0.003))
    history = fit(network, faces, recipe, device="cpu", precision="float32", progress=False)
    assert history.accuracy > 50  # chance is 14.3


def test_exported_faces_read_back_as_the_same_pixels(tmp_path, monkeypatch, capsys):
    few = drawn_faces(train=3, test=2)
    monkeypatch.setattr("alexnet_course.data.drawn_faces", lambda: few)
    out = tmp_path / "faces"
    assert main(["data", "export", str(out), "--of", "faces"]) == 0
    assert f"35 images written to {out}" in capsys.readouterr().out
    read = image_folder(out, size=48)
    assert read.classes == few.classes and read.held_out_name == "test"
    for part in ("train", "held_out"):
        drawn, back = getattr(few, part), getattr(read, part)
        assert torch.equal(back.labels, drawn.labels)
        assert torch.equal(back.images, drawn.images)
    assert read.digest == image_folder(out, size=48, memory=0).digest == few.digest
