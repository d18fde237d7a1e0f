"""What is measured once a run has ended: each measure takes the trained network and images.

An arm of an experiment names those it wants; the numbers go into the run's manifest.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from alexnet_course.config import look_up
from alexnet_course.data.images import ImageData, Labelled
from alexnet_course.data.preparation import CentreCrop, Preparation
from alexnet_course.network import LocalResponseNorm
from alexnet_course.recipes import Recipe
from alexnet_course.training import EVALUATION_BATCH, evaluate

MASKED_PASSES = (1, 2, 4, 8, 16, 32, 64)
SPLITS = 10_000  # random halves of the first kernels


def _batches(
    split: Labelled, device: torch.device, scale: Preparation | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    for images, labels in split.batches(torch.arange(len(split)), EVALUATION_BATCH, device):
        yield images if scale is None else scale(images), labels


# Outputs y at which the slope of the activation is below a tenth of its largest.
FLAT: dict[type[nn.Module], Callable[[Tensor], Tensor]] = {
    nn.ReLU: lambda y: y <= 0,
    nn.Tanh: lambda y: 1 - y.square() < 0.1,
    nn.Sigmoid: lambda y: y * (1 - y) < 0.1 / 4,
}


Note = Callable[[str, Any, Tensor, Tensor], None]  # name, module, input, output


@torch.no_grad()
def _watch(
    network: nn.Module,
    split: Labelled,
    preparation: Preparation,
    kinds: tuple[type[nn.Module], ...],
    note: Note,
) -> None:
    """Call ``note`` for each module of ``kinds``, by its dotted name, batch after batch in
    evaluation mode.
    """

    def hook(name: str) -> Callable[..., None]:
        return lambda module, inputs, output: note(name, module, inputs[0], output)

    network.eval()
    hooks = [
        module.register_forward_hook(hook(name))
        for name, module in network.named_modules()
        if isinstance(module, kinds)
    ]
    try:
        for x, _ in _batches(split, preparation.device, preparation):
            network(x)
    finally:
        for each in hooks:
            each.remove()


def flat_outputs(
    network: nn.Sequential, split: Labelled, preparation: Preparation
) -> dict[str, float]:
    """For each ReLU, tanh or sigmoid the share, in per cent, of its outputs over ``split`` at which
    its slope is below a tenth of the largest: where it is saturated.
    """
    shares: dict[str, list[Tensor]] = {}

    def note(name: str, module: nn.Module, _: Tensor, output: Tensor) -> None:
        is_flat = next(test for kind, test in FLAT.items() if isinstance(module, kind))
        shares.setdefault(name, []).append(is_flat(output).flatten(1).float().mean(1))

    _watch(network, split, preparation, tuple(FLAT), note)
    return {name: 100 * torch.cat(parts).mean().item() for name, parts in shares.items()}


def dead_units(
    network: nn.Sequential, split: Labelled, preparation: Preparation
) -> dict[str, float]:
    """For each ReLU the share, in per cent, of its maps (or units) that no image of ``split``
    makes positive anywhere.
    """
    largest: dict[str, Tensor] = {}

    def note(name: str, _: nn.Module, __: Tensor, output: Tensor) -> None:
        most = output.transpose(0, 1).flatten(1).amax(1)
        largest[name] = torch.maximum(largest.get(name, most), most)

    _watch(network, split, preparation, (nn.ReLU,), note)
    return {name: 100 * (most <= 0).float().mean().item() for name, most in largest.items()}


def response_norms(
    network: nn.Sequential, split: Labelled, preparation: Preparation
) -> dict[str, float]:
    """For each local response normalisation the mean of what it adds to ``k`` (paper §3.3), and
    the share, in per cent, of values for which that is more than a tenth of ``k``.
    """
    by_image: dict[str, list[Tensor]] = {}

    def note(name: str, module: LocalResponseNorm, x: Tensor, _: Tensor) -> None:
        added = module.added(x).flatten(1)
        above = 100 * (added > module.k / 10).float()
        by_image.setdefault(f"{name}-mean", []).append(added.mean(1))
        by_image.setdefault(f"{name}-share", []).append(above.mean(1))

    _watch(network, split, preparation, (LocalResponseNorm,), note)
    return {name: torch.cat(parts).mean().item() for name, parts in by_image.items()}


@torch.no_grad()
def probabilities(network: nn.Module, split: Labelled, preparation: Preparation) -> Tensor:
    """The softmax over the classes for each image, in evaluation mode: float32 ``[N, classes]``."""
    network.eval()
    batches = _batches(split, preparation.device, preparation)
    return torch.cat([network(images).float().softmax(1).cpu() for images, _ in batches])


def confusion_counts(guesses: Tensor, labels: Tensor, classes: int) -> Tensor:
    """How often each class (row) is guessed as each (column): int64 ``[classes, classes]``."""
    return (labels * classes + guesses).bincount(minlength=classes**2).view(classes, classes)


def loss_and_accuracy(
    network: nn.Sequential, split: Labelled, preparation: Preparation
) -> dict[str, float]:
    """Mean loss in nats, and accuracy in per cent, without dropout and augmentation."""
    loss, accuracy = evaluate(network, split, preparation)
    return {"loss": loss, "accuracy": accuracy}


@torch.no_grad()
def ten_crops(
    network: nn.Sequential, split: Labelled, preparation: Preparation
) -> dict[str, float]:
    """Accuracy, in per cent, of one crop and of the mean of the softmax over ten (paper §4.1)."""
    right = {"centre": 0.0, "ten": 0.0}
    for labels, guesses in _crop_guesses(network, split, preparation):
        for name, guess in guesses.items():
            right[name] += (guess.argmax(1) == labels).sum().item()
    return {name: 100 * count / len(split) for name, count in right.items()}


@torch.no_grad()
def top_errors(
    network: nn.Sequential, split: Labelled, preparation: Preparation
) -> dict[str, float]:
    """The share of images, in per cent, whose class is not the likeliest (``top-1``), and is not
    among the five likeliest (``top-5``), by the centre crop and by ten crops (paper §6).
    """
    wrong: dict[str, float] = {}
    for labels, guesses in _crop_guesses(network, split, preparation):
        for name, guess in guesses.items():
            likeliest = guess.topk(min(5, guess.shape[1])).indices == labels[:, None]
            for top in (1, 5):
                key = f"top-{top}, {name}"
                missed = len(labels) - likeliest[:, :top].sum().item()
                wrong[key] = wrong.get(key, 0) + missed
    return {name: 100 * count / len(split) for name, count in wrong.items()}


def _crop_guesses(
    network: nn.Sequential, split: Labelled, preparation: Preparation
) -> Iterator[tuple[Tensor, dict[str, Tensor]]]:
    """Labels, and what the network makes of the centre and of the mean over ten crops."""
    from torchvision.transforms.v2.functional import ten_crop  # takes seconds to import

    crops = [part for part in preparation.parts if isinstance(part, CentreCrop)]
    if not crops:
        raise ValueError("ten crops need a preparation that crops, such as CentreCrop(28)")
    network.eval()
    for images, labels in _batches(split, preparation.device):
        parts = ten_crop(images, [crops[0].side] * 2)
        ten = torch.stack([network(preparation(part)).softmax(1) for part in parts]).mean(0)
        yield labels, {"centre": network(preparation(images)), "ten": ten}


def mirrored(network: nn.Sequential, split: Labelled, preparation: Preparation) -> dict[str, float]:
    """Accuracy, in per cent, of the image alone (``"one"``), and of the mean of the softmax over it
    and its mirror image (``"both"``).
    """
    asked = {"one": False, "both": True}
    return {name: evaluate(network, split, preparation, mirrored=m)[1] for name, m in asked.items()}


@torch.no_grad()
def masked_passes(
    network: nn.Sequential, split: Labelled, preparation: Preparation
) -> dict[str, float]:
    """Accuracy, in per cent, of the usual pass without dropout (``"scaled"``), and of the mean of
    the softmax over 1, 2, 4, … passes, each with dropout masks of its own.
    """
    modules = list(network)
    dropouts = [module for module in network.modules() if isinstance(module, nn.Dropout)]
    if not dropouts:
        raise ValueError("masked passes need a network with dropout")
    network.eval()
    first = next(i for i, module in enumerate(modules) if dropouts[0] in module.modules())
    front, back = nn.Sequential(*modules[:first]), nn.Sequential(*modules[first:])
    device = preparation.device
    batches = [(front(images), labels) for images, labels in _batches(split, device, preparation)]
    features, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))

    def accuracy(guess: Tensor) -> float:
        return 100 * (guess.argmax(1) == labels).float().mean().item()

    results = {"scaled": accuracy(back(features))}
    total = torch.zeros_like(back(features[:1])).repeat(len(features), 1)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(0)
        for dropout in dropouts:
            dropout.train()
        for number in range(1, MASKED_PASSES[-1] + 1):
            total += back(features).softmax(1)
            if number in MASKED_PASSES:
                results[f"masked-{number}"] = accuracy(total)
    network.eval()
    return results


def colour_shares(kernels: Tensor) -> Tensor:
    """How much of each kernel is colour: 0 for one that treats red, green and blue alike, 1 for one
    whose three sum to 0 at every pixel. ``kernels`` is [kernels, 3, height, width].
    """
    grey = kernels.mean(1, keepdim=True).expand_as(kernels)
    return 1 - grey.square().sum((1, 2, 3)) / kernels.square().sum((1, 2, 3))


@torch.no_grad()
def tower_colours(
    network: nn.Sequential, split: Labelled, preparation: Preparation
) -> dict[str, float]:
    """Whether the towers share out colour (paper §6.1, Figure 3), by the first convolution alone.

    The mean :func:`colour_shares`, in per cent, of the ``"first"`` and the ``"second"`` half of its
    kernels; how far two random halves of the same kernels lie apart on average (``"chance"``); and
    the share, in per cent, of random halves at least as far apart (``"as-far"``).
    """
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    shares = 100 * colour_shares(first.weight.detach().double().cpu())
    half = len(shares) // 2
    drawn = torch.rand(SPLITS, len(shares), generator=torch.Generator().manual_seed(0)).argsort(1)
    apart = (shares[drawn[:, :half]].mean(1) - shares[drawn[:, half:]].mean(1)).abs()
    towers = shares[:half].mean(), shares[half:].mean()
    as_far = 100 * (apart >= (towers[0] - towers[1]).abs() - 1e-9).double().mean()
    names = ("first", "second", "chance", "as-far")
    return dict(zip(names, (number.item() for number in (*towers, apart.mean(), as_far))))


MEASURES = {
    "dead-units": dead_units,
    "flat-outputs": flat_outputs,
    "ten-crops": ten_crops,
    "mirrored": mirrored,
    "masked-passes": masked_passes,
    "response-norms": response_norms,
    "tower-colours": tower_colours,
    "training-images": loss_and_accuracy,  # on those that the network learned from
}


def measure_all(
    names: Iterable[str],
    network: nn.Sequential,
    data: ImageData,
    recipe: Recipe,
    device: torch.device,
) -> dict[str, dict[str, float]]:
    """Each of :data:`MEASURES` in ``names``, in float32, on the held-out images of ``data``;
    ``"training-images"`` on all that it was trained on.

    ``network`` was trained by ``recipe`` on ``data`` and stands on ``device``. Numbers are rounded
    to four places.
    """
    preparation = Preparation(recipe.preparation, data.train.sample_images(), device)
    results = {}
    for name in names:
        split = data.train if name == "training-images" else data.held_out
        numbers = look_up(MEASURES, name, "measure")(network, split, preparation)
        results[name] = {key: round(number, 4) for key, number in numbers.items()}
    return results
