"""Experiments: named arms × seeds, as data. ``alexnet_course.recording`` runs and records them,
``alexnet_course.results`` reads the records back.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from alexnet_course.architectures import ARCHITECTURES, TOWARDS_TODAY, Architecture
from alexnet_course.config import look_up
from alexnet_course.data.augmentation import Colour, Crop, Cutout, Flip, Shift, VerticalFlip
from alexnet_course.data.preparation import Centred, PerChannel, Resize
from alexnet_course.fields import Count, Seed, Spec, settle, shown
from alexnet_course.layers import LEARNED, BatchNorm
from alexnet_course.optimisers import SGD, Adam, Lookahead, Muon
from alexnet_course.recipes import (
    CODE_2012_WEIGHTS,
    CONV_LOCAL,
    EVERYTHING,
    FEW_IMAGES,
    FURTHEST,
    HE,
    HE_SMALL_FC,
    IN_FIVE_EPOCHS,
    IN_THREE_EPOCHS,
    PAPER_WEIGHTS,
    SHORTEST,
    TRAINED_WELL,
    FirstWeights,
    Recipe,
)
from alexnet_course.schedules import Constant, OneCycle, Plateau, Steps
from alexnet_course.tutorials import TUTORIALS

FileName = Annotated[
    str,
    "a name that a file can have: letters, digits, and - _ . inside",
    lambda name: re.fullmatch(r"\w([\w.-]*\w)?", name),
]


@dataclass(frozen=True)
class Start(Spec):
    """Weights to begin with: of the same network, first trained on the set ``data`` by ``recipe``,
    all but the last layer's.
    """

    data: str
    recipe: Recipe


@dataclass(frozen=True)
class Arm:
    """One network trained one way; ``measured_on`` is ``"test"`` or ``"validation"``.

    With ``"validation"`` a tenth of the training images is held out to choose by, and the test
    images are not looked at. ``data`` is a name that
    :func:`~alexnet_course.data.image_data` knows. ``per_class`` keeps the first so many training
    images of each class; ``None`` keeps all. ``measures`` names what is measured when the run has
    ended (:data:`alexnet_course.measures.MEASURES`). ``keeps`` names the layers whose weights are
    kept with the record, or is ``("all",)``. ``start`` gives other weights to begin with than the
    recipe's. ``frozen`` lets the last layer alone learn or, where it names layers, all but these.
    """

    architecture: Architecture
    recipe: Recipe
    measured_on: Literal["test", "validation"] = "test"
    data: str = "CIFAR-10"
    per_class: Count | None = None
    measures: tuple[str, ...] = ()
    keeps: tuple[str, ...] = ()
    start: Start | None = None
    frozen: bool | tuple[str, ...] = False

    def __post_init__(self) -> None:
        if wrong := settle(self) or self._not_to_keep():
            raise ValueError(f"arm: {'; '.join(wrong)}")

    def _not_to_keep(self) -> list[str]:
        layers = self.architecture.named_layers()
        learned = [name for name, layer in layers if layer.kind in LEARNED]
        return [
            f"keeps has {name!r}; it must be 'all', or of {', '.join(learned)}"
            for name in self.keeps
            if name not in (*learned, "all")
        ]


def differences(arm: Arm, base: Arm) -> list[str]:
    """In what ``arm`` differs from ``base``, in short texts: layers, and steps of the recipe, that
    are left out, put in or in another order (``"Flip put in"``), and settings of ``arm``'s layers
    (``"pool1 kernel=2"``), optimiser, schedule and recipe (``"learning_rate=0.05"``).
    """
    arms = (arm, base)
    steps = ("preparation", "augmentation")
    settings = [
        {key: value for key, value in one.recipe.settings().items() if key not in steps}
        for one in arms
    ]
    return [
        *_changed_steps(*(dict(one.architecture.named_layers()) for one in arms)),
        *_changed_steps(
            *(
                {type(step).__name__: step for part in steps for step in getattr(one.recipe, part)}
                for one in arms
            )
        ),
        *_changed(*settings),
    ]


def _changed(new: Mapping[str, Any], old: Mapping[str, Any]) -> list[str]:
    return [f"{k}={v}" for k, v in new.items() if k != "name" and (k not in old or old[k] != v)]


def _changed_steps(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    found = [f"{name} left out" for name in theirs if name not in ours]
    found += [f"{name} put in" for name in ours if name not in theirs]
    both, in_base = [n for n in ours if n in theirs], [n for n in theirs if n in ours]
    if both != in_base:
        found.append(f"in the order {', '.join(a for a, b in zip(both, in_base) if a != b)}")
    for name in both:
        new, old = ours[name], theirs[name]
        changes = [] if type(new) is type(old) else [type(new).__name__]
        if not getattr(new, "parts", ()):  # what stands inside is told of by its own name
            changes += _changed(vars(new), vars(old))
        found += [f"{name} {change}" for change in changes]
    return found


@dataclass(frozen=True)
class Experiment:
    """``arms`` by name, each run once for every seed."""

    name: FileName
    question: str
    arms: Mapping[FileName, Arm]
    seeds: tuple[Seed, ...] = (0, 1, 2)
    source: str = field(default="", metadata={"describes": True})

    def __post_init__(self) -> None:
        if wrong := settle(self):
            raise ValueError(f"experiment {shown(self.name)}: {'; '.join(wrong)}")


def _published(name: str) -> Arm:
    chosen = TUTORIALS[name]
    return Arm(chosen.architecture, chosen.recipe, data=chosen.data)


def _trained_well(name: str, recipe: Recipe | None = None) -> Arm:
    chosen, recipe = TUTORIALS[name], recipe or TRAINED_WELL[name]
    measures = ("mirrored",) if recipe.mirrored else ()  # after the time is taken
    return Arm(chosen.architecture, recipe, data=chosen.data, measures=measures)


def _choices(name: str, recipes: Mapping[str, Recipe], **changes: Any) -> dict[str, Arm]:
    """A tutorial's network by each of ``recipes``, measured on validation images, with other
    ``changes`` to all arms.
    """
    return {
        arm: replace(_trained_well(name, recipe), measured_on="validation", **changes)
        for arm, recipe in recipes.items()
    }


def _at(rate: float, recipe: Recipe, **changes: Any) -> Recipe:
    """``recipe`` at another rate, and with other changes."""
    return replace(recipe, **changes).with_optimiser(learning_rate=rate)


def _first_weights(**starts: FirstWeights | None) -> dict[str, Arm]:
    """Eight narrow layers by the paper's optimiser at a constant rate, from several starts.

    Once on inputs of deviation 1 and, with ``raw-`` before the name, the old starts on pixels from
    0 to 255 less their mean, as the paper has them (§2), of a deviation of some 64 in CIFAR-10.
    """
    network = TUTORIALS["adam-augmented"].architecture.renamed("adam-augmented, half as wide")
    for name, width in {"conv1": 24, "conv2": 64, "conv3": 96, "conv4": 96, "conv5": 64}.items():
        network = network.replace(name, out_channels=width)
    for name in ("fc6", "fc7"):
        network = network.replace(name, out_features=512)
    recipe = Recipe(
        "paper's optimiser",
        epochs=3,
        batch_size=128,
        optimiser=SGD(0.01, momentum=0.9, weight_decay=5e-4),
        preparation=(PerChannel(),),
        augmentation=(Flip(), Shift(4)),
        source="paper §4.1, §5",
    )
    raw = replace(recipe, preparation=(Centred(),))
    slow = raw.with_optimiser(learning_rate=0.001)
    return {
        before + start.replace("_", "-"): Arm(network, replace(chosen, first_weights=w))
        for before, chosen in {"": recipe, "raw-": raw, "raw-rate-0.001-": slow}.items()
        for start, w in starts.items()
        if not before or w not in (None, HE)
    }


def _ladder() -> dict[str, Arm]:
    """From the published recipe of two-conv to ours of three epochs, one change after another.

    The two ends are not among the arms: they are recorded as two-conv and, among the entries of
    the speedrun, as three-epochs.
    """
    network, ours = TUTORIALS["two-conv"].architecture, IN_THREE_EPOCHS
    published = replace(TUTORIALS["two-conv"].recipe, name="ladder", epochs=3)
    one_cycle = replace(published, schedule=ours.schedule)
    momentum = replace(one_cycle, optimiser=replace(ours.optimiser, weight_decay=0.0))
    weight_decay = replace(momentum, optimiser=ours.optimiser)
    flips = replace(weight_decay, augmentation=ours.augmentation)
    return {
        "one-cycle": Arm(network, one_cycle),
        "momentum": Arm(network, momentum),
        "weight-decay": Arm(network, weight_decay),
        "flips": Arm(network, flips),
    }


def _in_one_epoch() -> dict[str, Arm]:
    """What takes two-conv furthest in a single epoch: each on top of the recipe of three epochs,
    and then on top of the best two together.
    """
    before = replace(IN_THREE_EPOCHS, epochs=1)
    muon = replace(before, optimiser=Muon(0.02, before.optimiser))
    both = replace(muon, whitening=True)
    recipes = {
        "before": before,
        "whitening": replace(before, whitening=True),
        "muon": muon,
        "muon-whitening": both,
        "higher-rate": both.with_optimiser(learning_rate=0.04),
        "bias-rate-8": both.with_optimiser(others=replace(before.optimiser, bias_rate=8.0)),
        "lookahead": replace(both, averaging=Lookahead()),
        "label-smoothing": replace(both, label_smoothing=0.1),
        "no-flips": both.without(Flip),
        "batch-128": replace(both, batch_size=128),
    }
    return _choices("two-conv", recipes, measures=("mirrored",))


def _in_many_epochs() -> dict[str, Arm]:
    """What takes two-conv furthest in a run long enough for shifts: trained-well, the shortest
    recipe with shifts, that with one thing changed at a time, and with what gained, together.
    """
    before = replace(TRAINED_WELL["two-conv"], epochs=8)
    shifts = {pixels: (Flip(), Shift(pixels)) for pixels in (2, 4)}
    muon = replace(SHORTEST["two-conv"], epochs=8, augmentation=shifts[4], mirrored=False)
    decay = muon.with_optimiser(weight_decay=0.05)
    together = replace(decay, augmentation=shifts[2], label_smoothing=0.1)
    recipes = {
        "trained-well": before,
        "muon-whitening": muon,
        "shift-2": replace(muon, augmentation=shifts[2]),
        "label-smoothing": replace(muon, label_smoothing=0.1),
        "kernel-decay": decay,
        "batch-128": replace(muon, batch_size=128),
        "together": together,
        "together-batch-128": replace(together, batch_size=128),
    }
    return _choices("two-conv", recipes, measures=("mirrored",))


def _in_few_epochs() -> dict[str, Arm]:
    """How soon five-conv-32 can be where its tutorial ends: trained-well without shifts in five
    epochs; in two; in two with what lets two-conv do with one; that from smaller first weights in
    the fully connected layers, since from He's the first epoch's loss was above that of guessing;
    and that in one epoch.
    """
    before = replace(IN_FIVE_EPOCHS, epochs=2)
    muon = replace(before, optimiser=Muon(0.02, before.optimiser))
    both = replace(muon, whitening=True)
    small = replace(both, first_weights=HE_SMALL_FC)
    recipes = {
        "two-epochs": before,
        "muon": muon,
        "muon-whitening": both,
        "small-fc": small,
        "one-epoch": replace(small, epochs=1),
    }
    five = _choices("five-conv-32", {"five-epochs": IN_FIVE_EPOCHS})
    return five | _choices("five-conv-32", recipes, measures=("mirrored",))


def _four_layers(
    activation: str,
    rate: float,
    epochs: int,
    raw: bool = False,
    small: bool = False,
    frozen: bool = False,
    slow: bool = False,
) -> Arm:
    """The paper's Figure 1: four layers, nothing against overfitting, each with its own rate.

    On pixels of deviation 1 from PyTorch's own first weights; with ``raw``, on pixels from 0 to 255
    less their mean, and with ``small``, from the first weights of the released net, which has both.
    If ``frozen``, conv1 keeps its first weights; if ``slow``, its rate makes up for raw pixels,
    which are 64 times as large, and so are its gradients and what its steps change.
    """
    network = ARCHITECTURES["three-conv"].without("lrn")
    recipe = Recipe(
        "figure 1",
        epochs=epochs,
        batch_size=128,
        optimiser=SGD(rate, momentum=0.9, learning_rates={"conv1": rate / 64**2} if slow else None),
        preparation=(Centred(),) if raw else (PerChannel(),),
        first_weights=FirstWeights(0.01, stds={"conv1": 0.0001}) if small else None,
        source="paper §3.1, Figure 1; batch and momentum from §5",
    )
    if activation != "relu":
        network = network.with_activation(activation)
    measures = ("flat-outputs", "dead-units")
    return Arm(network, recipe, measures=measures, frozen=("conv1",) if frozen else False)


_RELEASED = {"raw": True, "small": True}
_RAW_FROZEN = {"raw": True, "frozen": True}
_RAW_SLOW = {"raw": True, "slow": True}
_SCALED_RATES = (0.003, 0.01, 0.03, 0.1)
_RAW_RATES = (0.0003, 0.001, *_SCALED_RATES)  # steps of conv1 grow with its inputs
_EVERYTHING = Arm(ARCHITECTURES["four-conv"], EVERYTHING, measures=("training-images",))


def _other(
    arm: Arm,
    network: Architecture | None = None,
    measures: tuple[str, ...] = (),
    optimiser: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Arm:
    """``arm`` with another network, further measures, or changes to its recipe and optimiser."""
    return replace(
        arm,
        architecture=network or arm.architecture,
        recipe=replace(arm.recipe.with_optimiser(**optimiser or {}), **changes),
        measures=arm.measures + measures,
    )


def _study() -> dict[str, Arm]:
    """four-conv with everything, less one ingredient at a time; then bare, plus one at a time.

    Pooling differs in pool1 and pool2 only: on the 7 × 7 pixels before pool4, windows of 2 would
    leave out a row and a column.
    """
    all_of, network = _EVERYTHING, _EVERYTHING.architecture
    small_pools = network.replace("pool1", kernel=2).replace("pool2", kernel=2)
    bare = _other(
        all_of,
        small_pools.without("lrn", "dropout"),
        optimiser={"weight_decay": 0.0},
        augmentation=(),
    )
    dropout = _other(bare, small_pools.without("lrn"), measures=("masked-passes",))
    without_conv3 = network.without("conv3", "relu3")
    flips, crops, colour = EVERYTHING.augmentation
    return {
        "everything": _other(
            all_of, measures=("dead-units", "response-norms", "masked-passes", "ten-crops")
        ),
        "without-lrn": _other(all_of, network.without("lrn")),
        "pooling-2": _other(all_of, small_pools),
        "without-dropout": _other(all_of, network.without("dropout")),
        "without-crops-and-flips": _other(all_of, measures=("ten-crops",), augmentation=(colour,)),
        "bare": bare,
        "bare-dropout": dropout,
        "bare-crops-and-flips": _other(bare, augmentation=(flips, crops)),
        "bare-lrn": _other(bare, small_pools.without("dropout"), measures=("response-norms",)),
        "bare-pooling-3": _other(bare, network.without("lrn", "dropout")),
        "bare-twice-as-long": _other(bare, epochs=2 * EVERYTHING.epochs),
        "bare-dropout-twice-as-long": _other(dropout, epochs=2 * EVERYTHING.epochs),
        "tanh": _other(all_of, network.with_activation("tanh")),
        "without-conv3": _other(all_of, without_conv3),
        "conv4-5x5": _other(all_of, without_conv3.replace("conv4", kernel=5, padding=2)),
        "without-colour": _other(all_of, augmentation=(flips, crops)),
        "without-weight-decay": _other(all_of, optimiser={"weight_decay": 0.0}),
        "biases-1": _other(
            all_of,
            first_weights=FirstWeights("he", biases=dict.fromkeys(("conv2", "conv4", "fc5"), 1.0)),
            measures=("dead-units",),
        ),
    }


def _bare_variants() -> dict[str, Arm]:
    """What the study's "bare" was not given there."""
    study = _study()
    bare, (*_, colour) = study["bare"], EVERYTHING.augmentation
    return {
        "bare-weight-decay": _other(bare, optimiser={"weight_decay": 5e-4}),
        "bare-colour": _other(bare, augmentation=(colour,)),
        "bare-dropout-half-as-long-again": _other(
            study["bare-dropout"], epochs=3 * EVERYTHING.epochs // 2
        ),
    }


def _lrn_variants() -> dict[str, Arm]:
    """Compared with the study's arm "everything", whose LRN stands after ReLU, alpha 0.4."""
    network = _EVERYTHING.architecture
    printed = network.replace("lrn1", alpha=1e-4).replace("lrn2", alpha=1e-4)
    before_relu = network.swapped("relu1", "lrn1").swapped("relu2", "lrn2")
    batch_norm = before_relu.with_layer("lrn1", BatchNorm("batchnorm1"))
    batch_norm = batch_norm.with_layer("lrn2", BatchNorm("batchnorm2"))
    return {
        "alpha-as-printed": _other(_EVERYTHING, printed, measures=("response-norms",)),
        "before-relu": _other(_EVERYTHING, before_relu, measures=("response-norms",)),
        "batch-norm": _other(_EVERYTHING, batch_norm),
        "without-lrn-rate-0.03": _other(
            _EVERYTHING, network.without("lrn"), optimiser={"learning_rate": 0.03}
        ),
    }


def _conv_local() -> dict[str, Arm]:
    """From the released net of 13 % to that of 11 %: each of their differences alone, and all.

    as-13 and as-11 have the rates that conv-local-rate found best for them; lrn has that of as-11,
    half as high, and lrn-same-rate, as all others, that of as-13.
    """
    of_13 = Arm(ARCHITECTURES["conv-local-13"], CONV_LOCAL, measures=("ten-crops",))
    net_11 = ARCHITECTURES["conv-local-11"]
    with_norms = {"learning_rate": 0.004}
    decay = {"weight_decays": {"conv1": 0.0, "conv2": 0.0, "fc5": 0.01}}
    longest = CONV_LOCAL.epochs * 13 // 4  # the files: about 520 epochs for 160
    norms = _other(of_13, net_11.replace("local3", out_channels=32))
    return {
        "as-13": of_13,
        "lrn": _other(norms, optimiser=with_norms),
        "lrn-same-rate": norms,
        "width": _other(of_13, of_13.architecture.replace("local3", out_channels=64)),
        "decay": _other(of_13, optimiser=decay),
        "length": _other(of_13, epochs=longest),
        "as-11": _other(of_13, net_11, optimiser=with_norms | decay, epochs=longest),
    }


def _conv_local_lrn() -> dict[str, Arm]:
    """The released net of 13 % with LRN and without, at one rate: the one found without."""
    arms = _conv_local()
    return {"without": arms["as-13"], "with": arms["lrn-same-rate"]}


def _conv_local_released() -> dict[str, Arm]:
    """The arms of conv-local at the released rate and as long as the files say: too long for a CPU.

    The rate is constant, but a tenth of it for the last 20 epochs and a hundredth for the last 10.
    """

    def released(arm: Arm) -> Arm:
        epochs = 10 * arm.recipe.epochs  # 160 and 520
        drops = Steps((1 - 20 / epochs, 1 - 10 / epochs))
        return _other(arm, optimiser={"learning_rate": 0.001}, epochs=epochs, schedule=drops)

    arms = _conv_local()
    arms["lrn"] = arms.pop("lrn-same-rate")  # here all have the same rate
    return {name: released(arm) for name, arm in arms.items()}


def _towers() -> dict[str, Arm]:
    """four-conv with everything as two towers that meet in conv3, and what that is compared with.

    ``uncrossed`` has the same kernels and meets in fc5 only; ``half`` is one tower alone, whose
    last conv layer stays as wide, as in the paper's footnote (§3.2). ``uncrossed-wider`` and
    ``ungrouped`` have as many multiply-adds as ``crossed``, to 2 %.
    """

    def arm(widths: tuple[int, ...], *in_towers: str) -> Arm:
        network = _EVERYTHING.architecture
        for number, width in enumerate(widths, 1):
            network = network.replace(f"conv{number}", out_channels=width)
        for name in in_towers:
            network = network.replace(name, groups=2)
        return replace(_EVERYTHING, architecture=network, measures=("tower-colours",))

    crossed = ("lrn1", "conv2", "lrn2", "conv4")
    return {
        "crossed": arm((24, 48, 96, 96), *crossed),
        "uncrossed": arm((24, 48, 96, 96), *crossed, "conv3"),
        "uncrossed-wider": arm((26, 52, 104, 104), *crossed, "conv3"),
        "half": arm((12, 24, 48, 96)),
        "ungrouped": arm((18, 36, 72, 96)),
    }


def _features() -> dict[str, Arm]:
    """Networks whose first kernels, or all weights, are kept to be looked at.

    ``everything`` trains twice as long as the others, which are compared with ``half-as-long``.
    conv1 begins a sixteenth as large as He's rule says, as small as the paper's (§5), so that what
    is seen in a kernel has been learned.
    """
    recipe = replace(EVERYTHING, first_weights=FirstWeights("he", stds={"conv1": 0.01}))
    network = ARCHITECTURES["four-conv-towers"]
    base = Arm(network, recipe, measures=("training-images", "tower-colours"), keeps=("conv1",))
    colour = EVERYTHING.augmentation[-1]
    return {
        "everything": replace(_other(base, epochs=2 * EVERYTHING.epochs), keeps=("all",)),
        "half-as-long": base,
        "without-lrn": _other(base, network.without("lrn"), optimiser={"learning_rate": 0.03}),
        "without-dropout": _other(base, network.without("dropout")),
        "without-crops-and-flips": _other(base, augmentation=(colour,)),
        "tanh": _other(base, network.with_activation("tanh")),
        "he-in-conv1": _other(base, first_weights=HE),
    }


def _today(arm: Arm) -> Arm:
    """``arm`` with a recipe as one would choose it today: twice as long, with Nesterov's momentum,
    cutout and label smoothing.
    """
    recipe = arm.recipe.with_optimiser(nesterov=True)
    augmentation = (*recipe.augmentation, Cutout(8))
    source = f"{recipe.source}; DeVries & Taylor 2017: cutout; Szegedy et al. 2016: smoothing"
    recipe = replace(recipe, name="today", epochs=24, label_smoothing=0.1, source=source)
    return replace(arm, recipe=replace(recipe, augmentation=augmentation))


def _to_today(rates: Mapping[str, float]) -> dict[str, Arm]:
    """From four-conv to a net of today, each change kept; then both ends by a recipe of today.

    ``rates`` are those of the steps that don't train at the rate of "everything".
    """
    arms = {step: _other(_EVERYTHING, network) for step, network in TOWARDS_TODAY.items()}
    arms |= {
        step: _other(arms[step], optimiser={"learning_rate": rate}) for step, rate in rates.items()
    }
    return arms | {
        "first-today": _today(arms["everything"]),
        "last-today": _today(arms["residual"]),
    }


def _race(name: str, seeds: tuple[int, ...]) -> Experiment:
    return Experiment(
        f"{name}-race",
        f"How soon does {name} reach its tutorial's best accuracy?",
        {"ours": _trained_well(name, SHORTEST[name])},
        seeds,
    )


def _mended_faces(recipe: Recipe | None = None) -> Arm:
    """The tutorial image-folder without its slips, trained our way."""
    tower = ARCHITECTURES["single-tower"].with_input(3, 224, 224).with_classes(7)
    tower = tower.replace("conv1", padding=2).renamed("image-folder, mended")
    return replace(_trained_well("image-folder", recipe), architecture=tower)


def _faces() -> dict[str, Arm]:
    """The tutorial image-folder with its slips and with all of them mended, by two recipes."""
    slips, well = _published("image-folder"), TRAINED_WELL["image-folder"]
    mended = replace(slips.recipe, name="mended", augmentation=(Flip(),))
    with_slips = replace(well, augmentation=(VerticalFlip(), *well.without(Flip).augmentation))
    return {
        "published": slips,
        "mended": _mended_faces(mended),
        "trained-well": _mended_faces(),
        "trained-well-with-slips": _trained_well("image-folder", with_slips),
    }


def _own_pictures() -> dict[str, Arm]:
    """A quarter of two-conv, in 32 pixels, on small sets: mirror images, copies, transfer."""
    narrow = {"conv1": 16, "conv2": 32}
    network = ARCHITECTURES["two-conv"].renamed("two-conv, a quarter as wide")
    for name, maps in narrow.items():
        network = network.replace(name, out_channels=maps)
    for name, outputs in {"fc3": 96, "fc4": 48}.items():
        network = network.replace(name, out_features=outputs)
    shifts = replace(FEW_IMAGES.without(Flip), preparation=(PerChannel(), Resize(32)))
    mirrored, turned = (
        replace(shifts, augmentation=(change, *shifts.augmentation))
        for change in (Flip(), VerticalFlip())
    )

    def arm(data: str, classes: int, recipe: Recipe, per_class: int | None, **more: Any) -> Arm:
        return Arm(network.with_classes(classes), recipe, data=data, per_class=per_class, **more)

    arms = {
        f"faces-{name}": arm("drawn faces", 7, recipe, 50)
        for name, recipe in {"plain": shifts, "mirrored": mirrored, "upside-down": turned}.items()
    }
    for name, part_by in {
        "leaking": "picture",
        "leaking-then-new": "picture, new faces",
        "apart": "face",
    }.items():
        arms[f"copies-{name}"] = arm(f"copied faces, parted by {part_by}", 7, mirrored, None)
    for short, first, other, classes, recipe in (
        ("faces", "four expressions", "three other expressions", 3, mirrored),
        ("digits", "digits 0 to 4", "digits 5 to 9", 5, shifts),
    ):
        start = Start(first, replace(recipe, epochs=20))
        for count in (10, 50):
            ways: dict[str, dict[str, Any]] = {
                "scratch": {},
                "features": {"start": start, "frozen": True},
                "tuned": {"start": start},
                "random": {"frozen": True},
            }
            for way, more in ways.items():
                arms[f"{short}-{way}-{count}"] = arm(other, classes, recipe, count, **more)
    return arms


# Our recipes, at length or short, from which the experiments on settings start.
_TWO_CONV, _FACES = TRAINED_WELL["two-conv"], TRAINED_WELL["image-folder"]
_THREE_EPOCHS, _TWO_EPOCHS = replace(_TWO_CONV, epochs=3), replace(_FACES, epochs=2)
_NO_SHIFT = _THREE_EPOCHS.without(Shift)
_ONE_EPOCH = replace(TRAINED_WELL["adam-augmented"], epochs=1)

EXPERIMENTS: dict[str, Experiment] = {
    e.name: e
    for e in (
        Experiment(
            "two-conv",
            "What is the same small network worth, trained as published and trained well?",
            {
                "published": _published("two-conv"),
                "trained-well": _trained_well("two-conv"),
                "trained-longer": _trained_well("two-conv", replace(_TWO_CONV, epochs=40)),
                "furthest": _trained_well("two-conv", FURTHEST["two-conv"]),
            },
            source="tutorial two-conv",
        ),
        Experiment(
            "two-conv-weight-decay",
            "Does weight decay lower the training error? The arm with it is two-conv's.",
            {"without": _trained_well("two-conv", _TWO_CONV.with_optimiser(weight_decay=0.0))},
            source="paper §5",
        ),
        Experiment(
            "two-conv-rate",
            "Which learning rate suits two-conv with momentum and a one-cycle schedule?",
            _choices(
                "two-conv",
                {f"rate-{rate:g}": _at(rate, _THREE_EPOCHS) for rate in (0.025, 0.05, 0.1)},
            ),
            seeds=(0,),
        ),
        Experiment(
            "two-conv-short",
            "What suits a run of three epochs?",
            _choices(
                "two-conv",
                {
                    "he": replace(_THREE_EPOCHS, first_weights=HE),
                    "he-batch-64": replace(_THREE_EPOCHS, first_weights=HE, batch_size=64),
                    "he-shift-2": replace(
                        _THREE_EPOCHS, first_weights=HE, augmentation=(Flip(), Shift(2))
                    ),
                    "he-no-shift": replace(_NO_SHIFT, first_weights=HE),
                    "he-rate-0.02": _at(0.02, _THREE_EPOCHS, first_weights=HE),
                    "he-rate-0.01": _at(0.01, _THREE_EPOCHS, first_weights=HE),
                    "no-shift": _NO_SHIFT,
                    "batch-64-rate-0.025": _at(0.025, _THREE_EPOCHS, batch_size=64),
                    "batch-64-rate-0.025-no-shift": _at(0.025, _NO_SHIFT, batch_size=64),
                    "batch-64-rate-0.03-no-shift-early-peak": _at(
                        0.03, _NO_SHIFT, batch_size=64, schedule=OneCycle(warmup=0.15)
                    ),
                    **{
                        f"adam-{rate:g}-no-shift": replace(_NO_SHIFT, optimiser=Adam(rate))
                        for rate in (0.001, 0.002)
                    },
                },
            ),
            seeds=(0,),
        ),
        Experiment(
            "two-conv-epoch",
            "What suits a run of a single epoch?",
            _in_one_epoch(),
            source="Jordan 2024, where not in two-conv-short",
        ),
        Experiment(
            "two-conv-long",
            "What suits a run of many epochs?",
            _in_many_epochs(),
            seeds=(0,),
        ),
        _race("two-conv", seeds=(0, 1, 2, 3, 4)),
        Experiment(
            "two-conv-ladder",
            "Which parts of the shortest recipe make the difference?",
            _ladder(),
        ),
        Experiment(
            "two-conv-schedule",
            "Does dropping the rate on a plateau, as in 2012, keep up with one cycle?",
            _choices(
                "two-conv",
                {
                    arm: _at(0.01, _TWO_CONV.without(Shift), batch_size=32, schedule=schedule)
                    for arm, schedule in {
                        "constant": Constant(),
                        "plateau": Plateau(patience=2),
                        "one-cycle": OneCycle(),
                    }.items()
                },
                per_class=1000,
            ),
            source="paper §5",
        ),
        Experiment(
            "first-weights",
            "From which first weights do eight layers begin to learn?",
            _first_weights(
                paper_without_biases=FirstWeights(0.01),
                paper=PAPER_WEIGHTS,
                code_2012=CODE_2012_WEIGHTS,
                pytorch=None,
                he=HE,
            ),
            source="paper §5; the released 2012 code, config 145",
        ),
        Experiment(
            "activation-rate",
            "Which learning rate makes four layers with each activation learn fastest: on scaled"
            " inputs or raw pixels, from PyTorch's first weights or small ones, with conv1 frozen"
            " or slow?",
            {
                f"{start}{activation}-{rate:g}": replace(
                    _four_layers(activation, rate, 2, **given), measured_on="validation"
                )
                for start, given, activations, rates in (
                    ("", {}, ("relu", "tanh", "sigmoid"), _SCALED_RATES),
                    ("released-", _RELEASED, ("relu", "tanh"), _RAW_RATES),
                    ("small-", {"small": True}, ("relu", "tanh"), _SCALED_RATES),
                    ("raw-", {"raw": True}, ("relu", "tanh"), _RAW_RATES),
                    ("frozen-", {"frozen": True}, ("relu", "tanh"), _SCALED_RATES[1:]),
                    ("raw-frozen-", _RAW_FROZEN, ("relu",), _RAW_RATES[:3]),
                    ("raw-frozen-", _RAW_FROZEN, ("tanh",), _RAW_RATES[3:]),
                    ("raw-slow-", _RAW_SLOW, ("tanh",), _RAW_RATES[3:]),
                    ("released-slow-", _RAW_SLOW | _RELEASED, ("relu", "tanh"), _RAW_RATES[3:]),
                )
                for activation in activations
                for rate in rates
            },
            seeds=(0,),
            source="paper §3.1; the released 2012 code, its net of 18 %",
        ),
        Experiment(
            "figure-1",
            "How much sooner do four layers reach a training error of 25 % with ReLU than with"
            " tanh, each at the rate that suits it, on scaled inputs and on raw pixels?",
            {
                f"{activation}-{rate:g}": _four_layers(activation, rate, epochs=12)
                for activation, rate in (
                    ("relu", 0.03),
                    ("tanh", 0.03),
                    ("relu", 0.01),
                    ("tanh", 0.01),
                    ("sigmoid", 0.03),
                    ("leaky-relu", 0.03),
                    ("gelu", 0.03),
                )
            }
            | {
                f"released-{activation}-{rate:g}": _four_layers(
                    activation, rate, epochs, **_RELEASED
                )
                for activation, rate, epochs in (
                    ("relu", 0.003, 12),
                    ("tanh", 0.01, 40),
                    ("tanh", 0.03, 40),
                )
            },
            source="paper §3.1, Figure 1; rates from activation-rate, relu's for its relatives",
        ),
        Experiment(
            "study-rate",
            "Which learning rate suits four-conv with all of the paper's ingredients, which with"
            " tanh for ReLU, and which without LRN?",
            {
                f"{name}-{rate:g}": Arm(
                    network, EVERYTHING.with_optimiser(learning_rate=rate), measured_on="validation"
                )
                for name, network, rates in (
                    ("rate", ARCHITECTURES["four-conv"], (0.02, 0.05, 0.1)),
                    (
                        "tanh",
                        ARCHITECTURES["four-conv"].with_activation("tanh"),
                        (0.01, 0.02, 0.05),
                    ),
                    (
                        "without-lrn",
                        ARCHITECTURES["four-conv"].without("lrn"),
                        (0.02, 0.03, 0.05, 0.1),
                    ),
                )
                for rate in rates
            },
            seeds=(0,),
        ),
        Experiment(
            "study",
            "What is each of the paper's ingredients worth, taken away from a network that has them"
            " all, and given to one that has none?",
            _study(),
            source="paper §3, §4, §5, §7",
        ),
        Experiment(
            "lrn-variants",
            "Does LRN's alpha matter, or its place, does batch normalisation do better, and does a"
            " lower rate do without?",
            _lrn_variants(),
            source="paper §3.3; the released 2012 code, config 145; Ioffe & Szegedy 2015",
        ),
        Experiment(
            "bare-variants",
            "What are weight decay and colour shifts worth alone, and dropout in a run half as long"
            " again?",
            _bare_variants(),
            source="paper §4, §5; compared with the study's arm bare",
        ),
        Experiment(
            "conv-local-rate",
            "Which learning rate suits the released nets of 13 % and 11 % in a short run of one"
            " cycle?",
            {
                f"{name}-{rate:g}": Arm(
                    arm.architecture,
                    replace(arm.recipe.with_optimiser(learning_rate=rate), epochs=4),
                    measured_on="validation",
                )
                for name, arm in _conv_local().items()
                if name in ("as-13", "as-11")
                for rate in (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016)
            },
            seeds=(0,),
        ),
        Experiment(
            "conv-local",
            "What makes the released net of the paper's 11 % on CIFAR-10 better than that of 13 %:"
            " LRN, a wider layer, more weight decay or longer training?",
            _conv_local(),
            source=(
                "paper §3.3, footnote 3; cuda-convnet's files of 2011: networks, first weights,"
                " batches, momentum, weight decays, the rate of biases, pieces and mirror images,"
                " ten views at test, and that the net of 11 % is trained 3.25 times as long; the"
                " course: 16 and 52 epochs for 160 and about 520, a one-cycle schedule, and its"
                " rates, for the nets of 13 % and of 11 %, chosen on validation images by"
                " conv-local-rate"
            ),
        ),
        Experiment(
            "conv-local-released",
            "What makes the net of 11 % better than that of 13 % when they are trained as long, and"
            " by the rates, that the released files give?",
            _conv_local_released(),
            source=(
                "conv-local, by the schedules of cuda-convnet's files of 2011, and of the scripts"
                " that hand on how the net of 13 % was trained; the course: all training images"
                " from the first epoch on, where the files begin with four fifths"
            ),
        ),
        Experiment(
            "conv-local-lrn",
            "What does LRN do to the released net of 13 % at an unchanged rate, in numbers of 32"
            " bits?",
            _conv_local_lrn(),
            seeds=(0,),
            source=(
                "as-13 and lrn-same-rate of conv-local, whose multiplications are in bfloat16, once"
                " more in float32"
            ),
        ),
        Experiment(
            "augmentation-variants",
            "What are crops worth without flips, and draws shared by 32 images, as in 2012?",
            {
                "crops-only": _other(
                    _EVERYTHING,
                    measures=("ten-crops",),
                    augmentation=EVERYTHING.without(Flip).augmentation,
                ),
                "shared-32": _other(
                    _EVERYTHING, augmentation=(Flip(shared=32), Crop(28, shared=32), Colour(0.1))
                ),
            },
            source="paper §4.1; the released 2012 code",
        ),
        Experiment(
            "adam-augmented",
            "Does Adam with augmentation reach the losses that its tutorial prints?",
            {
                "published": _published("adam-augmented"),
                "trained-well": _trained_well("adam-augmented"),
            },
            seeds=(0,),
            source="tutorial adam-augmented",
        ),
        Experiment(
            "adam-augmented-short",
            "Which rate and first weights suit eight layers in a run of one epoch?",
            _choices(
                "adam-augmented",
                {
                    "he-rate-0.02": _ONE_EPOCH,
                    "he-rate-0.05": _at(0.05, _ONE_EPOCH),
                    "rate-0.05": _at(0.05, _ONE_EPOCH, first_weights=None),
                    "rate-0.1": _at(0.1, _ONE_EPOCH, first_weights=None),
                },
            ),
            seeds=(0,),
        ),
        Experiment(
            "five-conv-32",
            "What is AlexNet at 32 pixels worth, trained as published and trained well?",
            {
                "published": _published("five-conv-32"),
                "trained-well": _trained_well("five-conv-32"),
                "furthest": _trained_well("five-conv-32", FURTHEST["five-conv-32"]),
            },
            seeds=(0,),
            source="tutorial five-conv-32",
        ),
        Experiment(
            "five-conv-32-short",
            "In how few epochs does five-conv-32 reach its tutorial's best accuracy?",
            _in_few_epochs(),
            seeds=(0,),
        ),
        _race("five-conv-32", seeds=(0, 1, 2, 3, 4)),
        Experiment(
            "towers",
            "What are two towers worth, and what is it worth that they meet?",
            _towers(),
            seeds=(0, 1, 2, 3, 4),
            source="paper §3.2, §3.5, §6.1",
        ),
        Experiment(
            "features",
            "What does a small AlexNet learn, and what does each ingredient do to its first"
            " kernels?",
            _features(),
            source="paper §6.1; without LRN and with tanh, the rates that study-rate found best",
        ),
        Experiment(
            "to-today",
            "What does each step from AlexNet's ingredients to a net of today bring at one cost,"
            " and what does a recipe of today bring to both ends?",
            _to_today(
                {
                    "batch-norm": 0.1,
                    "no-dropout": 0.1,
                    "global-pooling": 0.4,
                    "small-windows": 0.4,
                    "deeper": 0.2,
                    "residual": 0.2,
                }
            ),
            source=(
                "Ioffe & Szegedy 2015; Lin et al. 2014; Simonyan & Zisserman 2015; He et al. 2016;"
                " rates from study-rate and to-today-rate"
            ),
        ),
        Experiment(
            "to-today-rate",
            "Which learning rate suits each network on the way from four-conv to a residual net?",
            {
                f"{name}-{rate:g}": Arm(
                    arm.architecture,
                    replace(arm.recipe.with_optimiser(learning_rate=rate), epochs=3),
                    measured_on="validation",
                )
                for name, arm in _to_today({}).items()
                if name in TOWARDS_TODAY and name != "everything"
                for rate in (0.05, 0.1, 0.2, 0.4, 0.8)
            },
            seeds=(0,),
        ),
        Experiment(
            "image-folder",
            "What do the slips of a tutorial cost, on a set of drawn faces?",
            _faces(),
            source="tutorial image-folder",
        ),
        Experiment(
            "image-folder-short",
            "Which optimiser and rate suit eight layers on few, large images?",
            {
                name: replace(_mended_faces(recipe), measured_on="validation")
                for name, recipe in {
                    "he-rate-0.0005": _at(0.0005, _TWO_EPOCHS, optimiser=_TWO_CONV.optimiser),
                    "he-adam-0.0001": _TWO_EPOCHS,
                    "adam-0.0001": replace(_TWO_EPOCHS, first_weights=None),
                }.items()
            },
            seeds=(0,),
        ),
        Experiment(
            "own-pictures",
            "What suits a small set of one's own: mirror images, parts without copies, transfer?",
            _own_pictures(),
        ),
        Experiment(
            "upscaled-227",
            "How far does AlexNet's own size come on CIFAR-10, its images blown up to 227 pixels?",
            {
                "published": _published("upscaled-227"),
                "trained-well": _trained_well("upscaled-227"),
            },
            seeds=(0,),
            source="tutorial upscaled-227",
        ),
    )
}


def experiment(name: str) -> Experiment:
    """The experiment called ``name``; a helpful error otherwise."""
    return look_up(EXPERIMENTS, name, "experiment")
