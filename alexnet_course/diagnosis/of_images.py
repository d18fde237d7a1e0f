"""Detectors that look at images and labels alone."""

import math
import re
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet_course.diagnosis.program import NotSeen
from alexnet_course.diagnosis.seen import SAMPLE, Seen, some

# Between what sound sets and preparations of the course show and what is planted in them.
NO_CONTRAST = 0.03  # from the darkest value to the brightest; dividing by 255 twice leaves 0.004
PIXELS = 30  # a largest value above that is no share
SCALED_TWICE = 3, 20  # deviations: of 5 after dividing by 0.2 twice; pixels less their mean have 64
APART, RATIOS = 0.25, (0.7, 1.4)  # of channels' means, in deviations, and of their deviations
RARE = 10  # times as rare as the commonest class
A_CLASS = 20  # images of each class, on average, from which its share can be told
COPIES, NEAR = 0.01, 0.15  # shares of test images among the training images, or near to one


def inputs_out_of_scale(seen: Seen) -> str | None:
    x = seen.images.float()
    low, high, mean, std = (float(v) for v in (x.min(), x.max(), x.mean(), x.std()))
    said = (
        f"a batch has the mean {mean:.3g} and the deviation {std:.3g}, from {low:.3g} to {high:.3g}"
    )
    if std == 0 or high - low < NO_CONTRAST:
        return f"{said}: as good as no contrast"
    if low >= 0 and high > PIXELS:
        return f"{said}: pixels are not scaled"
    if SCALED_TWICE[0] < std < SCALED_TWICE[1]:
        return f"{said}: the deviation of images that are scaled once is about 1 or less"
    if low < -1.1 and (mean < -0.75 * std and mean < -0.5) and high - low < 60:
        return f"{said}: far from centred, as after scaling twice"
    return None


def tests_prepared_otherwise(seen: Seen) -> str | None:
    train, test = seen.images.float(), seen.test_images.float()
    if train.ndim != 4 or test.ndim != 4:
        raise NotSeen("images are not of four dimensions")
    if train.shape[1:] != test.shape[1:]:
        shapes = [tuple(x.shape[1:]) for x in (train, test)]
        return f"training images are of {shapes[0]}, test images of {shapes[1]}"
    dims = (0, 2, 3)
    means, deviations = (train.mean(dims), test.mean(dims)), (train.std(dims), test.std(dims))
    size = deviations[0].clamp_min(1e-9)
    noise = train.mean((2, 3)).std(0) / size * math.sqrt(1 / len(train) + 1 / len(test))
    away = (means[0] - means[1]).abs() / size
    ratio = deviations[1] / size
    like = (away < APART + 4 * noise) & (ratio > RATIOS[0]) & (ratio < RATIOS[1])
    if bool(like.all()):
        return _channels_swapped(train, test)
    return (
        f"channel means are {_numbers(means[0])} in training and {_numbers(means[1])} in the test, "
        f"deviations {_numbers(deviations[0])} and {_numbers(deviations[1])}"
    )


def _channels_swapped(train: Tensor, test: Tensor) -> str | None:
    """Whether the test's channels fit the training's far better in the other order."""
    if train.shape[1] != 3:
        return None
    a, b = (x.mean((2, 3)) for x in (train, test))
    gap = (a[:, 0] - a[:, 2], b[:, 0] - b[:, 2])
    spread = math.sqrt(gap[0].var() / len(a) + gap[1].var() / len(b))
    first, second = (float(g.mean()) for g in gap)
    if first * second < 0 and min(abs(first), abs(second)) > 4 * spread:
        return (
            f"the first channel less the last is {first:.3g} in training and {second:.3g} in the "
            "test: as if red and blue had changed places"
        )
    return None


def _numbers(values: Tensor) -> str:
    return ", ".join(f"{float(v):.2f}" for v in values[:3])


def labels_shuffled(seen: Seen) -> str | None:
    images, labels = seen.images.float(), seen.labels
    count = len(images)
    if count < 200 or images.ndim != 4:
        raise NotSeen("fewer than 200 images were seen")
    if count < A_CLASS * len(labels.unique()):
        raise NotSeen("too few images of each class were seen")
    nearest, probe = _label_probe(images, labels)
    commonest = float(labels.bincount().max() / count)
    # Three standard errors above what guessing gives; on sets of the course both are ten above.
    limit = commonest + 3 * math.sqrt(commonest * (1 - commonest) / count)
    if max(nearest, probe) > limit:
        return None
    return (
        f"of {count} images {100 * nearest:.1f} % have the label of their nearest neighbour, and a "
        f"linear probe gets {100 * probe:.1f} % right; guessing gets {100 * commonest:.1f} %"
    )


def _label_probe(images: Tensor, labels: Tensor) -> tuple[float, float]:
    """How often the nearest of other images has the same label, and how often a linear probe on
    random features, left one out, is right.
    """
    small = F.adaptive_avg_pool2d(images, 8).flatten(1)
    centred = small - small.mean(1, keepdim=True)
    distances = torch.cdist(centred, centred)
    copies = distances < 0.01 * distances.mean()
    distances.masked_fill_(copies, math.inf).fill_diagonal_(math.inf)
    nearest = float((labels[distances.argmin(1)] == labels).float().mean())
    return nearest, _probe(images, small, labels)


def _probe(images: Tensor, small: Tensor, labels: Tensor) -> float:
    """Accuracy, left one out, of ridge regression on pixels and on 96 patches of the images."""
    features = [small]
    if min(images.shape[2:]) >= 8:
        features.append(_likeness_to_patches(images))
    x = torch.cat([(f - f.mean(0)) / f.std(0).clamp_min(1e-6) for f in features], 1).double()
    targets = F.one_hot(labels.long()).double()
    targets = targets - targets.mean(0)
    kernel = x @ x.T / x.shape[1]
    hat = kernel @ torch.linalg.inv(kernel + torch.eye(len(x), dtype=torch.double))
    own = hat.diagonal()[:, None]
    left_out = (hat @ targets - own * targets) / (1 - own).clamp_min(1e-9)
    return float((left_out.argmax(1) == labels).float().mean())


def _likeness_to_patches(images: Tensor, side: int = 5, count: int = 96) -> Tensor:
    """How much of each of ``count`` random patches stands in the quarters of each image."""
    if min(images.shape[2:]) > 32:
        images = F.adaptive_avg_pool2d(images, 32)
    draws = torch.Generator().manual_seed(0)
    which = torch.randint(len(images), (count,), generator=draws).tolist()
    rows, columns = (
        torch.randint(size - side + 1, (count,), generator=draws).tolist()
        for size in images.shape[2:]
    )
    places = zip(which, rows, columns)
    kernels = torch.stack([images[i, :, y : y + side, x : x + side] for i, y, x in places])
    kernels = kernels - kernels.mean((1, 2, 3), keepdim=True)
    kernels = kernels / kernels.flatten(1).norm(dim=1).clamp_min(1e-6).view(-1, 1, 1, 1)
    maps = F.conv2d(images, kernels)
    maps = F.relu(maps - maps.mean((0, 2, 3), keepdim=True))
    return F.adaptive_avg_pool2d(maps, 2).flatten(1)


def labels_off(seen: Seen) -> str | None:
    labels, classes = seen.labels, seen.classes
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        return f"labels run from {low} to {high}; {classes} outputs want 0 to {classes - 1}"
    missing = sorted(set(range(classes)) - set(labels.unique().tolist()))
    if not missing or len(labels) < A_CLASS * classes:
        return None
    return (
        f"among {len(labels)} labels, from {low} to {high}, there is none of class "
        f"{some([str(m) for m in missing], 5)}, though the network has {classes} outputs"
    )


def sorted_or_unbalanced(seen: Seen) -> str | None:
    labels = seen.labels
    shares = labels.bincount()[labels.unique()].float() / len(labels)
    equal = float((labels[1:] == labels[:-1]).float().mean())
    expected = float(shares.square().sum())
    spread = math.sqrt(max(expected * (1 - expected), 1e-9) / max(len(labels) - 1, 1))
    if len(shares) == 1 and len(labels) >= 64 and seen.classes > 1:
        return (
            f"all of the first {len(labels)} labels are {int(labels[0])}: the classes come in turn"
        )
    if len(labels) >= 64 and equal > expected + 6 * spread and equal > 1.5 * expected:
        return (
            f"{100 * equal:.0f} % of labels are followed by the same label; in random order it "
            f"would be {100 * expected:.0f} %"
        )
    if len(labels) >= A_CLASS * len(shares) and shares.max() / shares.min() > RARE:
        return (
            f"the commonest class has {100 * shares.max():.0f} % of the labels, the rarest "
            f"{100 * shares.min():.1f} %"
        )
    return None


def overlap(seen: Seen) -> str | None:
    train, test = stored(seen.program.loader), stored(seen.program.test)
    if train is None or test is None:
        train, test = seen.images, seen.test_images
    if train.shape[1:] != test.shape[1:]:
        raise NotSeen("training and test images are of different shapes")
    known = {_key(x) for x in train}
    equal = sum(_key(x) in known for x in test) / len(test)
    if equal >= COPIES:
        return f"{100 * equal:.1f} % of the test images are among the training images"
    near = _near_share(train[:SAMPLE], test[:SAMPLE])
    if near >= NEAR:
        return f"{100 * near:.0f} % of the test images are near copies of training images"
    return None


def stored(loader: Any) -> Tensor | None:
    """All images as they are stored, where the data set of ``loader`` has them in one tensor."""
    dataset: Any = getattr(loader, "dataset", None)
    chosen: Tensor | None = None
    while hasattr(dataset, "dataset") and hasattr(dataset, "indices"):
        order = torch.as_tensor(list(dataset.indices))
        chosen = order if chosen is None else order[chosen]
        dataset = dataset.dataset
    images = getattr(dataset, "images", None)
    if images is None:
        images = getattr(dataset, "data", None)
    if images is None and getattr(dataset, "tensors", None):
        images = dataset.tensors[0]
    if images is not None and not isinstance(images, Tensor):
        try:
            images = torch.as_tensor(images)
        except (TypeError, ValueError, RuntimeError):
            return None
    if images is None or images.ndim < 3:
        return None
    return images if chosen is None else images[chosen]


def _key(image: Tensor) -> bytes:
    return image.contiguous().numpy().tobytes()


def _near_share(train: Tensor, test: Tensor) -> float:
    """The share of test images nearer to a training image than 99 % of those are to another."""

    def small(images: Tensor) -> Tensor:
        if images.ndim == 4 and images.shape[-1] in (1, 3) and images.shape[1] > 4:
            images = images.permute(0, 3, 1, 2)
        x = F.adaptive_avg_pool2d(images.float(), 12).flatten(1)
        x = x - x.mean(1, keepdim=True)
        return x / x.norm(dim=1, keepdim=True).clamp_min(1e-6)

    a, b = small(train), small(test)
    own = (a @ a.T).fill_diagonal_(-1).amax(1)
    limit = own.quantile(0.99).clamp_min(0.98)
    return float(((b @ a.T).amax(1) > limit).float().mean())


def augmentation_misplaced(seen: Seen) -> str | None:
    if seen.program.test is not None:
        one, other = (_sums(torch.cat([x for x, _ in b])) for b in (seen.tests, seen.tests_again))
        if len(one) == len(other) and _differing(one, other) > 0.02 and len(one) < 1_000:
            return (
                f"{100 * _differing(one, other):.0f} % of the test images are others in a second "
                "pass over the test batches"
            )
    if not (seen.program.augmented or _says_random(seen.program.loader)):
        return None
    one, other = (_sums(torch.cat([x for x, _ in b])) for b in (seen.batches, seen.again))
    if len(one) == len(other) and _differing(one, other) == 0:
        return "training images are to change at random, but two epochs have exactly the same ones"
    return None


def _sums(images: Tensor) -> Tensor:
    """A number for each image that depends on the place of its pixels, in order of size."""
    flat = images.double().flatten(1)
    weights = torch.rand(
        flat.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.double
    )
    return (flat @ weights).sort().values


def _differing(one: Tensor, other: Tensor) -> float:
    return float(((one - other).abs() > 1e-6 * (1 + one.abs())).float().mean())


def _says_random(loader: Any) -> bool:
    dataset = getattr(loader, "dataset", None)
    for _ in range(4):
        for name in ("transform", "transforms", "augment", "augmentation"):
            part = getattr(dataset, name, None)
            if part is not None and re.search("Random|Jitter|augment", repr(part)):
                return True
        dataset = getattr(dataset, "dataset", None)
    return False
