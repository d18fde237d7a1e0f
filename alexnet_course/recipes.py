"""Recipes: how a network is trained, as data."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Recipe:
    """Everything that turns a network and its images into a trained network, except the seed.

    ``learning_rate`` is the highest rate of the schedule. ``schedule`` is ``"constant"`` or
    ``"one-cycle"``: a straight climb from 1/25 of the rate over the first ``warmup`` share of all
    steps, then a straight fall to nothing (Smith & Topin 2019). ``shift`` is in pixels each way.
    A last, smaller batch is used, not dropped.
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
    shift: int = 0
    source: str = field(default="", metadata={"describes": True})

    def __post_init__(self) -> None:
        rules = {
            "epochs must be a whole number, at least 1": self.epochs >= 1
            and isinstance(self.epochs, int),
            "batch_size must be a whole number, at least 1": self.batch_size >= 1
            and isinstance(self.batch_size, int),
            "learning_rate must be above 0": self.learning_rate > 0,
            "optimiser must be 'sgd' or 'adam'": self.optimiser in ("sgd", "adam"),
            "momentum must be at least 0 and below 1": 0 <= self.momentum < 1,
            "nesterov needs momentum": not self.nesterov or self.momentum > 0,
            "momentum belongs to sgd; leave it at 0 with adam": self.optimiser == "sgd"
            or self.momentum == 0,
            "weight_decay must not be negative": self.weight_decay >= 0,
            "schedule must be 'constant' or 'one-cycle'": self.schedule
            in ("constant", "one-cycle"),
            "warmup must be above 0 and below 1": 0 < self.warmup < 1,
            "scaling must be 'minus-one-to-one' or 'per-channel'": self.scaling
            in ("minus-one-to-one", "per-channel"),
            "shift must be a whole number of pixels, at least 0": self.shift >= 0
            and isinstance(self.shift, int),
        }
        broken = [rule for rule, kept in rules.items() if not kept]
        if broken:
            raise ValueError(f"recipe {self.name!r}: {'; '.join(broken)}; got {self}")

    def rate(self, step: int, steps: int) -> float:
        """The learning rate at ``step`` (from 0) of ``steps`` in the whole run."""
        if self.schedule == "constant":
            return self.learning_rate
        peak = self.warmup * steps
        start = self.learning_rate / 25
        if step < peak:
            return start + (self.learning_rate - start) * step / peak
        return self.learning_rate * (steps - step) / (steps - peak)


PUBLISHED = Recipe(
    "published",
    epochs=20,
    batch_size=64,
    learning_rate=0.1,
    source="tutorial two-conv: SGD without momentum, inputs scaled to [−1, 1], no augmentation",
)

TRAINED_WELL = Recipe(
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
        "the course: the paper's momentum, weight decay and kinds of augmentation (§4.1, §5), a "
        "one-cycle rate; the rate chosen on validation images"
    ),
)

RECIPES: dict[str, Recipe] = {
    "two-conv, published": PUBLISHED,
    "two-conv, trained well": TRAINED_WELL,
}
