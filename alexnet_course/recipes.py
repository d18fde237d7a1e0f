"""Recipes: how a network is trained, as data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from alexnet_course.config import is_whole

PLATEAU_DROPS = 3  # paper §5
SCALINGS = ("minus-one-to-one", "per-channel", "centred")


@dataclass(frozen=True)
class FirstWeights:
    """Normal first weights and constant first biases, with exceptions keyed by layer name.

    ``std`` is a standard deviation, or ``"he"``: √(2 / inputs of a unit), which keeps the size of
    activations through ReLU layers (He et al. 2015). A name that no layer has is an error.
    """

    std: float | str
    bias: float = 0.0
    stds: Mapping[str, float] = field(default_factory=dict)
    biases: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for std in (self.std, *self.stds.values()):
            if std != "he" and not (isinstance(std, (int, float)) and std >= 0):
                raise ValueError(f"std must be a number, at least 0, or 'he'; got {std!r}")


HE = FirstWeights("he")
_ONES = dict.fromkeys(("conv2", "conv4", "conv5", "fc6", "fc7"), 1.0)
PAPER_WEIGHTS = FirstWeights(0.01, biases=_ONES)  # paper §5, eight layers
CODE_2012_WEIGHTS = FirstWeights(
    0.01, stds=dict.fromkeys(("conv3", "conv4", "conv5"), 0.03), biases=_ONES
)  # the released code, config 145


@dataclass(frozen=True)
class Recipe:
    """Everything that turns a network and its images into a trained network, except the seed.

    ``learning_rate`` is the highest rate of the schedule. ``schedule`` is ``"constant"``;
    ``"one-cycle"``: a straight climb from 1/25 of the rate over the first ``warmup`` share of all
    steps, then a straight fall to nothing (Smith & Topin 2019); or ``"plateau"``: divided by 10
    when validation accuracy has not improved for ``patience`` epochs, three times in all (paper
    §5). ``shift`` is in pixels each way; ``crop`` is the side in pixels of what is cut out of each
    image, at a random place while training and in the middle for measuring (``random_crop`` false:
    in the middle always). ``shared_draws`` images in a row share one flip and one place, as 32 do
    in the released 2012 code. ``scaling`` is one of :data:`SCALINGS`; see
    :meth:`alexnet_course.data.Preparation.of`. ``colour`` is the standard deviation of the three
    draws of the colour shift (paper §4.1: 0.1). ``first_weights`` is ``None`` for PyTorch's own;
    ``resize`` the size in pixels to which images are brought, ``None`` to leave them. A last,
    smaller batch is used, not dropped.
    """

    name: str
    epochs: int
    batch_size: int
    learning_rate: float
    optimiser: str = "sgd"
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0
    schedule: str = "constant"
    warmup: float = 0.25
    scaling: str = "minus-one-to-one"
    flip: bool = False
    vertical_flip: bool = False
    shift: int = 0
    colour: float = 0.0
    label_smoothing: float = 0.0
    patience: int = 3
    first_weights: FirstWeights | None = None
    resize: int | None = None
    crop: int | None = None
    random_crop: bool = True
    shared_draws: int = 1
    source: str = field(default="", metadata={"describes": True})

    def __post_init__(self) -> None:
        rules = {
            "epochs must be a whole number, at least 1": is_whole(self.epochs, 1),
            "batch_size must be a whole number, at least 1": is_whole(self.batch_size, 1),
            "learning_rate must be above 0": self.learning_rate > 0,
            "optimiser must be 'sgd' or 'adam'": self.optimiser in ("sgd", "adam"),
            "momentum must be at least 0 and below 1": 0 <= self.momentum < 1,
            "nesterov needs momentum": not self.nesterov or self.momentum > 0,
            "momentum belongs to sgd; leave it at 0 with adam": self.optimiser == "sgd"
            or self.momentum == 0,
            "weight_decay must not be negative": self.weight_decay >= 0,
            "schedule must be 'constant', 'one-cycle' or 'plateau'": self.schedule
            in ("constant", "one-cycle", "plateau"),
            "patience must be a whole number of epochs, at least 1": is_whole(self.patience, 1),
            "warmup must be above 0 and below 1": 0 < self.warmup < 1,
            f"scaling must be one of {', '.join(SCALINGS)}": self.scaling in SCALINGS,
            "shift must be a whole number of pixels, at least 0": is_whole(self.shift, 0),
            "resize must be a whole number of pixels, at least 1, or None": self.resize is None
            or is_whole(self.resize, 1),
            "crop must be a whole number of pixels, at least 1, or None": self.crop is None
            or is_whole(self.crop, 1),
            "crop and shift both move the image; leave one out": self.crop is None
            or self.shift == 0,
            "shared_draws must be a whole number of images, at least 1": is_whole(
                self.shared_draws, 1
            ),
            "colour must not be negative": self.colour >= 0,
            "label_smoothing must be at least 0 and below 1": 0 <= self.label_smoothing < 1,
        }
        broken = [rule for rule, kept in rules.items() if not kept]
        if broken:
            raise ValueError(f"recipe {self.name!r}: {'; '.join(broken)}; got {self}")

    def rate(self, step: int, steps: int) -> float:
        """The learning rate at ``step`` (from 0) of ``steps`` in the whole run.

        A plateau's drops depend on what was measured: see :meth:`rate_after`.
        """
        if self.schedule == "constant":
            return self.learning_rate
        if self.schedule == "plateau":
            raise ValueError("the rate of a 'plateau' follows from accuracies: use rate_after()")
        peak = self.warmup * steps
        start = self.learning_rate / 25
        if step < peak:
            return start + (self.learning_rate - start) * step / peak
        return self.learning_rate * (steps - step) / (steps - peak)

    def rate_after(self, accuracies: Sequence[float]) -> float:
        """The rate of the epoch that follows epochs with these validation ``accuracies``."""
        best, waited, drops = -math.inf, 0, 0
        for accuracy in accuracies:
            waited = 0 if accuracy > best else waited + 1
            best = max(best, accuracy)
            if waited == self.patience and drops < PLATEAU_DROPS:
                drops, waited = drops + 1, 0
        return self.learning_rate / 10**drops


TRAINED_WELL: dict[str, Recipe] = {
    "two-conv": Recipe(
        "trained-well",
        epochs=20,
        batch_size=128,
        learning_rate=0.05,
        momentum=0.9,
        nesterov=True,
        weight_decay=5e-4,
        schedule="one-cycle",
        scaling="per-channel",
        flip=True,
        shift=4,
        source=(
            "the course: the paper's momentum, weight decay and kinds of augmentation (§4.1, §5), "
            "a one-cycle rate; the rate chosen on validation images"
        ),
    ),
}
TRAINED_WELL["adam-augmented"] = replace(
    TRAINED_WELL["two-conv"],
    epochs=10,
    learning_rate=0.02,
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
    resize=227,
    source="the course: as for adam-augmented, for longer; never run so far, since it needs a GPU",
)
TRAINED_WELL["image-folder"] = Recipe(
    "trained-well",
    epochs=10,
    batch_size=16,
    learning_rate=0.0001,
    optimiser="adam",
    schedule="one-cycle",
    scaling="per-channel",
    flip=True,
    shift=4,
    first_weights=HE,
    resize=224,
    source="the course: Adam, its rate and He's first weights chosen on validation images",
)

# The study of the ingredients, on four-conv: what the paper has, but for its first weights.
EVERYTHING = Recipe(
    "everything",
    epochs=12,
    batch_size=128,
    learning_rate=0.05,
    momentum=0.9,
    weight_decay=5e-4,
    schedule="one-cycle",
    scaling="per-channel",
    flip=True,
    crop=28,
    colour=0.1,
    first_weights=HE,
    source=(
        "paper §4.1, §5: momentum, weight decay, pieces and mirror images, colours; "
        "the course: He's first weights, a one-cycle rate, chosen on validation images"
    ),
)

# The shortest way to the best accuracy of a tutorial; settings are chosen on validation images.
SHORTEST: dict[str, Recipe] = {
    "two-conv": replace(
        TRAINED_WELL["two-conv"],
        name="shortest",
        epochs=3,
        batch_size=64,
        learning_rate=0.03,
        warmup=0.15,
        shift=0,
        source=(
            "the course: trained-well in smaller batches, with an earlier peak and without shifts, "
            "which a short run has no time for; chosen on validation images"
        ),
    ),
    "five-conv-32": replace(
        TRAINED_WELL["five-conv-32"],
        name="shortest",
        epochs=6,
        shift=0,
        source=(
            "the course: trained-well without shifts; one epoch more than the five that ended "
            "a little below the tutorial's best accuracy on validation images"
        ),
    ),
}
