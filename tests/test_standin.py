"""The stand-in data set: its format, its determinism, and that it's not too easy."""

import numpy as np
import pytest

from alexnet_course.data.standin import CLASSES, make_standin


@pytest.fixture(scope="module")
def data():
    return make_standin(seed=0, train=2000, test=500)


def test_classes_are_ten_names_in_alphabetical_order():
    assert len(set(CLASSES)) == 10
    assert list(CLASSES) == sorted(name.lower() for name in CLASSES)


def test_format_and_balance(data):
    for images, labels, count in ((*data[:2], 2000), (*data[2:], 500)):
        assert images.shape == (count, 3, 32, 32) and images.dtype == np.uint8
        assert labels.shape == (count,) and labels.dtype == np.int64
        assert np.bincount(labels).tolist() == [count // 10] * 10
        assert len(set(labels[:20])) > 3  # shuffled
        assert images.reshape(count, -1).std(axis=1).min() > 1  # no image is blank


def test_the_seed_decides_everything():
    first, again, other = (make_standin(seed, train=50, test=20) for seed in (3, 3, 4))
    for a, b, c in zip(first, again, other, strict=True):
        assert np.array_equal(a, b)
        assert not np.array_equal(a, c)


def test_a_set_does_not_depend_on_the_size_of_the_other():
    small, large = make_standin(train=20, test=20), make_standin(train=40, test=20)
    assert np.array_equal(small[2], large[2])
    assert np.array_equal(small[3], large[3])


def test_no_image_occurs_twice(data):
    distinct = {image.tobytes() for image in np.concatenate([data[0], data[2]])}
    assert len(distinct) == 2500


@pytest.mark.parametrize("sizes", [(0, 10), (10, 0), (15, 10), (10, 15), (-10, 10)])
def test_sizes_must_be_positive_multiples_of_ten(sizes):
    with pytest.raises(ValueError, match="positive multiple of 10"):
        make_standin(0, *sizes)


def test_class_means_are_not_enough_to_tell_the_classes_apart(data):
    train, train_labels, test, test_labels = data
    train, test = (x.reshape(len(x), -1).astype(np.float32) for x in (train, test))
    means = np.stack([train[train_labels == label].mean(axis=0) for label in range(10)])
    distances = (means**2).sum(axis=1) - 2 * test @ means.T
    assert (distances.argmin(axis=1) == test_labels).mean() < 0.5
