"""Networks for pictures of one's own: trained on a folder or a zip, kept in a file, asked again.

``python -m alexnet_course train`` and ``predict`` are :func:`train` and :func:`predictions`.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.std import tqdm

from alexnet_course import checkpoints
from alexnet_course.architectures import Architecture, architecture
from alexnet_course.checkpoints import CheckpointError
from alexnet_course.config import plain
from alexnet_course.data import preparation as steps
from alexnet_course.data.augmentation import Crop
from alexnet_course.data.gathering import Found, Pictures, find, named, opened, read
from alexnet_course.data.image_folder import cores, map_ahead, square
from alexnet_course.data.images import DataError, ImageData, Labelled
from alexnet_course.data.near_copies import near_copies
from alexnet_course.data.parting import (
    HELD_OUT_SHARE,
    TEST,
    TRAIN,
    VALIDATION,
    balancing,
    leaking,
    part,
    unbalanced,
)
from alexnet_course.data.pictures import class_folders, pictures_and_others, read_rgb, tried
from alexnet_course.data.preparation import CentreCrop, Preparation, Preparing, Resize, stated
from alexnet_course.measures import confusion_counts, probabilities
from alexnet_course.network import build
from alexnet_course.recipes import Recipe
from alexnet_course.training import History, best_device, fit
from alexnet_course.transfer import freeze, last_layer, take_over

NETWORK, SIZE, RECIPE = "two-conv", 48, "few-images"  # what suits few pictures and a laptop
RUN, MODEL, REPORT = "run.pt", "model.pt", "report.html"
ASKED = 64  # pictures at a time


@dataclass(frozen=True)
class Model:
    """A trained network that knows the names of its classes, in the order of its outputs, and what
    is to be done to a picture before: cut to ``size`` pixels a side, then prepared.
    """

    network: nn.Module
    classes: tuple[str, ...]
    size: int
    preparation: Preparation

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Of uint8 ``[N, 3, size, size]``: float32 ``[N, classes]``, a probability for each."""
        self.network.eval()
        return self.network(self.preparation(images)).float().softmax(1)


def load_model(path: Path | str) -> Model:
    """The best network of a run, as :func:`train` keeps it in ``model.pt``.

    Raises :class:`~alexnet_course.checkpoints.CheckpointError` for another file.
    """
    stored = checkpoints.load(Path(path))
    if not isinstance(stored, dict) or "classes" not in stored:
        raise CheckpointError(
            f"{path} holds weights, but not the names of classes; expected the {MODEL} that "
            "'python -m alexnet_course train' writes beside it"
        )
    made = architecture(stored["architecture"]).with_input(3, *[stored["side"]] * 2)
    network = build(made.with_classes(len(stored["classes"])))
    network.load_state_dict(stored["network"])
    parts = [_step(kind, settings) for kind, settings in stored["preparation"]]
    preparation = Preparation(parts, torch.zeros(1, 3, stored["size"], stored["size"]).byte())
    return Model(network.eval(), tuple(stored["classes"]), stored["size"], preparation)


# Training


@dataclass(frozen=True)
class Plan:
    """How to train: ``side`` is that of the network's input, ``size`` that of the pictures as they
    are read. ``balance`` is ``None`` to decide by the counts. ``start`` names a file whose weights
    the network begins with, but for its last layer; with ``frozen``, that layer alone learns.
    """

    network: str
    recipe: Recipe
    side: int
    size: int
    seed: int = 0
    balance: bool | None = None
    start: Path | None = None
    frozen: bool = False

    def __post_init__(self) -> None:
        if self.frozen and not self.start:
            raise ValueError(
                "the last layer alone is to learn, and the others are at first weights; give the "
                "file with the weights that they should have (--start)"
            )

    def architecture(self, classes: int) -> Architecture:
        """The network's table, for so many classes."""
        made = architecture(self.network).with_input(3, self.side, self.side)
        return made.with_classes(classes)


def plan(network: str, recipe: Recipe, size: int | None = None, **options: Any) -> Plan:
    """A :class:`Plan` in which the sides go together: ``size`` is how pictures are read (by default
    as the network takes them, or an eighth larger where the recipe cuts pieces out).
    """
    own = architecture(network).input_shape[1]
    fixed = next((p.side for p in recipe.preparation if isinstance(p, CentreCrop)), None)
    fixed = next((p.size for p in recipe.preparation if isinstance(p, Resize)), fixed)
    crops = any(isinstance(change, Crop) for change in recipe.augmentation)
    side = fixed or size or own
    return Plan(network, recipe, side, size or side + crops * max(4, side // 8), **options)


@dataclass(frozen=True)
class Parted:
    """Pictures by part, with what was found and done, in sentences; ``names`` are their files."""

    data: ImageData
    test: Labelled
    names: Mapping[str, Sequence[str]]
    counts: Mapping[str, Sequence[int]]
    notes: tuple[str, ...]


def parted(found: Found, pictures: Pictures, seed: int, balance: bool | None, name: str) -> Parted:
    """Training, validation and test pictures of which none has a near copy in another part.

    The parts are those of the folders, where they have some; a lone held-out folder is the test.
    """
    labels = pictures.labels.numpy()
    groups = near_copies(pictures.hashes)
    given = np.array(pictures.parts, dtype=object)
    notes = [*found.notes, *_unread(pictures.unreadable), *_copies(pictures.names, labels, groups)]
    if "" in given:
        parts = part(labels, groups, found.classes, seed)
        notes.append(
            "Parted here, class by class, about 70 : 15 : 15, with near copies in one part."
        )
    else:
        parts, more = _as_given(given, labels, groups, found.classes, seed)
        notes += more
    at = {name: np.flatnonzero(parts == name) for name in (TRAIN, VALIDATION, TEST)}
    counts = {
        name: np.bincount(labels[places], minlength=len(found.classes)).tolist()
        for name, places in at.items()
    }
    train = at[TRAIN]
    if balance or (balance is None and unbalanced(labels[train])):
        train = train[balancing(labels[train])]
        notes.append(
            f"Balanced: in training each class comes {max(counts[TRAIN])} times an epoch, its "
            "pictures again and again where it has fewer."
        )
    elif unbalanced(labels[train]):
        notes.append("Not balanced: in training, larger classes come more often.")
    images = {name: pictures.images[torch.from_numpy(places)] for name, places in at.items()}
    data = ImageData(
        name,
        found.classes,
        pictures.images[torch.from_numpy(train)],
        images[VALIDATION],
        VALIDATION,
        f"pictures in {name}",
    )
    names = {key: [pictures.names[i] for i in places] for key, places in at.items()}
    return Parted(data, images[TEST], names, counts, tuple(notes))


def _unread(sentences: Sequence[str]) -> list[str]:
    if not sentences:
        return []
    number = "1 picture" if len(sentences) == 1 else f"{len(sentences):,} pictures"
    return [f"{number} left out, not to be read: {named(sentences)}."]


def _copies(names: Sequence[str], labels: np.ndarray, groups: np.ndarray) -> list[str]:
    """Sentences on near copies: how many, which for example, and those in two classes."""
    counts = np.bincount(groups)
    several = np.flatnonzero(counts > 1)
    if not len(several):
        return ["No near copies were found."]
    members = [np.flatnonzero(groups == group) for group in several]
    first = ", ".join(names[i] for i in members[0][:3])
    many = "1 group" if len(several) == 1 else f"{len(several):,} groups"
    notes = [f"Near copies: {counts[several].sum():,} pictures in {many}, such as {first}."]
    if mixed := [own for own in members if len(set(labels[own])) > 1]:
        pairs = [" and ".join(names[i] for i in own[:2]) for own in mixed]
        notes.append(f"Near copies in different classes, of which one is wrong: {named(pairs)}.")
    return notes


def _as_given(
    given: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: Sequence[str], seed: int
) -> tuple[np.ndarray, list[str]]:
    """The parts of folders that have some, less what leaks; and sentences."""
    parts, notes = given.copy(), []
    held = sorted(set(parts) - {TRAIN})
    if len(held) == 1:
        parts[parts == held[0]] = TEST
    if leaks := int((away := leaking(parts, groups)).sum()):
        parts[away] = "left out"
        notes.append(
            f"{leaks:,} of the pictures to learn from left out, being near copies of held-out ones."
        )
    notes.append("Parted as the folders are.")
    missing = [name for name in (VALIDATION, TEST) if name not in parts]
    if missing:
        own = np.flatnonzero(parts == TRAIN)
        shares = {name: HELD_OUT_SHARE if name in missing else 0.0 for name in (VALIDATION, TEST)}
        parts[own] = part(
            labels[own], groups[own], classes, seed, (shares[VALIDATION], shares[TEST])
        )
        notes.append(
            f"For {' and '.join(missing)}, about 15 % of the training pictures were taken."
        )
    return parts, notes


def begin_with(network: nn.Module, path: Path) -> str:
    """Give ``network`` the weights in a checkpoint of the course, or in a state dict of another
    program with the same layers in the same order, all but the last layer's; says what it did.

    Raises :class:`ValueError` where the two differ before the last layer.
    """
    take_over(network, _weights(path), str(path))
    return f"Begun with the weights of {path}, but for the last layer, {last_layer(network)}."


def _weights(path: Path) -> dict[str, Tensor]:
    try:
        return checkpoints.load(path)["network"]
    except CheckpointError:
        with suppress(Exception):  # the sentence on checkpoints is the one to show
            return dict(torch.load(path, map_location="cpu", weights_only=True))
        raise


def mean_recall(counts: Tensor) -> float:
    """The mean of the classes' accuracies, per cent, whatever their sizes."""
    sizes = counts.sum(1)
    return 100 * (counts.diag()[sizes > 0] / sizes[sizes > 0]).mean().item()


@dataclass
class Best:
    """The network of the best epoch so far, by the mean of the classes' validation accuracies; the
    earliest of equals. Kept in a file, with all that is needed to ask it, and the scores so far.
    """

    path: Path
    network: nn.Module
    validation: Labelled
    preparation: Preparation
    about: dict[str, Any]
    scores: list[float] = field(default_factory=list)
    weights: dict[str, Tensor] = field(default_factory=dict)

    def go_on(self, run: Path) -> None:
        """Take up what is kept, and look at the last epoch in ``run`` if that was not done."""
        if not run.is_file():
            return
        epochs = len(checkpoints.load(run)["history"])
        if self.path.is_file():
            stored = checkpoints.load(self.path)
            self.scores, self.weights = stored["scores"][:epochs], stored["network"]
        if len(self.scores) < epochs:
            begun = {name: value.clone() for name, value in self.network.state_dict().items()}
            self.network.load_state_dict(checkpoints.load(run)["network"])
            self.note()
            self.network.load_state_dict(begun)

    def note(self) -> bool:
        """Look at the network as it is now, after an epoch; whether it is the best so far."""
        guesses = probabilities(self.network, self.validation, self.preparation).argmax(1)
        labels = self.validation.labels.cpu()
        score = mean_recall(confusion_counts(guesses, labels, len(self.about["classes"])))
        best = not self.scores or score > max(self.scores)
        self.scores.append(score)
        if best:
            state = self.network.state_dict()
            self.weights = {name: value.detach().cpu().clone() for name, value in state.items()}
        content = self.about | {"network": self.weights, "scores": self.scores}
        checkpoints.save(self.path, content)
        return best

    @property
    def epoch(self) -> int:
        """Which epoch is the best, from 1."""
        return 1 + self.scores.index(max(self.scores))


@dataclass(frozen=True)
class Trained:
    """A run that has ended, for its report: probabilities are of the test pictures, float32
    ``[N, classes]``, by the network of the best epoch.
    """

    plan: Plan
    parted: Parted
    history: History
    scores: Sequence[float]
    epoch: int
    probabilities: Tensor
    notes: tuple[str, ...]


def train(source: Path, out: Path, chosen: Plan, precision: str = "auto") -> Trained:
    """Train on the pictures in a folder or a zip, and write into ``out``: ``run.pt``, from which
    the same call goes on; ``model.pt``, the best network; and ``report.html``.

    Raises :class:`~alexnet_course.data.DataError` for pictures that won't do, and what
    :func:`~alexnet_course.training.fit` raises.
    """
    from alexnet_course.report import write_report

    if out.resolve().is_relative_to(source.resolve()):
        raise DataError(f"{out} lies within the pictures in {source}; name a folder elsewhere")
    checkpoints.require_writable(out)
    with opened(source) as root:
        found = find(root)
        pictures = read(found, chosen.size)
        ours = parted(found, pictures, chosen.seed, chosen.balance, source.resolve().stem)
        print(*summary(ours), sep="\n", flush=True)
        result = _trained(ours, out, chosen, precision)
        write_report(result, out / REPORT)
    return result


def summary(ours: Parted) -> list[str]:
    """What there is to train on, in lines."""
    counts = ours.counts
    totals = ", ".join(f"{sum(counts[name]):,} {name}" for name in (TRAIN, VALIDATION, TEST))
    lines = [f"{len(ours.data.classes)} classes: {totals} pictures"]
    for place, name in enumerate(ours.data.classes):
        own = " + ".join(f"{counts[part][place]:,}" for part in (TRAIN, VALIDATION, TEST))
        lines.append(f"  {place} {name}: {own}")
    return lines + list(ours.notes)


def _trained(ours: Parted, out: Path, chosen: Plan, precision: str) -> Trained:
    recipe, data = chosen.recipe, ours.data
    table = chosen.architecture(len(data.classes))
    network = build(table, chosen.seed, recipe.first_weights).to(best_device())
    notes = []
    if chosen.start:
        notes.append(begin_with(network, chosen.start))
    if chosen.frozen:
        freeze(network)
        notes.append(f"Only the last layer, {last_layer(network)}, learned.")
    print(*notes, sep="\n", end="\n" * bool(notes))
    parts = [stated(one, data.train.sample_images()) for one in recipe.preparation]
    about = {
        "architecture": chosen.network,
        "classes": list(data.classes),
        "side": chosen.side,
        "size": chosen.size,
        "preparation": [[type(one).__name__, _settings(one)] for one in parts],
    }
    device = best_device()
    preparation = Preparation(parts, data.train.sample_images()[:1], device)
    best = Best(out / MODEL, network, data.held_out, preparation, about)
    best.go_on(out / RUN)
    if best.scores:
        print(f"goes on after epoch {len(best.scores)}", flush=True)

    def after(row: dict[str, float]) -> None:
        mark = ", the best so far" if best.note() else ""
        tqdm.write(
            f"epoch {row['epoch']} of {recipe.epochs}: training {row['train_accuracy']:.1f} %, "
            f"validation {best.scores[-1]:.1f} %{mark}"
        )

    history = fit(
        network,
        data,
        recipe,
        seed=chosen.seed,
        device=device,
        precision=precision,
        checkpoint=out / RUN,
        each_epoch=after,
    )
    model = load_model(out / MODEL)
    found = probabilities(model.network, ours.test, model.preparation)
    return Trained(chosen, ours, history, best.scores, best.epoch, found, tuple(notes))


def _settings(step: Any) -> dict[str, Any]:
    return {key: value for key, value in plain(step).items() if key != "type"}


def _step(kind: str, settings: dict[str, Any]) -> Preparing:
    """A step of preparation as a file keeps it, whose tuples are lists there."""
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in settings.items()}
    return getattr(steps, kind)(**values)


# Asking


@dataclass(frozen=True)
class Guess:
    """A picture's name and a probability for each class."""

    name: str
    probabilities: tuple[float, ...]


def predictions(model: Model, source: Path) -> Iterator[Guess]:
    """Of a picture, or of all in a folder or a zip, in the order of their names.

    Warns, in a sentence each, of what can't be read, and where folders bear other names than the
    model's classes.
    """
    if source.is_file() and source.suffix.lower() not in (".zip", ".csv"):
        yield from _guesses(model, [str(source)], source.parent)
        return
    with opened(source) as root:
        files, others = pictures_and_others(root)
        for other in others:
            warnings.warn(f"{Path(other).relative_to(root)} is not read: no picture", stacklevel=2)
        if not files:
            raise DataError(f"there are no pictures in {source}")
        if wrong := mismatch(model.classes, class_folders(root)):
            warnings.warn(wrong, stacklevel=2)
        yield from _guesses(model, files, root)


def _guesses(model: Model, files: Sequence[str], root: Path) -> Iterator[Guess]:
    decode = tried(lambda path: square(read_rgb(path), model.size))
    waiting: list[tuple[str, np.ndarray]] = []
    for path, image in zip(files, map_ahead(decode, files, cores()), strict=True):
        if isinstance(image, DataError):
            warnings.warn(str(image), stacklevel=2)
        else:
            waiting.append((Path(path).relative_to(root).as_posix(), image))
        if len(waiting) == ASKED:
            yield from _asked(model, waiting)
            waiting = []
    yield from _asked(model, waiting)


def _asked(model: Model, waiting: Sequence[tuple[str, np.ndarray]]) -> Iterator[Guess]:
    if waiting:
        images = torch.from_numpy(np.stack([image for _, image in waiting]))
        for (name, _), row in zip(waiting, model(images).tolist(), strict=True):
            yield Guess(name, tuple(row))


def mismatch(classes: Sequence[str], folders: Sequence[str]) -> str:
    """What is wrong where some of ``folders`` are named as classes of a model and others are not;
    nothing where all are, or none.
    """
    unknown = [name for name in folders if name not in classes]
    if not unknown or len(unknown) == len(folders):
        return ""
    return (
        f"the model does not know the classes {', '.join(unknown)}: it was trained on "
        f"{', '.join(classes)}, and guesses one of these for every picture. Train anew, into "
        "another folder, to add a class"
    )
