"""Recipes: what they refuse, the rate they give at each step, and the published one's figures."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alexnet_course.config import digest
from alexnet_course.data.augmentation import Augmentation, Colour, Crop, Flip, Shift
from alexnet_course.data.preparation import (
    Centred,
    MinusOneToOne,
    PerChannel,
    Preparing,
    Resize,
    Scaling,
)
from alexnet_course.fields import brief
from alexnet_course.optimisers import SGD, Adam, AdamW, Muon, Optimiser
from alexnet_course.recipes import HE, FirstWeights, Recipe
from alexnet_course.schedules import Constant, Cosine, OneCycle, Plateau, Schedule, Steps

PLAIN = Recipe("plain", epochs=2, batch_size=4, optimiser=SGD(0.1))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"epochs": 0}, "a whole number, at least 1"),
        ({"epochs": "3"}, "a whole number, at least 1"),
        ({"epochs": 1.5}, "a whole number, at least 1"),
        ({"epochs": True}, "a whole number, at least 1"),
        ({"batch_size": 0}, "a whole number, at least 1"),
        ({"batch_size": 64.0}, "a whole number, at least 1"),
        ({"optimiser": "rmsprop"}, "of type Optimiser"),
        ({"optimiser": SGD}, "of type Optimiser"),
        ({"schedule": "cosine"}, "of type Schedule"),
        ({"preparation": PerChannel()}, "a tuple (each item of type Preparing)"),
        ({"augmentation": Flip()}, "a tuple (each item of type Augmentation)"),
        ({"label_smoothing": 1.0}, "a number, at least 0 and below 1"),
    ],
)
def test_a_broken_rule_is_named(changes, rule):
    with pytest.raises(ValueError) as error:
        replace(PLAIN, name="mine", **changes)
    ((field, value),) = changes.items()
    assert str(error.value) == f"recipe 'mine': {field} is {value!r}; it must be {rule}"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SGD(0), "SGD: learning_rate is 0; it must be a number above 0"),
        (lambda: SGD(-0.1), "SGD: learning_rate is -0.1; it must be a number above 0"),
        (lambda: Adam(float("nan")), "Adam: learning_rate is nan; it must be a number above 0"),
        (lambda: SGD(1, momentum=-0.1), "momentum is -0.1; it must be a number, at least 0 and "),
        (lambda: SGD(1, momentum=1.0), "momentum is 1.0; it must be a number, at least 0 and bel"),
        (lambda: AdamW(1, weight_decay=-1), "AdamW: weight_decay is -1; it must be a number, at "),
        (lambda: SGD(1, weight_decays={"fc5": -1.0}), r"weight_decays is .* a dictionary \(each"),
        (lambda: SGD(1, bias_rate=0), "bias_rate is 0; it must be a number above 0"),
        (lambda: SGD(1, bias_decay=0), "bias_decay is 0; it must be True or False"),
        (lambda: SGD(1, nesterov=True), "SGD: nesterov needs momentum, which is 0.0"),
        (lambda: Muon(1, 0.1), "Muon: others is 0.1; it must be of type Optimiser"),
        (lambda: Muon(1, SGD(1), bias_rate=2), "Muon: it moves no biases; give bias_rate and bias"),
        (lambda: Plateau(patience=0), "Plateau: patience is 0; it must be a whole number, at le"),
        (lambda: OneCycle(0.0), "OneCycle: warmup is 0.0; it must be a number above 0 and below"),
        (lambda: OneCycle(1.0), "OneCycle: warmup is 1.0; it must be a number above 0 and below"),
        (lambda: Steps((0.5, 1.0)), r"Steps: at\[1\] is 1.0; it must be a number above 0 and bel"),
        (lambda: Steps(0.5), "Steps: at is 0.5; it must be a tuple"),
        (lambda: Colour(0), "Colour: deviation is 0; it must be a number above 0"),
        (lambda: Crop(0), "Crop: side is 0; it must be a whole number, at least 1"),
        (lambda: Shift(0.5), "Shift: pixels is 0.5; it must be a whole number, at least 1"),
        (lambda: Flip(shared=0), "Flip: shared is 0; it must be a whole number, at least 1"),
        (lambda: Resize(True), "Resize: size is True; it must be a whole number, at least 1"),
        (
            lambda: replace(PLAIN, preparation=(PerChannel(), Resize(9), Centred())),
            r"'plain': preparation scales more than once: PerChannel\(\), Centred\(\); keep one",
        ),
    ],
)
def test_a_part_that_cannot_be_is_told_in_words(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_all_broken_rules_are_named_at_once():
    with pytest.raises(ValueError, match=r"epochs is 0.*batch_size is 0"):
        replace(PLAIN, epochs=0, batch_size=0)
    with pytest.raises(ValueError, match=r"learning_rate is 0.*momentum is 2"):
        SGD(0, momentum=2)


def test_a_source_changes_no_digest_and_a_setting_does():
    assert digest(replace(PLAIN, source="a book")) == digest(PLAIN)
    assert digest(replace(PLAIN, augmentation=(Shift(1),))) != digest(PLAIN)
    assert digest(replace(PLAIN, preparation=(MinusOneToOne(),))) == digest(PLAIN)


def test_a_recipe_is_changed_by_its_parts():
    recipe = replace(PLAIN, augmentation=(Flip(), Shift(2)), preparation=(PerChannel(), Resize(9)))
    slower = recipe.with_optimiser(learning_rate=0.01, momentum=0.5)
    assert slower == replace(recipe, optimiser=SGD(0.01, momentum=0.5))
    assert recipe.without(Flip).augmentation == (Shift(2),)
    assert recipe.without(Shift, Scaling) == replace(
        recipe, augmentation=(Flip(),), preparation=(Resize(9),)
    )


def test_settings_are_one_table_and_steps_short_code():
    recipe = replace(PLAIN, augmentation=(Flip(shared=4), Crop(28)), first_weights=HE)
    found = recipe.with_optimiser(momentum=0.5).settings()
    assert {"name", "source"}.isdisjoint(found) and found["epochs"] == 2
    assert (found["optimiser"], found["learning_rate"], found["momentum"]) == ("SGD", 0.1, 0.5)
    assert found["schedule"] == "Constant()" and found["preparation"] == "MinusOneToOne()"
    assert found["augmentation"] == "Flip(shared=4), Crop(28)"
    assert found["first_weights"] == "FirstWeights('he')"
    by_muon = replace(PLAIN, optimiser=Muon(0.1, SGD(1, momentum=0.5))).settings()
    assert (by_muon["optimiser"], by_muon["others"]) == ("Muon", "SGD(1, momentum=0.5)")
    for part in (
        Muon(0.1, SGD(1), momentum=0.5),
        Steps((0.5,), 0.3),
        FirstWeights(1, stds={"a": 2}),
    ):
        assert eval(brief(part)) == part


def rates(schedule, steps=100, highest=0.1):
    return [schedule.rate(highest, step, steps) for step in range(steps)]


def test_constant_rate():
    assert {*rates(Constant())} == {0.1}


@pytest.mark.parametrize(
    ("step", "rate"),
    [
        (0, 0.004),  # a 25th of the peak
        (10, 0.004 + 0.096 * 10 / 25),
        (25, 0.1),  # the peak, after a quarter of the steps
        (26, 0.1 * 74 / 75),
        (50, 0.1 * 50 / 75),
        (99, 0.1 * 1 / 75),  # the last step: next to nothing, but something
    ],
)
def test_one_cycle_rate(step, rate):
    assert rates(OneCycle())[step] == pytest.approx(rate)


def test_warmup_moves_the_peak():
    moved = rates(OneCycle(warmup=0.6), 50)
    assert moved.index(max(moved)) == 30
    assert moved[:31] == sorted(moved[:31]) and moved[30:] == sorted(moved[30:], reverse=True)


def test_cosine_rates_are_pytorchs():
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 40)
    expected = []
    for _ in range(40):
        expected.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    assert rates(Cosine(), 40) == pytest.approx(expected)


def test_cosine_climbs_to_its_peak_first():
    moved = rates(Cosine(warmup=0.2), 20)
    assert moved[:5] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1])
    assert moved[4:] == pytest.approx(rates(Cosine(), 16))


def test_steps_divide_the_rate_at_shares_of_the_run():
    assert rates(Steps((0.5, 0.75)), 8) == pytest.approx([0.1] * 4 + [0.01] * 2 + [0.001] * 2)
    halved = rates(Steps((0.3,), factor=0.5), 10)
    assert halved == pytest.approx([0.1] * 3 + [0.05] * 7)


@given(st.integers(1, 300), st.floats(0.01, 0.99), st.floats(1e-5, 10))
def test_no_schedule_leaves_its_bounds(steps, share, highest):
    """From the first step to the last the rate is above 0, and at most the optimiser's."""
    for schedule in (Constant(), OneCycle(share), Cosine(share), Cosine(), Steps((share,))):
        found = rates(schedule, steps, highest)
        assert min(found) > 0 and max(found) <= highest * (1 + 1e-12)


def test_a_plateau_drops_the_rate_by_ten_each_time_nothing_improves_for_patience_epochs():
    schedule = Plateau(patience=2)
    # Best 50 after the second epoch; 49, 50 are no improvement: drop. 51 is; 51, 40: drop.
    accuracies = [40, 50, 49, 50, 51, 51, 40]
    found = [schedule.rate(0.1, 0, 1, accuracies[:n]) for n in range(len(accuracies) + 1)]
    assert found == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001])


def test_a_plateau_drops_three_times_in_all_unless_told_otherwise():
    accuracies = [50] + [10] * 20
    assert Plateau(patience=1).rate(0.1, 0, 1, accuracies) == pytest.approx(0.1 / 1000)
    assert Plateau(patience=1, drops=1).rate(0.1, 0, 1, accuracies) == pytest.approx(0.01)


@pytest.mark.parametrize("kind", [Optimiser, Schedule, Preparing, Scaling, Augmentation])
def test_a_part_that_does_not_say_what_it_does_cannot_be_made(kind):
    """So nothing falls through to what another part does."""
    with pytest.raises(TypeError, match=f"abstract class {kind.__name__}"):
        kind(0.1) if kind is Optimiser else kind()


@pytest.mark.parametrize("std", [-0.1, "xavier", float("nan")])
def test_a_deviation_of_first_weights_is_a_number_or_he(std):
    expected = f"is {std!r}; it must be a number, at least 0, or 'he'"
    with pytest.raises(ValueError, match=f"std {expected}"):
        FirstWeights(std)
    with pytest.raises(ValueError, match=rf"stds\['conv1'\] {expected}"):
        FirstWeights(0.01, stds={"conv1": std})
