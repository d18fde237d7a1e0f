"""Every field of every spec, recipe and experiment against values of every wrong kind.

What is allowed is not read off the annotations: it is the type of a value that stands in an
example, and of the few others in ALSO. A spec without an example fails.
"""

import json
import math
from dataclasses import fields, replace
from fractions import Fraction
from inspect import isabstract

import numpy as np
import pytest
import torch

from alexnet_course.architectures import ARCHITECTURES, Architecture
from alexnet_course.config import digest
from alexnet_course.data.augmentation import (
    Colour,
    Crop,
    Cutout,
    Flip,
    Shift,
    VerticalFlip,
)
from alexnet_course.data.preparation import (
    CentreCrop,
    Centred,
    MinusOneToOne,
    PerChannel,
    Resize,
    Stated,
)
from alexnet_course.experiments import Arm, Experiment, Start
from alexnet_course.fields import Spec
from alexnet_course.layers import (
    LRN,
    Activation,
    AdaptivePool,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    Layer,
    Linear,
    LocallyConnected,
    Parallel,
    Pool,
    ReLU,
    Residual,
    SpecError,
)
from alexnet_course.optimisers import SGD, Adam, AdamW, Lookahead, Muon
from alexnet_course.recipes import FirstWeights, Recipe
from alexnet_course.schedules import Constant, Cosine, OneCycle, Plateau, Steps

WEIGHTS = FirstWeights(0.01, 0.5, {"conv1": 0.1}, {"conv1": 1.0})
RECIPE = Recipe(
    "mine",
    epochs=2,
    batch_size=8,
    optimiser=SGD(0.1, weight_decays={"conv1": 0.1}),
    augmentation=(Flip(),),
    first_weights=WEIGHTS,
)
ARM = Arm(ARCHITECTURES["two-conv"], RECIPE, measures=("dead-units",), keeps=("conv1",))
EXAMPLES = [
    Layer("x"),
    Conv("x", 4, 3),
    LocallyConnected("x", 4, 3),
    Pool("x", 3, 2),
    AdaptivePool("x", 6),
    LRN("x"),
    ReLU("x"),
    BatchNorm("x"),
    Residual("x", (ReLU("a"),), (ReLU("b"),)),
    Parallel("x", ((ReLU("a"),), (ReLU("b"),))),
    Activation("x", "tanh"),
    Dropout("x"),
    Flatten("x"),
    Linear("x", 5),
    ARCHITECTURES["two-conv"],
    WEIGHTS,
    *(
        SGD(0.1, weight_decays={"conv1": 0.1}),
        Adam(0.1, learning_rates={"conv1": 0.1}),
        AdamW(0.1),
        Muon(0.1, SGD(0.1)),
    ),
    Lookahead(),
    *(Constant(), OneCycle(), Cosine(), Steps((0.5,)), Plateau()),
    *(CentreCrop(9), Resize(9), MinusOneToOne(), PerChannel(), Centred()),
    Stated((0.5,), (0.25,)),
    *(Flip(), VerticalFlip(), Shift(2), Crop(9), Cutout(2), Colour(0.1)),
    RECIPE,
    Start("drawn faces", RECIPE),
    ARM,
    Experiment("mine", "Why?", {"one": ARM}),
]
ALSO = {  # what a field may hold besides the type of its example
    "per_class": (int, type(None)),
    "start": (type(None),),
    "first_weights": (type(None),),
    "averaging": (Lookahead, type(None)),
    "learning_rates": (type(None), dict),
    "weight_decays": (type(None), dict),
    "frozen": (tuple,),  # of names
}
NUMBERS = {"mean": -math.inf, "divisor": 0}  # in tuples, with what they must be above
SIGNED = {"bias", "biases"}  # all other numbers are at least 0
NAN, INF, HUGE = math.nan, math.inf, 10**400
WRONG = [
    *("", "3", "yes", "no such choice", "a" * 10_000, b"3", None, True, False),
    *(0, -1, 1.5, -0.5, NAN, INF, -INF, HUGE, 1j, Fraction(-1, 2)),
    *([], [1, 2, 3], (), (1,), (1, 2), (1, "2", 3), (0, 1, 2), (1.0, 2.0, 3.0), ("dead-units", 1)),
    *({}, {"conv1": "0.1"}, {"conv1": NAN}, {"conv1": None}, {1: 0.1}, {"one": "arm"}, {"": ARM}),
    *({1, 2}, object(), int, len, RECIPE, ReLU("x"), Linear, (ReLU, ReLU), ["dead-units"]),
    *(np.float32("nan"), np.bool_(True), np.zeros(3), torch.tensor(3), torch.ones(2)),
]


def kinds():
    found = [Layer, Spec]
    for kind in found:
        found += [k for k in kind.__subclasses__() if k.__module__.startswith("alexnet_course.")]
    specs = {kind for kind in found if kind is not Spec and not isabstract(kind)}
    return {*specs, Architecture, Recipe, Arm, Experiment}


def test_every_kind_of_setting_has_an_example():
    assert kinds() == {type(example) for example in EXAMPLES}


def may_hold(example, name, value):
    """Whether ``value`` is of the type that the field ``name`` has in ``example``."""
    was = getattr(example, name)
    allowed = (type(was), *ALSO.get(name, ()))
    if float in allowed and isinstance(value, (float, Fraction)):
        return math.isfinite(value) and (value >= 0 or name in SIGNED)
    if {float, int} & {*allowed} and type(value) is int:
        return (value >= 0 or name in SIGNED) and (int in allowed or value != HUGE)
    if isinstance(was, dict) and isinstance(value, dict):
        inner = next(iter(was.values()))
        return all(type(k) is str and type(v) is type(inner) and v == v for k, v in value.items())
    if name in NUMBERS and isinstance(value, tuple):
        return all(type(x) in (int, float) and x > NUMBERS[name] for x in value)
    if isinstance(was, tuple) and isinstance(value, tuple):
        return all(isinstance(item, type(was[0]).__mro__[-2]) for item in value)
    if tuple in allowed and isinstance(value, tuple):
        return all(isinstance(item, str) for item in value)
    return type(value) in allowed


def one_sentence(error):
    return "\n" not in error and len(error) < 600


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: type(example).__name__)
def test_a_wrong_value_is_refused_in_words_that_name_owner_and_field(example):
    expected = SpecError if isinstance(example, (Layer, Architecture)) else ValueError
    refused = 0
    for field in fields(example):
        for value in WRONG:
            try:
                made = replace(example, **{field.name: value})
            except expected as error:
                refused += 1
                words = str(error)
                assert one_sentence(words)
                assert field.name in words or "layer name" in words, words
                if isinstance(example, Layer) and field.name != "name":
                    assert f"layer 'x' ({type(example).__name__}): {field.name}" in words
                elif type(example) is Recipe and field.name != "name":
                    assert words.startswith("recipe 'mine': ")
                continue
            assert may_hold(example, field.name, value), (field.name, value)
            assert len(json.dumps(digest(made))) == 66
    assert refused > 20 or not fields(example)


def test_every_wrong_field_of_a_recipe_is_told_at_once():
    names = [field.name for field in fields(Recipe) if field.name not in ("name", "source")]
    with pytest.raises(ValueError) as error:
        replace(RECIPE, **dict.fromkeys(names, object()))
    assert all(f"{name} is <object" in str(error.value) for name in names)


@pytest.mark.parametrize("whole", [np.int64, np.uint8])
def test_numbers_of_numpy_become_pythons_own(whole):
    """Sizes are often counted by NumPy; the digest is that of the plain number."""
    conv = Conv("c", whole(8), kernel=whole(3))
    assert conv == Conv("c", 8, 3) and digest(conv) == digest(Conv("c", 8, 3))
    assert type(conv.out_channels) is int
    made = replace(RECIPE.with_optimiser(learning_rate=np.float64(0.5)), epochs=whole(3))
    assert digest(made) == digest(replace(RECIPE.with_optimiser(learning_rate=0.5), epochs=3))
    assert digest(SGD(1)) != digest(SGD(1.0))
    shape = tuple(np.array([3, 9, 9], dtype=whole))
    assert digest(Architecture("a", shape, ())) == digest(Architecture("a", (3, 9, 9), ()))
    weights = FirstWeights(0.1, stds={"c": np.float32(0.5)})
    assert weights.stds == {"c": 0.5} and type(weights.stds["c"]) is float


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Conv("c", "64", 3), "out_channels is '64'; it must be a whole number, at least 1"),
        (lambda: Conv("c", 64, 3, bias="no"), "bias is 'no'; it must be True or False"),
        (lambda: Dropout("d", math.nan), "p is nan; it must be a number, at least 0 and below 1"),
        (
            lambda: Architecture("a", [3, 9, 9], ()),
            r"'a': input_shape is \[3, 9, 9\]; it must be three whole numbers",
        ),
        (
            lambda: Architecture("a", (3, 9, 9), (ReLU("r"), "relu")),
            r"'a': layers\[1\] is 'relu'; it must be of type Layer",
        ),
        (
            lambda: Architecture("a", (3, 9, 9), [ReLU("r")]),
            r"layers is \[ReLU\(name='r'\)\]; it must be a tuple \(each item of type Layer\)",
        ),
        (
            lambda: FirstWeights("he", biases={"conv1": "1"}),
            r"FirstWeights: biases\['conv1'\] is '1'; it must be a number",
        ),
        (lambda: Arm("two-conv", RECIPE), "arm: architecture is 'two-conv'; .* type Architecture"),
        (lambda: replace(ARM, measures="dead-units"), "measures is 'dead-units'.* a tuple"),
        (
            lambda: replace(ARM, keeps=("conv1", "relu1")),
            "keeps has 'relu1'; it must be 'all', or of conv1, conv2, fc3, fc4, fc5",
        ),
        (lambda: Experiment("e", "?", {"a/b": ARM}), "'e': a name in arms is 'a/b'; .* a file can"),
        (lambda: Experiment("e", "?", {"a": ARM}, (0, -1)), r"seeds\[1\] is -1; .* from 0 to"),
        (lambda: Experiment("e", "?", {"a": ARM}, 3), "seeds is 3; it must be a tuple"),
    ],
)
def test_owner_field_value_and_what_is_expected_are_told(make, words):
    with pytest.raises(ValueError, match=words):
        make()
