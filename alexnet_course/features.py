"""What a trained network has learned: its kernels, channels, mistakes, neighbours and probes.

``python -m alexnet_course features`` measures the networks whose weights are kept with the
experiment ``features`` on CIFAR-10, and records the numbers beside the course's other records; also
what one of them is worth in 8 bits, as a page of the book runs it (:mod:`alexnet_course.in_page`).
"""

import json
import math
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet_course import in_page
from alexnet_course.architectures import ARCHITECTURES, Architecture
from alexnet_course.arithmetic import receptive_rows
from alexnet_course.checkpoints import require_writable, write_atomically
from alexnet_course.config import digest
from alexnet_course.data import image_data
from alexnet_course.data.images import ImageData, Labelled, Split
from alexnet_course.data.preparation import PerChannel, Preparation, centre_crop
from alexnet_course.experiments import experiment
from alexnet_course.fields import fitting
from alexnet_course.figures import Drawing, show_channel
from alexnet_course.measures import confusion_counts, probabilities
from alexnet_course.network import Network, build, load_weights
from alexnet_course.provenance import RECORDED, environment, is_sealed, sealed
from alexnet_course.results import WEIGHTS, existing, manifests, reading, record_path, trained
from alexnet_course.training import EVALUATION_BATCH

EXPERIMENT, ARM = in_page.EXPERIMENT, in_page.ARM  # whose weights are looked at
FOLDER = "features-measured"
ANGLES, PERIOD = range(0, 180, 15), 5  # degrees, pixels: of the stripes that channels are shown
GREY = 128  # of 255, in the place of what lies outside an image


# Kernels. Each function takes [kernels, 3, height, width] and gives a number for each kernel.


def smooth_shares(kernels: Tensor) -> Tensor:
    """How much of each kernel's energy is in waves of at most one period across it, each way.

    Of white noise, 9 of every ``height * width`` parts on average: 0.36 for 5×5.
    """
    energy = torch.fft.fft2(kernels.double()).abs().square().sum(1)
    slow = [_periods(side).abs() <= 1 for side in kernels.shape[2:]]
    return (energy * torch.outer(*slow)).sum((1, 2)) / energy.sum((1, 2))


def oriented_shares(kernels: Tensor) -> Tensor:
    """How far each kernel's waves point one way: 1 for a grating, 0 where all ways are alike.

    The mean of exp(2i·angle) over its waves, weighted by their energy, without the constant.
    """
    energy = torch.fft.fft2(kernels.double()).abs().square().sum(1)
    energy[:, 0, 0] = 0
    down, across = torch.meshgrid(*map(_periods, kernels.shape[2:]), indexing="ij")
    turned = torch.polar(torch.ones_like(down), 2 * torch.atan2(down, across))
    return (energy * turned).sum((1, 2)).abs() / energy.sum((1, 2))


def _periods(side: int) -> Tensor:
    """How many periods across the side each place of its Fourier transform has."""
    return torch.fft.fftfreq(side, 1 / side, dtype=torch.float64)


# Layers, channels and the patches that they answer to.


@torch.no_grad()
def outputs(network: nn.Sequential, images: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
    """What each of the layers ``names`` makes of prepared ``images``, in evaluation mode, by name.

    Raises :class:`KeyError` for a layer that there is not.
    """
    wanted, made = set(names), {}
    if missing := wanted - dict(network.named_children()).keys():
        raise KeyError(f"the network has no layer {', '.join(sorted(missing))}")
    network.eval()
    for name, module in network.named_children():
        images = module(images)
        if name in wanted:
            made[name] = images
        if len(made) == len(wanted):
            break
    return made


def prepared(split: Labelled, preparation: Preparation) -> Iterator[Tensor]:
    """All images of ``split``, batch after batch, as the network sees them."""
    places = torch.arange(len(split))
    for images, _ in split.batches(places, EVALUATION_BATCH, preparation.device):
        yield preparation(images)


def all_outputs(
    network: nn.Sequential, split: Labelled, preparation: Preparation, names: Iterable[str]
) -> dict[str, Tensor]:
    """:func:`outputs` for all images of ``split``; of maps, the means over 4 × 4 parts of each,
    flattened: ``[N, channels · 16]``.
    """
    names, parts = list(names), []
    for images in prepared(split, preparation):
        made = outputs(network, images, names)
        parts.append({name: pooled(made[name]) for name in names})
    return {name: torch.cat([part[name] for part in parts]) for name in names}


def pooled(maps: Tensor, side: int = 4) -> Tensor:
    """The means over ``side`` × ``side`` parts of each map, or as many as it has values, flattened;
    vectors as they are.
    """
    if maps.dim() == 2:
        return maps
    height, width = (min(side, length) for length in maps.shape[2:])
    return F.adaptive_avg_pool2d(maps, (height, width)).flatten(1)


def strongest(maps: Tensor, channel: int, count: int = 9) -> pd.DataFrame:
    """Where ``channel`` of ``maps`` ``[N, channels, height, width]`` answers most, in each image
    once: columns ``image``, ``row``, ``column`` and ``value``, the strongest first.
    """
    width = maps.shape[3]
    values, places = maps[:, channel].flatten(1).max(1)
    best = values.argsort(descending=True, stable=True)[:count]
    rows, columns = places[best] // width, places[best] % width
    found = {"image": best, "row": rows, "column": columns, "value": values[best]}
    return pd.DataFrame({key: tensor.cpu().numpy() for key, tensor in found.items()})


def patch(image: Tensor, architecture: Architecture, layer: str, row: int, column: int) -> Tensor:
    """The part of ``image`` ``[channels, height, width]`` that an output of ``layer`` sees.

    ``row`` and ``column`` are the output's. What lies outside the image is grey. The image has the
    size of the network's input.
    """
    fields = receptive_rows(architecture, layer)
    top, left = (int(fields.loc[place, "first"]) for place in (row, column))
    side = int(fields["last"].iloc[0] - fields["first"].iloc[0]) + 1
    grey = torch.full((image.shape[0], side, side), GREY, dtype=image.dtype)
    height, width = image.shape[1:]
    rows, columns = _inside(top, side, height), _inside(left, side, width)
    within = [slice(cut.start - at, cut.stop - at) for cut, at in ((rows, top), (columns, left))]
    grey[:, within[0], within[1]] = image[:, rows, columns]
    return grey


def _inside(start: int, side: int, end: int) -> slice:
    return slice(max(0, start), min(end, start + side))


def gratings(side: int, angles: Iterable[float], period: float, phases: int = 8) -> Tensor:
    """Black and white waves, ``[angles, phases, 3, side, side]``, of deviations from −1 to 1.

    ``angles`` are in degrees: at 0 the stripes stand upright, at 90 they lie. ``period`` is in
    pixels.
    """
    turns = torch.deg2rad(torch.tensor(list(angles), dtype=torch.float32))[:, None, None, None]
    shifts = torch.arange(phases)[:, None, None] * (2 * math.pi / phases)
    down, across = torch.meshgrid(*[torch.arange(side) - (side - 1) / 2] * 2, indexing="ij")
    wave = torch.cos(
        2 * math.pi / period * (across * torch.cos(turns) + down * torch.sin(turns)) + shifts
    )
    return wave[:, :, None].expand(-1, -1, 3, -1, -1)


def hues(side: int, count: int = 24) -> Tensor:
    """Even colours around the circle, ``[count, 3, side, side]``: red, yellow, green, … as
    deviations of red, green and blue whose sum is 0.
    """
    angles = torch.arange(count)[:, None] * (2 * math.pi / count)
    shifts = torch.tensor([0, 2, 4]) * (math.pi / 3)
    return torch.cos(angles - shifts)[:, :, None, None].expand(-1, -1, side, side)


@torch.no_grad()
def answers(network: nn.Sequential, layer: str, channel: int, stimuli: Tensor) -> Tensor:
    """How strongly ``channel`` of ``layer`` answers in the middle of its map to each of
    ``stimuli`` ``[..., 3, height, width]``.
    """
    flat = stimuli.flatten(0, -4)
    maps = torch.cat(
        [outputs(network, part, [layer])[layer] for part in flat.split(EVALUATION_BATCH)]
    )
    height, width = maps.shape[2:]
    return maps[:, channel, height // 2, width // 2].reshape(stimuli.shape[:-3])


def channel_page(
    network: Network,
    layer: str,
    channel: int,
    split: Split,
    preparation: Preparation,
    classes: Sequence[str],
) -> Drawing:
    """A channel of ``layer`` in one figure (:func:`~alexnet_course.figures.show_channel`): the
    patches of ``split`` that it answers to most, and its answers to stripes and to even colours.
    """
    side = network.architecture.input_shape[1]
    images = centre_crop(split.images, side)
    parts = prepared(split, preparation)
    maps = [outputs(network, part, [layer])[layer] for part in parts]
    best = strongest(torch.cat(maps), channel)
    patches = [
        patch(images[place.image], network.architecture, layer, place.row, place.column)
        for place in best.itertuples()
    ]
    turned = answers(network, layer, channel, gratings(side, ANGLES, PERIOD)).amax(1)
    coloured = answers(network, layer, channel, hues(side))
    tuning = {
        "to stripes": pd.Series(turned, pd.Index(ANGLES, name="angle (°)")),
        "to colours": pd.Series(coloured, pd.Index(range(0, 360, 15), name="hue (°)")),
    }
    labels = [classes[int(split.labels[image])] for image in best["image"]]
    names = [name for name, _ in network.named_children()]
    reads_image = names.index(layer) <= 1  # the first convolution, or its activation
    kernel = next(network.parameters())[channel].detach() if reads_image else None
    return show_channel(f"{layer}, channel {channel}", patches, labels, tuning, kernel)


# Answers, mistakes and how sure they are.


def confusion(likely: Tensor, labels: Tensor, classes: Iterable[str]) -> pd.DataFrame:
    """How many images of each class (rows) are taken for each (columns)."""
    names = list(classes)
    counts = confusion_counts(likely.argmax(1).cpu(), labels.cpu(), len(names))
    return pd.DataFrame(counts.numpy(), pd.Index(names, name="is"), names)


def reliability(likely: Tensor, labels: Tensor, bins: int = 10) -> pd.DataFrame:
    """For images grouped by the probability of the likeliest class, in ``bins`` equal parts from 0
    to 1: columns ``images``, ``sure`` (the mean of that probability) and ``right`` (the share of
    right answers), in per cent. A probability on an edge counts below it; empty bins are left out.
    """
    sure, guess = likely.max(1)
    group = (sure * bins).ceil().clamp(1, bins).long()
    table = pd.DataFrame(
        {
            "bin": group.cpu().numpy(),
            "sure": 100 * sure.double().cpu().numpy(),
            "right": 100.0 * (guess == labels).cpu().numpy(),
        }
    )
    by_bin = table.groupby("bin")
    return by_bin.mean().assign(images=by_bin.size())[["images", "sure", "right"]]


def calibration_error(table: pd.DataFrame) -> float:
    """The expected calibration error in points: the mean of |sure − right| over all images."""
    apart = (table["sure"] - table["right"]).abs()
    return float((apart * table["images"]).sum() / table["images"].sum())


def hardest(likely: Tensor, labels: Tensor, count: int = 4) -> Tensor:
    """The places of the wrong answers that the network is surest of, the surest first."""
    sure, guess = likely.max(1)
    wrong = torch.where(guess != labels, sure, -1.0)
    found = wrong.argsort(descending=True, stable=True)[:count]
    return found[wrong[found] >= 0]


@torch.no_grad()
def occlusion(
    network: nn.Module, image: Tensor, label: int, side: int = 7, step: int = 1
) -> Tensor:
    """The log-odds ln(p / (1 − p)) of class ``label`` with a square of ``side`` pixels hidden at
    each place: 0 where its probability p is one half, and without an end towards 0 and 1.

    ``image`` is prepared, ``[3, height, width]``; hidden is what the mean image has: 0. The middle
    of the square moves over the whole image, ``step`` pixels at a time.
    """
    network.eval()
    height, width = image.shape[1:]
    rows, columns = torch.arange(0, height, step), torch.arange(0, width, step)
    half = side // 2
    hidden = image.repeat(len(rows) * len(columns), 1, 1, 1)
    for number, (row, column) in enumerate(torch.cartesian_prod(rows, columns).tolist()):
        top, left = max(0, row - half), max(0, column - half)
        hidden[number, :, top : row - half + side, left : column - half + side] = 0
    logits = torch.cat([network(part) for part in hidden.split(EVALUATION_BATCH)])
    others = torch.cat([logits[:, :label], logits[:, label + 1 :]], 1).logsumexp(1)
    return (logits[:, label] - others).reshape(len(rows), len(columns))


# Neighbours and linear probes.


def vectors(network: nn.Sequential, split: Labelled, preparation: Preparation, name: str) -> Tensor:
    """A vector for each image: what layer ``name`` makes of it (:func:`all_outputs`), or, for
    ``"pixels"``, all values of the prepared image.
    """
    if name != "pixels":
        return all_outputs(network, split, preparation, [name])[name]
    return torch.cat([part.flatten(1) for part in prepared(split, preparation)])


def nearest(queries: Tensor, stored: Tensor, count: int) -> Tensor:
    """The places in ``stored`` of the ``count`` vectors nearest to each of ``queries``, by
    Euclidean distance, the nearest first: int64 ``[queries, count]``.
    """
    squares = stored.float().square().sum(1)
    found = [
        (squares - 2 * part.float() @ stored.float().T).topk(count, largest=False).indices
        for part in queries.split(EVALUATION_BATCH)
    ]
    return torch.cat(found)


def shared_class(neighbours: Tensor, labels: Tensor, stored_labels: Tensor) -> float:
    """How many of the neighbours have the class of what they are neighbours of, in per cent."""
    return 100 * (stored_labels[neighbours] == labels[:, None]).double().mean().item()


def linear_probe(
    train: Tensor, labels: Tensor, held_out: Tensor, held_labels: Tensor, penalty: float = 0.1
) -> float:
    """The accuracy, in per cent, of a linear classifier on fixed features ``[N, features]``.

    Least squares onto 1 for the class and 0 for the others, with a constant, on features scaled to
    mean 0 and deviation 1, which a ridge of ``penalty`` · N keeps small.
    """
    mean, deviation = train.mean(0), train.std(0).clamp_min(1e-6)
    x, held = ((part - mean).double() / deviation for part in (train, held_out))
    targets = F.one_hot(labels).double()
    ridge = penalty * len(x) * torch.eye(x.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(x.T @ x + ridge, x.T @ (targets - targets.mean(0)))
    guess = (held @ weights + targets.mean(0)).argmax(1)
    return 100 * (guess == held_labels).double().mean().item()


# Recorded numbers.

LAYERS = ("pool1", "pool2", "relu3", "pool4", "relu5")
NEIGHBOURS, QUERIES, PROBED = 5, 2000, 10_000


def run_features(folder: Path = RECORDED, seeds: Iterable[int] | None = None) -> None:
    """Measure each network of :data:`ARM` whose weights are kept in ``folder``, on CIFAR-10.

    A record for each seed goes to ``features-measured`` there: the confusion matrix, reliability,
    neighbours and probes. What is recorded for the same weights already is left as it is.
    """
    require_writable(folder / FOLDER)
    data = _cifar10()
    kept = [m for m in manifests(EXPERIMENT, folder) if m["arm"] == ARM]
    for manifest in kept:
        seed = manifest["seed"]
        if seeds is not None and seed not in list(seeds):
            continue
        path = measured_path(seed, folder)
        with suppress(FileNotFoundError):
            if measured_features(seed, folder)["weights_digest"] == _of_weights(seed, folder):
                print(f"{ARM}, seed {seed}: recorded already")
                continue
        network = trained(EXPERIMENT, ARM, seed, folder)
        found = measure(network, before_training(seed), data)
        record = _recorded(path, seed, folder, data, found)
        print(f"{ARM}, seed {seed}: {record['accuracy']} % on test images", flush=True)


def _cifar10() -> ImageData:
    data = image_data("CIFAR-10")
    if data.name != "CIFAR-10":
        raise ValueError(f"features are measured on CIFAR-10, but the data is {data.source}")
    return data


def _recorded(
    path: Path, seed: int, folder: Path, data: ImageData, found: dict[str, Any]
) -> dict[str, Any]:
    """What was ``found`` of one seed's network, written to ``path`` with what it was found by."""
    record = environment("cpu", "float32") | {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "experiment": EXPERIMENT,
        "arm": ARM,
        "seed": seed,
        "weights_digest": _of_weights(seed, folder),
        "data_digest": data.digest,
        **found,
    }
    text = json.dumps(sealed(record), indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))
    return record


def measured_path(seed: int, folder: Path = RECORDED) -> Path:
    """Where :func:`run_features` stores what it measured of the network of one seed."""
    return folder / FOLDER / f"{ARM}-seed{seed}.json"


def _of_weights(seed: int, folder: Path) -> str:
    stored = json.loads(record_path(EXPERIMENT, ARM, seed, "json", folder).read_text())
    return stored["weights_digests"][WEIGHTS]


def measured_features(seed: int, folder: Path = RECORDED) -> dict[str, Any]:
    """What :func:`run_features` recorded of one seed's network.

    Raises :class:`FileNotFoundError` where there is nothing, and
    :class:`~alexnet_course.results.RecordError` for a record that was changed.
    """
    path = measured_path(seed, existing(folder))
    with reading(path):
        record = fitting("its content", json.loads(path.read_text(encoding="utf-8")), dict)
        if not is_sealed(record):
            raise ValueError("its digest is not that of its content")
        del record["record_digest"]
    return record


def measured_seeds(folder: Path = RECORDED) -> list[int]:
    """The seeds that :func:`run_features` has recorded."""
    names = [path.stem for path in (existing(folder) / FOLDER).glob(f"{ARM}-seed*.json")]
    return sorted(int(name.rpartition("seed")[2]) for name in names)


def preparation_for(data: ImageData) -> Preparation:
    """What is done to images before the network of :data:`ARM` sees them."""
    recipe = experiment(EXPERIMENT).arms[ARM].recipe
    return Preparation(recipe.preparation, data.train.sample_images())


def before_training(seed: int) -> Network:
    """The network of :data:`ARM` as its run with ``seed`` began, in evaluation mode."""
    arm = experiment(EXPERIMENT).arms[ARM]
    return build(arm.architecture, seed, arm.recipe.first_weights).eval()


def measure(network: Network, untrained: Network, data: ImageData) -> dict[str, Any]:
    """All that is recorded of one network: confusion, reliability, neighbours and probes.

    Percentages are rounded to two places. Neighbours of the first :data:`QUERIES` test images are
    sought among all training images; probes learn from the first :data:`PROBED` of those and are
    measured on all test images, of ``network`` and of the same one ``untrained``
    (:func:`before_training`), which tells what the wiring alone is worth.
    """
    preparation = preparation_for(data)
    likely = probabilities(network, data.held_out, preparation)
    labels = data.held_out.labels
    table = reliability(likely, labels)
    right = (likely.argmax(1) == labels).double().mean().item()
    return {
        "accuracy": round(100 * right, 2),
        "mean_probability": round(100 * likely.max(1).values.double().mean().item(), 2),
        "calibration_error": round(calibration_error(table), 2),
        "classes": list(data.classes),
        "confusion": confusion(likely, labels, data.classes).to_numpy().tolist(),
        "reliability": table.round(2).reset_index().to_dict("list"),
        "neighbours": _neighbours(network, data, preparation),
        "probes": _probes({"trained": network, "untrained": untrained}, data, preparation),
    }


def _neighbours(network: Network, data: ImageData, preparation: Preparation) -> dict[str, float]:
    queries = data.held_out[torch.arange(min(QUERIES, len(data.held_out)))]
    shares = {}
    for name in ("pixels", "relu5"):
        near = nearest(
            vectors(network, queries, preparation, name),
            vectors(network, data.train, preparation, name),
            NEIGHBOURS,
        )
        for count in (1, NEIGHBOURS):
            share = shared_class(near[:, :count], queries.labels, data.train.labels)
            shares[f"{name}-{count}"] = round(share, 2)
    return shares


def _probes(
    networks: Mapping[str, Network], data: ImageData, preparation: Preparation
) -> dict[str, float]:
    train = data.train[torch.arange(min(PROBED, len(data.train)))]
    found = {}
    for label, one in networks.items():
        both = [all_outputs(one, part, preparation, LAYERS) for part in (train, data.held_out)]
        for name in LAYERS:
            features, held = (made[name] for made in both)
            accuracy = linear_probe(features, train.labels, held, data.held_out.labels)
            found[f"{name}, {label}"] = round(accuracy, 2)
    pixels = [
        torch.cat([pooled(images) for images in prepared(part, preparation)])
        for part in (train, data.held_out)
    ]
    accuracy = linear_probe(pixels[0], train.labels, pixels[1], data.held_out.labels)
    return {"pixels": round(accuracy, 2), **found}


# The network that a page of the book runs.


def network_in_page(folder: Path = RECORDED) -> Network:
    """The network with the weights that the page has: those of the record, in 8 bits."""
    weights = {}
    for layer in in_page.layers(folder):
        if "weight" not in layer:
            continue
        read = {key: np.frombuffer(b64decode(layer[key]), "<f4") for key in ("step", "bias")}
        codes = np.frombuffer(b64decode(layer["weight"]), "i1").reshape(len(read["step"]), -1)
        weights[f"{layer['name']}.weight"] = torch.from_numpy(codes * read["step"][:, None])
        weights[f"{layer['name']}.bias"] = torch.from_numpy(read["bias"].copy())
    network = build(in_page.architecture(folder))
    shapes = network.state_dict()
    load_weights(network, {name: x.view_as(shapes[name]) for name, x in weights.items()})
    return network.eval()


def run_in_page(folder: Path = RECORDED) -> None:
    """Measure the page's network on all test images of CIFAR-10, beside the one that was kept.

    Recorded in ``features-in-page``: the accuracy of both in per cent, how often they agree, and
    what the page needs besides the weights. What is recorded for the same weights is left as it is.
    """
    path = in_page.measured_path(folder)
    shipped = digest(in_page.layers(folder))
    with suppress(FileNotFoundError):
        if json.loads(path.read_text(encoding="utf-8"))["in_page_digest"] == shipped:
            print("the page's network: recorded already")
            return
    require_writable(path.parent)
    data = _cifar10()
    preparation = preparation_for(data)
    kept = trained(in_page.EXPERIMENT, in_page.ARM, in_page.SEED, folder)
    guesses = [
        probabilities(network, data.held_out, preparation).argmax(1)
        for network in (kept, network_in_page(folder))
    ]
    kept_right, right, agree = (
        round(100 * (one == other).double().mean().item(), 2)
        for one, other in (
            (guesses[0], data.held_out.labels),
            (guesses[1], data.held_out.labels),
            guesses,
        )
    )
    mean, divisor = PerChannel().mean_and_divisor(data.train.sample_images())
    found = {
        "in_page_digest": shipped,
        "accuracy_as_kept": kept_right,
        "accuracy": right,
        "same_answers": agree,
        "classes": list(data.classes),
        "mean": mean.float().tolist(),
        "divisor": divisor.float().tolist(),
    }
    _recorded(path, in_page.SEED, folder, data, found)
    print(f"the page's network: {right} % on test images, {kept_right} % as kept", flush=True)


# ImageNet.


class NoWeights(FileNotFoundError):
    """torchvision's weights are not here; the message says what is needed, and where to put it."""


def imagenet_alexnet(download: bool = False) -> Network:
    """The course's ``torchvision`` network with the weights that torchvision ships for ImageNet.

    The file is read from PyTorch's folder of checkpoints, and fetched into it only with
    ``download``. Raises :class:`NoWeights` where it is not there, or can't be fetched.
    """
    from torchvision.models import AlexNet_Weights, alexnet

    weights = AlexNet_Weights.IMAGENET1K_V1
    file = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    if not file.exists() and not download:
        raise NoWeights(_needed(weights.url))
    try:
        theirs = alexnet(weights=weights)
    except (URLError, OSError) as error:
        raise NoWeights(f"{_needed(weights.url)} ({error})") from error
    network = build(ARCHITECTURES["torchvision"])
    load_weights(network, theirs.state_dict())
    return network.eval()


def _needed(url: str) -> str:
    return (
        f"needed: {Path(url).name}, 233 MB, from {url}; it belongs in the folder 'checkpoints' "
        "of torch.hub.get_dir(), where torchvision looks for it"
    )
