"""Recipes: how a network is trained, as data made of parts.

The parts stand in :mod:`~alexnet_course.optimisers`, :mod:`~alexnet_course.schedules`,
:mod:`alexnet_course.data.preparation` and :mod:`alexnet_course.data.augmentation`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from alexnet_course.data.augmentation import Augmentation, Colour, Crop, Flip, Shift
from alexnet_course.data.preparation import (
    CentreCrop,
    Centred,
    MinusOneToOne,
    PerChannel,
    Preparing,
    Resize,
    Scaling,
)
from alexnet_course.fields import Count, NotNegative, Share, Spec, brief, settle, shown
from alexnet_course.optimisers import SGD, Adam, Lookahead, Muon, Optimiser
from alexnet_course.schedules import Constant, OneCycle, Plateau, Schedule

Deviation = NotNegative | Literal["he"]


@dataclass(frozen=True)
class FirstWeights(Spec):
    """Normal first weights and constant first biases, with exceptions keyed by layer name.

    ``std`` is a standard deviation, or ``"he"``: √(2 / inputs of a unit), which keeps the size of
    activations through ReLU layers (He et al. 2015). A name that no layer has is an error.
    """

    std: Deviation
    bias: float = 0.0
    stds: Mapping[str, Deviation] = field(default_factory=dict)
    biases: Mapping[str, float] = field(default_factory=dict)


HE = FirstWeights("he")
HE_SMALL_FC = FirstWeights("he", stds=dict.fromkeys(("fc6", "fc7", "fc8"), 0.01))
_ONES = dict.fromkeys(("conv2", "conv4", "conv5", "fc6", "fc7"), 1.0)
PAPER_WEIGHTS = FirstWeights(0.01, biases=_ONES)  # paper §5, eight layers
CODE_2012_WEIGHTS = FirstWeights(
    0.01, stds=dict.fromkeys(("conv3", "conv4", "conv5"), 0.03), biases=_ONES
)  # the released code, config 145


@dataclass(frozen=True)
class Recipe:
    """Everything that turns a network and its images into a trained network, except the seed.

    ``preparation`` is done to every image, in this order; ``augmentation`` before it, to those that
    are trained on alone. ``first_weights`` is ``None`` for PyTorch's own; with ``whitening``, those
    of the first layer are made from the images instead (:func:`~alexnet_course.network.whiten`).
    ``mirrored`` asks for the guess about each held-out image and its mirror image together. A last,
    smaller batch is used, not dropped.
    """

    name: str
    epochs: Count
    batch_size: Count
    optimiser: Optimiser
    schedule: Schedule = Constant()
    preparation: tuple[Preparing, ...] = (MinusOneToOne(),)
    augmentation: tuple[Augmentation, ...] = ()
    label_smoothing: Share = 0.0
    first_weights: FirstWeights | None = None
    whitening: bool = False
    averaging: Lookahead | None = None
    mirrored: bool = False
    source: str = field(default="", metadata={"describes": True})

    def __post_init__(self) -> None:
        if broken := settle(self) or self._at_odds():
            raise ValueError(f"recipe {shown(self.name)}: {'; '.join(broken)}")

    def _at_odds(self) -> list[str]:
        """In sentences, which settings do not go together."""
        scalings = [brief(part) for part in self.preparation if isinstance(part, Scaling)]
        if len(scalings) < 2:
            return []
        return [f"preparation scales more than once: {', '.join(scalings)}; keep one"]

    def settings(self) -> dict[str, Any]:
        """Every setting by its name, in one table with the optimiser's; its steps as short code."""
        own = {key: brief(value) for key, value in vars(self).items()}
        parts = {key: brief(value) for key, value in vars(self.optimiser).items()}
        own |= {"optimiser": type(self.optimiser).__name__, **parts}
        return {key: value for key, value in own.items() if key not in ("name", "source")}

    def with_optimiser(self, **changes: Any) -> "Recipe":
        """Change settings of the optimiser: ``with_optimiser(learning_rate=0.03)``."""
        return replace(self, optimiser=replace(self.optimiser, **changes))

    def without(self, *kinds: type) -> "Recipe":
        """Leave out steps of preparation and augmentation: ``without(Shift, Flip)``."""
        kept: dict[str, Any] = {
            part: tuple(step for step in getattr(self, part) if not isinstance(step, kinds))
            for part in ("preparation", "augmentation")
        }
        return replace(self, **kept)


_MOMENTUM = SGD(0.05, momentum=0.9, weight_decay=5e-4)  # paper §5, but for the rate

TRAINED_WELL: dict[str, Recipe] = {
    "two-conv": Recipe(
        "trained-well",
        epochs=20,
        batch_size=128,
        optimiser=replace(_MOMENTUM, nesterov=True),
        schedule=OneCycle(),
        preparation=(PerChannel(),),
        augmentation=(Flip(), Shift(4)),
        source=(
            "the course: the paper's momentum, weight decay and kinds of augmentation (§4.1, §5), "
            "a one-cycle rate; the rate chosen on validation images"
        ),
    ),
}
TRAINED_WELL["adam-augmented"] = replace(
    TRAINED_WELL["two-conv"].with_optimiser(learning_rate=0.02),
    epochs=10,
    first_weights=HE,
    source="the course: as for two-conv, with a lower rate and He's first weights",
)
TRAINED_WELL["five-conv-32"] = replace(
    TRAINED_WELL["adam-augmented"],
    source="the course: as for adam-augmented, which has as many layers; nothing was chosen anew",
)
TRAINED_WELL["upscaled-227"] = replace(
    TRAINED_WELL["adam-augmented"],
    epochs=30,
    preparation=(PerChannel(), Resize(227)),
    source="the course: as for adam-augmented, for longer",
)
TRAINED_WELL["image-folder"] = Recipe(
    "trained-well",
    epochs=10,
    batch_size=16,
    optimiser=Adam(0.0001),
    schedule=OneCycle(),
    preparation=(PerChannel(), Resize(224)),
    augmentation=(Flip(), Shift(4)),
    first_weights=HE,
    source="the course: Adam, its rate and He's first weights chosen on validation images",
)

# Pictures of one's own: tens or hundreds a class, a laptop.
FEW_IMAGES = Recipe(
    "few-images",
    epochs=40,
    batch_size=32,
    optimiser=replace(_MOMENTUM, learning_rate=0.02, nesterov=True),
    schedule=OneCycle(),
    preparation=(PerChannel(),),
    augmentation=(Flip(), Shift(3)),
    first_weights=HE,
    source=(
        "the course: trained-well of adam-augmented for longer, in smaller batches, with smaller "
        "shifts; nothing was chosen anew"
    ),
)

# Where the paper's images are of 256 pixels, and its networks take pieces of 227.
PAPER = Recipe(
    "paper",
    epochs=90,
    batch_size=128,
    optimiser=SGD(0.01, momentum=0.9, weight_decay=5e-4),
    schedule=Plateau(),
    preparation=(CentreCrop(227), Centred()),
    augmentation=(Flip(), Crop(227), Colour(0.1)),
    first_weights=PAPER_WEIGHTS,
    source=(
        "paper §2, §4.1, §5; the course: how many epochs without a gain end a rate, and each "
        "channel's mean for each pixel's"
    ),
)

# The study of the ingredients, on four-conv: what the paper has, but for its first weights.
EVERYTHING = Recipe(
    "everything",
    epochs=12,
    batch_size=128,
    optimiser=_MOMENTUM,
    schedule=OneCycle(),
    preparation=(CentreCrop(28), PerChannel()),
    augmentation=(Flip(), Crop(28), Colour(0.1)),
    first_weights=HE,
    source=(
        "paper §4.1, §5: momentum, weight decay, pieces and mirror images, colours; "
        "the course: He's first weights, a one-cycle rate, chosen on validation images"
    ),
)

# The nets of the paper's 13 % and 11 % on CIFAR-10, conv-local-13 and conv-local-11.
CONV_LOCAL = Recipe(
    "conv-local",
    epochs=16,
    batch_size=128,
    optimiser=SGD(
        0.008,
        momentum=0.9,
        weight_decay=0.004,
        weight_decays={"conv1": 0.0, "conv2": 0.0},
        bias_rate=2.0,
        bias_decay=False,
    ),
    schedule=OneCycle(),
    preparation=(CentreCrop(24), Centred()),
    augmentation=(Flip(), Crop(24)),
    first_weights=FirstWeights(0.04, stds={"conv1": 0.0001, "conv2": 0.01, "fc5": 0.01}),
    source=(
        "cuda-convnet's files of 2011 for 13 % on CIFAR-10, but for what is the course's: one "
        "cycle of 16 epochs (released: some 160, at a constant rate that is divided by 10 twice "
        "near the end), its rate, and each channel's mean for each pixel's"
    ),
)

# On the way to the shortest recipe of two-conv.
IN_THREE_EPOCHS = replace(
    TRAINED_WELL["two-conv"].without(Shift).with_optimiser(learning_rate=0.03),
    name="shortest",
    epochs=3,
    batch_size=64,
    schedule=OneCycle(warmup=0.15),
    source=(
        "the course: trained-well in smaller batches, with an earlier peak and without shifts, "
        "which a short run has no time for; chosen on validation images"
    ),
)

# On the way to the shortest recipe of five-conv-32.
IN_FIVE_EPOCHS = replace(
    TRAINED_WELL["five-conv-32"].without(Shift),
    name="shortest",
    epochs=5,
    source="the course: trained-well without shifts, which a short run has no time for",
)

# The shortest way to the best accuracy of a tutorial; settings are chosen on validation images.
SHORTEST: dict[str, Recipe] = {
    "two-conv": replace(
        IN_THREE_EPOCHS,
        epochs=1,
        optimiser=Muon(0.02, IN_THREE_EPOCHS.optimiser),
        whitening=True,
        mirrored=True,
        source=(
            "the course: the recipe of three epochs with Muon for the kernels, first ones that "
            "whiten windows, and guesses from mirror images too; chosen on validation images"
        ),
    ),
    "five-conv-32": replace(
        IN_FIVE_EPOCHS,
        epochs=1,
        optimiser=Muon(0.02, IN_FIVE_EPOCHS.optimiser),
        first_weights=HE_SMALL_FC,
        whitening=True,
        mirrored=True,
        source=(
            "the course: trained-well without shifts, with Muon and whitening as for two-conv and "
            "smaller first weights in the fully connected layers; chosen on validation images"
        ),
    ),
}


def _further(name: str, epochs: int, **changes: Any) -> Recipe:
    """The shortest recipe of a tutorial, with what a run of many epochs has time for."""
    return replace(
        SHORTEST[name].with_optimiser(weight_decay=0.05),
        name="furthest",
        epochs=epochs,
        augmentation=(Flip(), Shift(2)),
        label_smoothing=0.1,
        **changes,
    )


# The furthest that a tutorial's network was taken; settings are chosen on validation images.
FURTHEST: dict[str, Recipe] = {
    "two-conv": _further(
        "two-conv",
        epochs=40,
        batch_size=128,
        source=(
            "the course: the shortest recipe for longer, with shifts, label smoothing, a decay of "
            "the kernels and batches of 128, each chosen in runs of eight epochs on validation "
            "images"
        ),
    ),
    "five-conv-32": _further(
        "five-conv-32",
        epochs=20,
        source=(
            "the course: the shortest recipe for longer, with what the furthest recipe of two-conv "
            "adds; nothing was chosen anew"
        ),
    ),
}
