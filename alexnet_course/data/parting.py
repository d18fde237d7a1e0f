"""Parting pictures into those to train on, to choose by and to measure with, without a leak."""

from collections.abc import Sequence

import numpy as np

from alexnet_course.data.images import DataError

TRAIN, VALIDATION, TEST = "train", "validation", "test"
HELD_OUT_SHARE = 0.15  # of each class, for validation, and as much for test
UNBALANCED = 1.5  # so many times as large as the smallest class


def part(
    labels: np.ndarray,
    groups: np.ndarray,
    classes: Sequence[str],
    seed: int = 0,
    shares: tuple[float, float] = (HELD_OUT_SHARE, HELD_OUT_SHARE),
) -> np.ndarray:
    """The part of each picture: texts ``[N]``.

    Each class gives about ``shares`` of its pictures to validation and to test, at least one
    group each. The pictures of a group, such as near copies, stay together, whatever their
    labels; a group counts as of its first picture's class. A share of 0 makes no such part.

    Raises :class:`~alexnet_course.data.DataError` for a class of too few groups.
    """
    _, first = np.unique(groups, return_index=True)
    rng = np.random.default_rng(seed)
    parts = np.full(len(labels), TRAIN, dtype=object)
    wanted = {name: x for name, x in zip((VALIDATION, TEST), shares, strict=True) if x}
    for label, name in enumerate(classes):
        own = rng.permutation(groups[first[labels[first] == label]])
        if len(own) <= len(wanted):
            choose = "to choose by " if VALIDATION in wanted else ""
            raise DataError(
                f"the class {name} has {len(own)} different pictures (near copies count once, and "
                f"for one class); expected at least {len(wanted) + 1}, to train on, {choose}and to "
                "measure with. Add some, or take the class out"
            )
        count = int((labels == label).sum())
        spare = len(own) - len(wanted) - 1
        for held_out, share in wanted.items():
            took, own = _taken(own, groups, share * count, spare)
            parts[np.isin(groups, took)] = held_out
            spare -= len(took) - 1
    return parts


def _taken(
    own: np.ndarray, groups: np.ndarray, wanted: float, spare: int
) -> tuple[np.ndarray, np.ndarray]:
    """The first of the groups ``own`` that hold about so many pictures, one and at most ``spare``
    more; and the rest.
    """
    sizes = np.cumsum([(groups == group).sum() for group in own])
    count = 1 + min(int((sizes[1:] <= wanted).sum()), spare)
    return own[:count], own[count:]


def leaking(parts: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Which pictures have a near copy in a part that is further from training: bool ``[N]``.

    Where folders part the pictures, these are to be left out: training pictures with a copy in
    validation or test, and validation pictures with one in test.
    """
    rank = np.array([(TRAIN, VALIDATION, TEST).index(part) for part in parts])
    highest = np.zeros(groups.max(initial=-1) + 1, dtype=int)
    np.maximum.at(highest, groups, rank)
    return rank < highest[groups]


def unbalanced(labels: np.ndarray) -> bool:
    """Whether the largest class is more than one and a half times as large as the smallest."""
    counts = np.bincount(labels)
    return bool(counts.max() > UNBALANCED * counts.min())


def balancing(labels: np.ndarray) -> np.ndarray:
    """Places ``[M]`` at which every class comes as often as the largest: those of smaller classes
    again and again, each nearly as often as another.
    """
    places = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    most = max(map(len, places))
    return np.sort(np.concatenate([np.resize(own, most) for own in places]))
