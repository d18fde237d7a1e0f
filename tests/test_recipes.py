"""Recipes: what they refuse, the rate they give at each step, and the published one's figures."""

from dataclasses import replace

import pytest

from alexnet_course.config import digest
from alexnet_course.recipes import FirstWeights, Recipe

PLAIN = Recipe("plain", epochs=2, batch_size=4, learning_rate=0.1)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"epochs": 0}, "a whole number, at least 1"),
        ({"epochs": "3"}, "a whole number, at least 1"),
        ({"epochs": 1.5}, "a whole number, at least 1"),
        ({"epochs": True}, "a whole number, at least 1"),
        ({"batch_size": 0}, "a whole number, at least 1"),
        ({"batch_size": 64.0}, "a whole number, at least 1"),
        ({"learning_rate": 0}, "a number above 0"),
        ({"learning_rate": -0.1}, "a number above 0"),
        ({"learning_rate": float("nan")}, "a number above 0"),
        ({"optimiser": "rmsprop"}, "'sgd' or 'adam'"),
        ({"momentum": -0.1}, "a number, at least 0 and below 1"),
        ({"momentum": 1.0}, "a number, at least 0 and below 1"),
        ({"weight_decay": -1e-4}, "a number, at least 0"),
        (
            {"weight_decays": {"fc5": -1.0}},
            "a dictionary (each value a number, at least 0), or None",
        ),
        ({"bias_rate": 0}, "a number above 0"),
        ({"bias_decay": 0}, "True or False"),
        ({"schedule": "cosine"}, "'constant', 'one-cycle' or 'plateau'"),
        ({"patience": 0}, "a whole number, at least 1"),
        ({"colour": -0.1}, "a number, at least 0"),
        ({"label_smoothing": 1.0}, "a number, at least 0 and below 1"),
        ({"warmup": 0.0}, "a number above 0 and below 1"),
        ({"warmup": 1.0}, "a number above 0 and below 1"),
        ({"scaling": "none"}, "'minus-one-to-one', 'per-channel' or 'centred'"),
        ({"crop": 0}, "a whole number, at least 1, or None"),
        ({"shared_draws": 0}, "a whole number, at least 1"),
        ({"shift": -1}, "a whole number, at least 0"),
        ({"shift": 0.5}, "a whole number, at least 0"),
    ],
)
def test_a_broken_rule_is_named(changes, rule):
    with pytest.raises(ValueError) as error:
        replace(PLAIN, name="mine", **changes)
    ((field, value),) = changes.items()
    assert str(error.value) == f"recipe 'mine': {field} is {value!r}; it must be {rule}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nesterov": True}, ["nesterov needs momentum", "0.0"]),
        ({"optimiser": "adam", "momentum": 0.9}, ["momentum is 0.9", "belongs to sgd"]),
        ({"crop": 28, "shift": 2}, ["crop is 28", "shift 2", "both move the image"]),
    ],
)
def test_settings_that_do_not_go_together_are_named(changes, words):
    with pytest.raises(ValueError) as error:
        replace(PLAIN, name="mine", **changes)
    for word in ["'mine'", *words]:
        assert word in str(error.value)


def test_all_broken_rules_are_named_at_once():
    with pytest.raises(ValueError, match=r"epochs is 0.*learning_rate is 0"):
        replace(PLAIN, epochs=0, learning_rate=0)


def test_a_source_changes_no_digest_and_a_setting_does():
    assert digest(replace(PLAIN, source="a book")) == digest(PLAIN)
    assert digest(replace(PLAIN, shift=1)) != digest(PLAIN)


def test_constant_rate():
    assert {PLAIN.rate(step, 100) for step in range(100)} == {0.1}


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
    assert replace(PLAIN, schedule="one-cycle").rate(step, 100) == pytest.approx(rate)


def test_warmup_moves_the_peak():
    recipe = replace(PLAIN, schedule="one-cycle", warmup=0.6)
    rates = [recipe.rate(step, 50) for step in range(50)]
    assert rates.index(max(rates)) == 30
    assert rates[:31] == sorted(rates[:31]) and rates[30:] == sorted(rates[30:], reverse=True)


def test_a_plateau_drops_the_rate_by_ten_each_time_nothing_improves_for_patience_epochs():
    recipe = replace(PLAIN, schedule="plateau", patience=2)
    # Best 50 after the second epoch; 49, 50 are no improvement: drop. 51 is; 51, 40: drop.
    accuracies = [40, 50, 49, 50, 51, 51, 40]
    rates = [recipe.rate_after(accuracies[:epochs]) for epochs in range(len(accuracies) + 1)]
    assert rates == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.001])


def test_a_plateau_drops_three_times_in_all():
    recipe = replace(PLAIN, schedule="plateau", patience=1)
    assert recipe.rate_after([50] + [10] * 20) == pytest.approx(0.1 / 1000)


def test_a_plateau_has_no_rate_by_step():
    with pytest.raises(ValueError, match="use rate_after"):
        replace(PLAIN, schedule="plateau").rate(0, 10)


@pytest.mark.parametrize("std", [-0.1, "xavier", float("nan")])
def test_a_deviation_of_first_weights_is_a_number_or_he(std):
    expected = f"is {std!r}; it must be a number, at least 0, or 'he'"
    with pytest.raises(ValueError, match=f"std {expected}"):
        FirstWeights(std)
    with pytest.raises(ValueError, match=rf"stds\['conv1'\] {expected}"):
        FirstWeights(0.01, stds={"conv1": std})
