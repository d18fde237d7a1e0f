"""Experiments: named arms × seeds, as data. ``alexnet_course.recording`` runs and records them,
``alexnet_course.results`` reads the records back.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from alexnet_course.architectures import ARCHITECTURES, Architecture
from alexnet_course.config import look_up
from alexnet_course.fields import Count, Seed, settle, shown
from alexnet_course.layers import BatchNorm
from alexnet_course.recipes import (
    CODE_2012_WEIGHTS,
    CONV_LOCAL,
    EVERYTHING,
    HE,
    PAPER_WEIGHTS,
    SHORTEST,
    TRAINED_WELL,
    FirstWeights,
    Recipe,
)
from alexnet_course.tutorials import TUTORIALS

FileName = Annotated[
    str,
    "a name that a file can have: letters, digits, and - _ . inside",
    lambda name: re.fullmatch(r"\w([\w.-]*\w)?", name),
]


@dataclass(frozen=True)
class Arm:
    """One network trained one way; ``measured_on`` is ``"test"`` or ``"validation"``.

    With ``"validation"`` a tenth of the training images is held out to choose by, and the test
    images are not looked at. ``data`` is ``"CIFAR-10"`` or ``"drawn faces"``. ``per_class`` keeps
    the first so many training images of each class; ``None`` keeps all. ``measures`` names what
    is measured when the run has ended (:data:`alexnet_course.measures.MEASURES`).
    """

    architecture: Architecture
    recipe: Recipe
    measured_on: Literal["test", "validation"] = "test"
    data: str = "CIFAR-10"
    per_class: Count | None = None
    measures: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if wrong := settle(self):
            raise ValueError(f"arm: {'; '.join(wrong)}")


def differences(arm: Arm, base: Arm) -> list[str]:
    """In what ``arm`` differs from ``base``, in short texts: layers left out, put in or in another
    order, and settings of ``arm``'s layers (``"pool1 kernel=2"``) and recipe (``"colour=0.0"``).
    """

    def changes(new: Any, old: Any) -> list[str]:
        kind = [] if type(new) is type(old) else [type(new).__name__]
        before = vars(old)
        return kind + [
            f"{key}={value}"
            for key, value in vars(new).items()
            if key not in ("name", "source") and (key not in before or before[key] != value)
        ]

    theirs = {layer.name: layer for layer in base.architecture.layers}
    ours = {layer.name: layer for layer in arm.architecture.layers}
    found = [f"{name} left out" for name in theirs if name not in ours]
    found += [f"{name} put in" for name in ours if name not in theirs]
    both, in_base = [n for n in ours if n in theirs], [n for n in theirs if n in ours]
    if both != in_base:
        found.append(f"in the order {', '.join(a for a, b in zip(both, in_base) if a != b)}")
    for name in both:
        found += [f"{name} {change}" for change in changes(ours[name], theirs[name])]
    return found + changes(arm.recipe, base.recipe)


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


def _trained_well(name: str, **changes: Any) -> Arm:
    chosen = TUTORIALS[name]
    return Arm(chosen.architecture, replace(TRAINED_WELL[name], **changes), data=chosen.data)


def _choices(name: str, arms: Mapping[str, Mapping[str, Any]], **common: Any) -> dict[str, Arm]:
    """Our recipe with ``common`` and each arm's own changes, measured on validation images."""
    return {
        arm: replace(_trained_well(name, **common, **changes), measured_on="validation")
        for arm, changes in arms.items()
    }


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
        learning_rate=0.01,
        momentum=0.9,
        weight_decay=5e-4,
        scaling="per-channel",
        flip=True,
        shift=4,
        source="paper §4.1, §5",
    )
    inputs = {"": {}, "raw-": {"scaling": "centred"}}
    inputs["raw-rate-0.001-"] = inputs["raw-"] | {"learning_rate": 0.001}
    return {
        before + start.replace("_", "-"): Arm(network, replace(recipe, first_weights=w, **changes))
        for before, changes in inputs.items()
        for start, w in starts.items()
        if not before or w not in (None, HE)
    }


def _ladder() -> dict[str, Arm]:
    """From the published recipe of two-conv to our shortest one, one change after another.

    The two ends are not among the arms: they are recorded as two-conv and two-conv-race.
    """
    recipe = replace(TUTORIALS["two-conv"].recipe, name="ladder", epochs=3)
    shortest = SHORTEST["two-conv"]
    rungs = {
        "one-cycle": ("schedule", "warmup"),
        "momentum": ("momentum", "nesterov", "learning_rate"),
        "weight-decay": ("weight_decay",),
        "flips": ("flip",),
    }
    arms = {}
    for rung, settings in rungs.items():
        recipe = replace(recipe, **{setting: getattr(shortest, setting) for setting in settings})
        arms[rung] = Arm(TUTORIALS["two-conv"].architecture, recipe)
    return arms


def _four_layers(activation: str, rate: float, epochs: int) -> Arm:
    """The paper's Figure 1: four layers, nothing against overfitting, each with its own rate."""
    network = ARCHITECTURES["three-conv"].without("lrn")
    recipe = Recipe(
        "figure 1",
        epochs=epochs,
        batch_size=128,
        learning_rate=rate,
        momentum=0.9,
        scaling="per-channel",
        source="paper §3.1, Figure 1; batch and momentum from §5",
    )
    if activation != "relu":
        network = network.with_activation(activation)
    return Arm(network, recipe, measures=("flat-outputs", "dead-units"))


_EVERYTHING = Arm(ARCHITECTURES["four-conv"], EVERYTHING, measures=("training-images",))
_STILL = {"flip": False, "random_crop": False}


def _other(
    arm: Arm, network: Architecture | None = None, measures: tuple[str, ...] = (), **changes: Any
) -> Arm:
    """``arm`` with another network, further measures, or changes to its recipe."""
    return replace(
        arm,
        architecture=network or arm.architecture,
        recipe=replace(arm.recipe, **changes),
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
        weight_decay=0.0,
        colour=0.0,
        **_STILL,
    )
    dropout = _other(bare, small_pools.without("lrn"), measures=("masked-passes",))
    without_conv3 = network.without("conv3", "relu3")
    return {
        "everything": _other(
            all_of, measures=("dead-units", "response-norms", "masked-passes", "ten-crops")
        ),
        "without-lrn": _other(all_of, network.without("lrn")),
        "pooling-2": _other(all_of, small_pools),
        "without-dropout": _other(all_of, network.without("dropout")),
        "without-crops-and-flips": _other(all_of, measures=("ten-crops",), **_STILL),
        "bare": bare,
        "bare-dropout": dropout,
        "bare-crops-and-flips": _other(bare, flip=True, random_crop=True),
        "bare-lrn": _other(bare, small_pools.without("dropout"), measures=("response-norms",)),
        "bare-pooling-3": _other(bare, network.without("lrn", "dropout")),
        "bare-twice-as-long": _other(bare, epochs=2 * EVERYTHING.epochs),
        "bare-dropout-half-as-long-again": _other(dropout, epochs=3 * EVERYTHING.epochs // 2),
        "bare-dropout-twice-as-long": _other(dropout, epochs=2 * EVERYTHING.epochs),
        "bare-colour": _other(bare, colour=EVERYTHING.colour),
        "bare-weight-decay": _other(bare, weight_decay=EVERYTHING.weight_decay),
        "tanh": _other(all_of, network.with_activation("tanh")),
        "without-conv3": _other(all_of, without_conv3),
        "conv4-5x5": _other(all_of, without_conv3.replace("conv4", kernel=5, padding=2)),
        "without-colour": _other(all_of, colour=0.0),
        "without-weight-decay": _other(all_of, weight_decay=0.0),
        "biases-1": _other(
            all_of,
            first_weights=FirstWeights("he", biases=dict.fromkeys(("conv2", "conv4", "fc5"), 1.0)),
            measures=("dead-units",),
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
    }


def _conv_local() -> dict[str, Arm]:
    """From the released net of 13 % to that of 11 %: each of their differences alone, and all.

    With LRN and without it, each has the rate that conv-local-rate found best.
    """
    of_13 = Arm(ARCHITECTURES["conv-local-13"], CONV_LOCAL, measures=("ten-crops",))
    net_11 = ARCHITECTURES["conv-local-11"]
    with_norms = {"learning_rate": 0.004}
    decay = {"weight_decays": CONV_LOCAL.weight_decays | {"fc5": 0.01}}
    longer = {"epochs": CONV_LOCAL.epochs * 13 // 4}  # the files: about 520 epochs for 160
    return {
        "as-13": of_13,
        "lrn": _other(of_13, net_11.replace("local3", out_channels=32), **with_norms),
        "width": _other(of_13, of_13.architecture.replace("local3", out_channels=64)),
        "decay": _other(of_13, **decay),
        "length": _other(of_13, **longer),
        "as-11": _other(of_13, net_11, **with_norms, **decay, **longer),
    }


def _race(name: str, seeds: tuple[int, ...]) -> Experiment:
    return Experiment(
        f"{name}-race",
        f"How soon does {name} reach its tutorial's best accuracy?",
        {"ours": Arm(TUTORIALS[name].architecture, SHORTEST[name])},
        seeds,
    )


def _mended_faces(**changes: Any) -> Arm:
    """The tutorial image-folder without its slips, trained our way."""
    tower = ARCHITECTURES["single-tower"].with_input(3, 224, 224).with_classes(7)
    tower = tower.replace("conv1", padding=2).renamed("image-folder, mended")
    return replace(_trained_well("image-folder", **changes), architecture=tower)


def _faces() -> dict[str, Arm]:
    """The tutorial image-folder with its slips and with all of them mended, by two recipes."""
    slips = _published("image-folder")
    mended = replace(slips.recipe, name="mended", vertical_flip=False, flip=True)
    return {
        "published": slips,
        "mended": replace(_mended_faces(), recipe=mended),
        "trained-well": _mended_faces(),
        "trained-well-with-slips": _trained_well("image-folder", vertical_flip=True, flip=False),
    }


EXPERIMENTS: dict[str, Experiment] = {
    e.name: e
    for e in (
        Experiment(
            "two-conv",
            "What is the same small network worth, trained as published and trained well?",
            {
                "published": _published("two-conv"),
                "trained-well": _trained_well("two-conv"),
                "trained-longer": _trained_well("two-conv", epochs=40),
            },
            source="tutorial two-conv",
        ),
        Experiment(
            "two-conv-weight-decay",
            "Does weight decay lower the training error? The arm with it is two-conv's.",
            {"without": _trained_well("two-conv", weight_decay=0.0)},
            source="paper §5",
        ),
        Experiment(
            "two-conv-rate",
            "Which learning rate suits two-conv with momentum and a one-cycle schedule?",
            _choices(
                "two-conv",
                {f"rate-{rate:g}": {"learning_rate": rate} for rate in (0.025, 0.05, 0.1)},
                epochs=3,
            ),
            seeds=(0,),
        ),
        Experiment(
            "two-conv-short",
            "What suits a run of three epochs?",
            _choices(
                "two-conv",
                {
                    "he": {"first_weights": HE},
                    "he-batch-64": {"first_weights": HE, "batch_size": 64},
                    "he-shift-2": {"first_weights": HE, "shift": 2},
                    "he-no-shift": {"first_weights": HE, "shift": 0},
                    "he-rate-0.02": {"first_weights": HE, "learning_rate": 0.02},
                    "he-rate-0.01": {"first_weights": HE, "learning_rate": 0.01},
                    "no-shift": {"shift": 0},
                    "batch-64-rate-0.025": {"batch_size": 64, "learning_rate": 0.025},
                    "batch-64-rate-0.025-no-shift": {
                        "batch_size": 64,
                        "learning_rate": 0.025,
                        "shift": 0,
                    },
                    "batch-64-rate-0.03-no-shift-early-peak": {
                        "batch_size": 64,
                        "learning_rate": 0.03,
                        "shift": 0,
                        "warmup": 0.15,
                    },
                    **{
                        f"adam-{rate:g}-no-shift": {
                            "optimiser": "adam",
                            "learning_rate": rate,
                            "momentum": 0.0,
                            "nesterov": False,
                            "weight_decay": 0.0,
                            "shift": 0,
                        }
                        for rate in (0.001, 0.002)
                    },
                },
                epochs=3,
            ),
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
            {
                name: replace(arm, per_class=1000)
                for name, arm in _choices(
                    "two-conv",
                    {
                        "constant": {"schedule": "constant"},
                        "plateau": {"schedule": "plateau", "patience": 2},
                        "one-cycle": {},
                    },
                    batch_size=32,
                    learning_rate=0.01,
                    shift=0,
                ).items()
            },
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
            "Which learning rate makes four layers with each activation learn fastest?",
            {
                f"{activation}-{rate:g}": replace(
                    _four_layers(activation, rate, epochs=2), measured_on="validation"
                )
                for activation in ("relu", "tanh", "sigmoid")
                for rate in (0.003, 0.01, 0.03, 0.1)
            },
            seeds=(0,),
            source="paper §3.1",
        ),
        Experiment(
            "figure-1",
            "How much sooner do four layers reach a training error of 25 % with ReLU than with"
            " tanh, each at the rate that suits it?",
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
            },
            source="paper §3.1, Figure 1; rates from activation-rate, relu's for its relatives",
        ),
        Experiment(
            "study-rate",
            "Which learning rate suits four-conv with all of the paper's ingredients, which with"
            " tanh for ReLU, and which without LRN?",
            {
                f"{name}-{rate:g}": Arm(
                    network, replace(EVERYTHING, learning_rate=rate), measured_on="validation"
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
            "Does LRN's alpha matter, or its place, and does batch normalisation do better?",
            _lrn_variants(),
            source="paper §3.3; the released 2012 code, config 145; Ioffe & Szegedy 2015",
        ),
        Experiment(
            "conv-local-rate",
            "Which learning rate suits the released nets of 13 % and 11 % in a short run of one"
            " cycle?",
            {
                f"{name}-{rate:g}": Arm(
                    arm.architecture,
                    replace(arm.recipe, epochs=4, learning_rate=rate),
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
                " rate, with LRN and without, chosen on validation images by conv-local-rate"
            ),
        ),
        Experiment(
            "augmentation-variants",
            "What are crops worth without flips, and draws shared by 32 images, as in 2012?",
            {
                "crops-only": _other(_EVERYTHING, flip=False, measures=("ten-crops",)),
                "shared-32": _other(_EVERYTHING, shared_draws=32),
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
                    "he-rate-0.02": {},
                    "he-rate-0.05": {"learning_rate": 0.05},
                    "rate-0.05": {"learning_rate": 0.05, "first_weights": None},
                    "rate-0.1": {"learning_rate": 0.1, "first_weights": None},
                },
                epochs=1,
            ),
            seeds=(0,),
        ),
        Experiment(
            "five-conv-32",
            "What is AlexNet at 32 pixels worth, trained as published and trained well?",
            {
                "published": _published("five-conv-32"),
                "trained-well": _trained_well("five-conv-32"),
            },
            seeds=(0,),
            source="tutorial five-conv-32",
        ),
        Experiment(
            "five-conv-32-short",
            "Are five epochs enough for five-conv-32 to reach its tutorial's best accuracy?",
            {
                "five-epochs": Arm(
                    TUTORIALS["five-conv-32"].architecture,
                    replace(SHORTEST["five-conv-32"], epochs=5),
                    "validation",
                )
            },
            seeds=(0,),
        ),
        _race("five-conv-32", seeds=(0,)),
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
                name: replace(_mended_faces(epochs=2, **changes), measured_on="validation")
                for name, changes in {
                    "he-rate-0.0005": {
                        "optimiser": "sgd",
                        "learning_rate": 0.0005,
                        "momentum": 0.9,
                        "nesterov": True,
                        "weight_decay": 5e-4,
                    },
                    "he-adam-0.0001": {},
                    "adam-0.0001": {"first_weights": None},
                }.items()
            },
            seeds=(0,),
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
