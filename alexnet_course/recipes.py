"""Recipes: how a network is trained, as data."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

from alexnet_course.fields import Count, CountOrZero, NotNegative, Positive, Share, settle, shown

PLATEAU_DROPS = 3  # paper §5
Deviation = NotNegative | Literal["he"]


@dataclass(frozen=True)
class FirstWeights:
    """Normal first weights and constant first biases, with exceptions keyed by layer name.

    ``std`` is a standard deviation, or ``"he"``: √(2 / inputs of a unit), which keeps the size of
    activations through ReLU layers (He et al. 2015). A name that no layer has is an error.
    """

    std: Deviation
    bias: float = 0.0
    stds: Mapping[str, Deviation] = field(default_factory=dict)
    biases: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if wrong := settle(self):
            raise ValueError(f"first weights: {'; '.join(wrong)}")


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
    in the released 2012 code. For ``scaling`` see
    :meth:`alexnet_course.data.Preparation.of`. ``colour`` is the standard deviation of the three
    draws of the colour shift (paper §4.1: 0.1). ``first_weights`` is ``None`` for PyTorch's own;
    ``resize`` the size in pixels to which images are brought, ``None`` to leave them. A last,
    smaller batch is used, not dropped.

    ``weight_decays`` are exceptions from ``weight_decay``, keyed by layer name; a name that no
    layer has is an error when training begins. Biases learn at ``bias_rate`` times the rate of the
    weights, and have no weight decay where ``bias_decay`` is false (in the released 2012 code: 2,
    and none).
    """

    name: str
    epochs: Count
    batch_size: Count
    learning_rate: Positive
    optimiser: Literal["sgd", "adam"] = "sgd"
    momentum: Share = 0.0
    nesterov: bool = False
    weight_decay: NotNegative = 0.0
    weight_decays: Mapping[str, NotNegative] | None = None
    bias_rate: Positive = 1.0
    bias_decay: bool = True
    schedule: Literal["constant", "one-cycle", "plateau"] = "constant"
    warmup: Annotated[float, "a number above 0 and below 1", lambda x: 0 < x < 1] = 0.25
    scaling: Literal["minus-one-to-one", "per-channel", "centred"] = "minus-one-to-one"
    flip: bool = False
    vertical_flip: bool = False
    shift: CountOrZero = 0
    colour: NotNegative = 0.0
    label_smoothing: Share = 0.0
    patience: Count = 3
    first_weights: FirstWeights | None = None
    resize: Count | None = None
    crop: Count | None = None
    random_crop: bool = True
    shared_draws: Count = 1
    source: str = field(default="", metadata={"describes": True})

    def __post_init__(self) -> None:
        if broken := settle(self) or self._at_odds():
            raise ValueError(f"recipe {shown(self.name)}: {'; '.join(broken)}")

    def _at_odds(self) -> list[str]:
        """In sentences, which settings do not go together."""
        rules = {
            f"nesterov needs momentum, which is {self.momentum}": self.nesterov
            and self.momentum == 0,
            f"momentum is {self.momentum}, but belongs to sgd; leave it at 0 with adam": (
                self.optimiser == "adam" and self.momentum > 0
            ),
            f"crop is {self.crop} and shift {self.shift}; both move the image, leave one out": (
                self.crop is not None and self.shift > 0
            ),
        }
        return [rule for rule, broken in rules.items() if broken]

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

# The nets of the paper's 13 % and 11 % on CIFAR-10, conv-local-13 and conv-local-11.
CONV_LOCAL = Recipe(
    "conv-local",
    epochs=16,
    batch_size=128,
    learning_rate=0.008,
    momentum=0.9,
    weight_decay=0.004,
    weight_decays={"conv1": 0.0, "conv2": 0.0},
    bias_rate=2.0,
    bias_decay=False,
    schedule="one-cycle",
    scaling="centred",
    flip=True,
    crop=24,
    first_weights=FirstWeights(0.04, stds={"conv1": 0.0001, "conv2": 0.01, "fc5": 0.01}),
    source=(
        "cuda-convnet's files of 2011 for 13 % on CIFAR-10, but for what is the course's: one "
        "cycle of 16 epochs (released: some 160, at a constant rate that is divided by 10 twice "
        "near the end), its rate, and each channel's mean for each pixel's"
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
