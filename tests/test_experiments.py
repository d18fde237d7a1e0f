"""What the experiments compare: one thing at a time."""

from dataclasses import replace
from itertools import chain, pairwise

import pytest
import torch
import torch.nn.functional as F

from alexnet_course.architectures import TOWARDS_TODAY
from alexnet_course.arithmetic import layer_table
from alexnet_course.data.preparation import Centred
from alexnet_course.experiments import EXPERIMENTS, differences
from alexnet_course.layers import Activation, Parallel, Pool
from alexnet_course.network import build
from alexnet_course.recipes import FURTHEST, IN_THREE_EPOCHS, SHORTEST
from alexnet_course.results import measured, recorded
from alexnet_course.schedules import OneCycle
from alexnet_course.tutorials import tutorial


def test_the_ladder_climbs_from_the_published_recipe_to_the_shortest():
    def settings(recipe):
        parts = vars(recipe) | vars(recipe.optimiser)
        return {k: v for k, v in parts.items() if k not in ("name", "source", "optimiser")}

    rungs = [settings(arm.recipe) for arm in EXPERIMENTS["two-conv-ladder"].arms.values()]
    bottom = settings(tutorial("two-conv").recipe) | {"epochs": 3}
    top = settings(IN_THREE_EPOCHS)
    changed = [[k for k in top if a[k] != b[k]] for a, b in pairwise([bottom, *rungs, top])]
    assert changed[0] == ["schedule"] and changed[-1] == ["preparation"]
    assert all(changed)
    # What differs between the ends changes once on the way, and nothing else does.
    assert sorted(chain.from_iterable(changed)) == sorted(k for k in top if bottom[k] != top[k])


def _differences(one, other):
    """The settings of the recipe, its steps and the kinds of layers in which two arms differ."""
    pairs = [(one.recipe, other.recipe), (one.recipe.optimiser, other.recipe.optimiser)]
    settings = {k for a, b in pairs for k in vars(a) if vars(a)[k] != vars(b)[k]}
    steps = {*one.recipe.preparation, *one.recipe.augmentation}
    steps ^= {*other.recipe.preparation, *other.recipe.augmentation}
    layers = set(one.architecture.layers) ^ set(other.architecture.layers)
    made_of_parts = {"optimiser", "preparation", "augmentation"}
    kinds = {type(step).__name__ for step in steps} | {layer.kind for layer in layers}
    return settings - made_of_parts | kinds


STUDY = {
    "without-lrn": {"lrn"},
    "pooling-2": {"pool"},
    "without-dropout": {"dropout"},
    "without-crops-and-flips": {"Flip", "Crop"},
    "bare-dropout": {"dropout"},
    "bare-crops-and-flips": {"Flip", "Crop"},
    "bare-lrn": {"lrn"},
    "bare-pooling-3": {"pool"},
    "bare-twice-as-long": {"epochs"},
    "bare-dropout-twice-as-long": {"dropout", "epochs"},
    "tanh": {"relu", "activation"},
    "without-conv3": {"conv", "relu"},
    "conv4-5x5": {"conv", "relu"},
    "without-colour": {"Colour"},
    "without-weight-decay": {"weight_decay"},
    "biases-1": {"first_weights"},
}


def test_the_study_changes_one_ingredient_at_a_time():
    arms = EXPERIMENTS["study"].arms
    assert arms.keys() == {"everything", "bare", *STUDY}
    for name, expected in STUDY.items():
        base = arms["bare" if name.startswith("bare") else "everything"]
        assert _differences(base, arms[name]) == expected, name
    # Bare lacks all that can be taken away but ReLU, and conv3, without which it is another net.
    taken = {"lrn", "pool", "dropout", "Flip", "Crop", "Colour", "weight_decay"}
    assert _differences(arms["everything"], arms["bare"]) == taken
    variants = EXPERIMENTS["bare-variants"].arms
    assert {name: _differences(arms["bare"], arm) for name, arm in variants.items()} == {
        "bare-weight-decay": {"weight_decay"},
        "bare-colour": {"Colour"},
        "bare-dropout-half-as-long-again": {"dropout", "epochs"},
    }
    # Lengths are multiples of bare's.
    arms = arms | variants
    for length, factor in {"half-as-long-again": 1.5, "twice-as-long": 2}.items():
        found = [arm for name, arm in arms.items() if name.endswith(length)]
        assert found
        assert all(arm.recipe.epochs == factor * arms["bare"].recipe.epochs for arm in found)


def test_raw_pixels_change_nothing_but_the_inputs():
    arms = EXPERIMENTS["first-weights"].arms
    for name in ("paper", "code-2012", "paper-without-biases"):
        assert _differences(arms[name], arms[f"raw-{name}"]) == {"PerChannel", "Centred"}
        slow = arms[f"raw-rate-0.001-{name}"]
        assert _differences(arms[f"raw-{name}"], slow) == {"learning_rate"}
        assert slow.recipe.optimiser.learning_rate == 0.001
        assert slow.recipe.preparation == (Centred(),)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_starts_of_figure_1_change_first_weights_inputs_or_both(activation):
    arms = EXPERIMENTS["activation-rate"].arms
    inputs = {"PerChannel", "Centred"}
    for start, expected in {
        "small": {"first_weights"},
        "raw": inputs,
        "released": inputs | {"first_weights"},
    }.items():
        arm = arms[f"{start}-{activation}-0.003"]
        assert _differences(arms[f"{activation}-0.003"], arm) == expected, start
        assert not arm.frozen
        if start == "raw":
            continue
        named = build(arm.architecture, 0, arm.recipe.first_weights).named_parameters()
        for name, values in named:  # the released code's layers-18pct.cfg
            std = 0 if name.endswith("bias") else 0.0001 if name == "conv1.weight" else 0.01
            assert values.std().item() == pytest.approx(std, rel=0.05), name


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_larger_inputs_are_larger_first_weights_and_a_longer_step(activation):
    """Chapter 5: inputs c times as large do what c times the weights and c² times the rate do."""
    arm = EXPERIMENTS["figure-1"].arms[f"{activation}-0.03"]
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(4, 3, 32, 32, generator=generator, dtype=torch.float64)
    labels, c = torch.tensor([0, 3, 3, 9]), 8
    logits = []
    for inputs, weights, rate in ((c * x, 1, 0.001), (x, c, 0.001 * c**2)):
        network = build(arm.architecture, 0).double()
        with torch.no_grad():
            network.conv1.weight *= weights
        rest = [p for p in network.parameters() if p is not network.conv1.weight]
        groups = [{"params": [network.conv1.weight], "lr": rate}, {"params": rest}]
        optimiser = torch.optim.SGD(groups, 0.001, momentum=0.9)
        for _ in range(5):
            optimiser.zero_grad()
            F.cross_entropy(network(inputs), labels).backward()
            optimiser.step()
        logits.append(network(inputs).detach())
    torch.testing.assert_close(*logits)


def test_with_conv1_frozen_nothing_else_is_changed():
    arms = EXPERIMENTS["activation-rate"].arms
    frozen = {name: arm for name, arm in arms.items() if arm.frozen}
    assert {name.partition("frozen-")[0] for name in frozen} == {"", "raw-"}
    for name, arm in frozen.items():
        assert arm == replace(arms[name.replace("frozen-", "")], frozen=("conv1",))


def test_pooling_is_compared_at_equal_sizes_and_nothing_is_left_out():
    arms = EXPERIMENTS["study"].arms
    for name in ("everything", "pooling-2", "bare", "bare-pooling-3"):
        table = layer_table(arms[name].architecture).set_index("name")
        pooled = [table["output_shape"][pool] for pool in ("pool1", "pool2", "pool4")]
        assert pooled == [(24, 14, 14), (48, 7, 7), (96, 3, 3)]
        windows = [
            arms[name].architecture.layer(pool).kernel for pool in ("pool1", "pool2", "pool4")
        ]
        small = name in ("pooling-2", "bare")
        assert windows == ([2, 2, 3] if small else [3, 3, 3])
        # The last window ends at the last pixel or beyond it: 28, 14 and 7 pixels, stride 2.
        assert all((n - 1) * 2 + z >= 2 * n for n, z in zip((14, 7), windows, strict=False))
        assert (3 - 1) * 2 + windows[2] == 7


def test_a_wider_window_sees_what_two_conv_layers_saw_with_about_as_many_weights():
    arms = EXPERIMENTS["study"].arms
    weights = {
        name: layer_table(arms[name].architecture).query("kind == 'conv'")["weights"].iloc[2:].sum()
        for name in ("everything", "conv4-5x5", "without-conv3")
    }
    # 96·48·9 + 96·96·9, one layer of 96·48·25, and one of 96·48·9.
    assert weights == {"everything": 124_416, "conv4-5x5": 115_200, "without-conv3": 41_472}


def test_the_variants_change_one_thing_of_everything():
    base = EXPERIMENTS["study"].arms["everything"]
    variants = EXPERIMENTS["lrn-variants"].arms | EXPERIMENTS["augmentation-variants"].arms
    changed = {name: _differences(base, arm) for name, arm in variants.items()}
    assert changed == {
        "alpha-as-printed": {"lrn"},
        "before-relu": set(),  # the same layers, in another order
        "batch-norm": {"lrn", "batchnorm"},
        "without-lrn-rate-0.03": {"lrn", "learning_rate"},
        "crops-only": {"Flip"},
        "shared-32": {"Flip", "Crop"},
    }
    for name in ("before-relu", "batch-norm"):
        order = [layer.kind for layer in variants[name].architecture.layers]
        norm = "lrn" if name == "before-relu" else "batchnorm"
        assert order[:8] == ["conv", norm, "relu", "pool"] * 2


def test_the_released_nets_of_13_and_11_per_cent_differ_in_four_things_each_tried_alone():
    arms = EXPERIMENTS["conv-local"].arms
    norms, rate = ["lrn1 put in", "lrn2 put in"], "learning_rate=0.004"
    width = ["local3 out_channels=64"]
    decay = ["weight_decays={'conv1': 0.0, 'conv2': 0.0, 'fc5': 0.01}"]
    length = ["epochs=52"]  # 3.25 · 16, as the released 520 epochs are for 160
    assert {name: differences(arm, arms["as-13"]) for name, arm in arms.items()} == {
        "as-13": [],
        "lrn": [*norms, rate],
        "lrn-same-rate": norms,
        "width": width,
        "decay": decay,
        "length": length,
        "as-11": [*norms, *width, *length, rate, *decay],
    }
    alone = EXPERIMENTS["conv-local-lrn"].arms  # LRN at the rate of the net without
    assert differences(alone["without"], arms["as-13"]) == []
    assert differences(alone["with"], arms["as-13"]) == norms
    rates = EXPERIMENTS["conv-local-rate"].arms
    for name, arm in rates.items():
        base = arms[name[: len("as-13")]]
        assert arm.measured_on == "validation"
        assert _differences(base, arm) <= {"epochs", "learning_rate"}


def test_the_released_schedules_are_as_long_as_the_files_say_and_drop_twice():
    arms, short = (EXPERIMENTS[f"conv-local{end}"].arms for end in ("-released", ""))
    assert set(arms) == set(short) - {"lrn-same-rate"}
    for name, arm in arms.items():
        recipe = arm.recipe
        epochs = 520 if name in ("length", "as-11") else 160
        assert recipe.epochs == epochs and recipe.optimiser.learning_rate == 0.001
        steps = 391 * epochs
        rates = [
            recipe.schedule.rate(0.001, 391 * epoch, steps)
            for epoch in (0, epochs - 21, epochs - 20, epochs - 11, epochs - 10, epochs - 1)
        ]
        assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5])
        same = replace(recipe, epochs=16, schedule=OneCycle()).with_optimiser(learning_rate=0.008)
        as_short = {"lrn": "lrn-same-rate"}.get(name, name)
        there = short[as_short].recipe.with_optimiser(learning_rate=0.008)
        assert same == replace(there, epochs=16)
        assert arm.architecture == short[as_short].architecture


def test_differences_are_told_in_words():
    study, variants = EXPERIMENTS["study"].arms, EXPERIMENTS["lrn-variants"].arms
    everything, bare = study["everything"], study["bare"]
    assert differences(everything, everything) == []
    assert differences(study["without-lrn"], everything) == ["lrn1 left out", "lrn2 left out"]
    assert differences(study["pooling-2"], everything) == ["pool1 kernel=2", "pool2 kernel=2"]
    assert differences(study["bare-crops-and-flips"], bare) == ["Flip put in", "Crop put in"]
    longer = differences(study["bare-dropout-twice-as-long"], bare)
    assert longer == ["dropout5 put in", "epochs=24"]
    order = differences(variants["before-relu"], everything)
    assert order == ["in the order lrn1, relu1, lrn2, relu2"]
    nested = everything.architecture.with_layer(
        "pool4", Parallel("both", ((Pool("pool", 3, 1, padding=1),), ()))
    )
    wider = nested.replace("both.pool", kernel=5, padding=2)
    ours, theirs = (replace(everything, architecture=one) for one in (wider, nested))
    assert differences(ours, theirs) == ["both.pool kernel=5", "both.pool padding=2"]
    leaky = Activation("relu1", "leaky-relu")
    network = everything.architecture.with_layer("relu1", leaky)
    changed = differences(replace(everything, architecture=network), everything)
    assert changed == ["relu1 Activation", "relu1 function=leaky-relu"]


def test_towers_are_compared_at_equal_cost_and_only_the_paper_s_meet_in_conv3():
    arms = EXPERIMENTS["towers"].arms
    tables = {name: layer_table(arm.architecture) for name, arm in arms.items()}
    costs = {name: table["multiply_adds"].iloc[-1] for name, table in tables.items()}  # in all
    # By hand: positions × maps × window² × maps seen, of crossed.
    convs = 784 * 24 * 75 + 196 * 48 * 9 * 12 + 49 * 96 * 9 * 48 + 49 * 96 * 9 * 48
    assert costs["crossed"] == convs + 864 * 1024 + 1024 * 10
    assert costs["crossed"] - costs["uncrossed"] == 49 * 96 * 9 * 24
    assert costs["uncrossed-wider"] == pytest.approx(costs["crossed"], rel=0.02)
    assert costs["ungrouped"] == pytest.approx(costs["crossed"], rel=0.02)
    groups = {
        name: [layer.groups for layer in arm.architecture.layers if hasattr(layer, "groups")]
        for name, arm in arms.items()
    }
    assert groups["crossed"] == [1, 2, 2, 2, 1, 2]  # conv1, lrn1, conv2, lrn2, conv3, conv4
    assert groups["uncrossed"] == groups["uncrossed-wider"] == [1, 2, 2, 2, 2, 2]
    assert groups["half"] == groups["ungrouped"] == [1] * 6


def test_networks_to_look_at_differ_in_one_ingredient_and_keep_their_first_kernels():
    arms = EXPERIMENTS["features"].arms
    base = arms["half-as-long"]
    he = "first_weights=FirstWeights('he')"
    changes = {
        "everything": ["epochs=24"],
        "half-as-long": [],
        "he-in-conv1": [he],
        "without-lrn": ["lrn1 left out", "lrn2 left out", "learning_rate=0.03"],
        "without-dropout": ["dropout5 left out"],
        "without-crops-and-flips": ["Flip left out", "Crop left out"],
        "tanh": [
            *(f"relu{i} left out" for i in range(1, 6)),
            *(f"tanh{i} put in" for i in range(1, 6)),
        ],
    }
    assert {name: differences(arm, base) for name, arm in arms.items()} == changes
    assert {name: arm.keeps for name, arm in arms.items()} == {
        name: ("all",) if name == "everything" else ("conv1",) for name in arms
    }


def test_the_way_to_today_changes_one_thing_after_another_at_about_one_cost():
    arms = EXPERIMENTS["to-today"].arms
    steps = list(arms)[:7]
    kinds = {
        "batch-norm": {"lrn", "batchnorm", "conv"},  # convolutions lose their biases
        "no-dropout": {"dropout"},
        "global-pooling": {"pool", "linear", "relu"},
        "small-windows": {"conv", "batchnorm", "relu"},
        "deeper": {"conv", "batchnorm", "relu"},
        "residual": {"conv", "batchnorm", "relu", "residual"},
    }
    assert steps == ["everything", *kinds]
    for before, after in pairwise(steps):
        changed = _differences(arms[before], arms[after]) - {"learning_rate"}
        assert changed == kinds[after], after
    tables = {step: layer_table(arms[step].architecture) for step in steps}
    costs = {step: table["multiply_adds"].iloc[-1] for step, table in tables.items()}
    # By hand, of the last but the shortcuts: positions × maps × window² × maps seen.
    convs = 784 * 16 * 9 * (3 + 16) + 196 * 32 * 9 * (16 + 32) + 49 * 64 * 9 * (32 + 3 * 64)
    assert costs["deeper"] == convs + 64 * 10
    assert costs["residual"] == costs["deeper"] + 196 * 32 * 16 + 49 * 64 * 32
    assert all(abs(cost / costs["everything"] - 1) < 0.1 for cost in costs.values())
    for end, first in {"first-today": "everything", "last-today": "residual"}.items():
        changed = _differences(arms[first], arms[end]) - {"name", "source"}
        assert changed == {"epochs", "nesterov", "label_smoothing", "Cutout"}


def test_the_rates_on_the_way_to_today_are_the_best_on_validation_images():
    arms = EXPERIMENTS["to-today"].arms
    for name, arm in EXPERIMENTS["to-today-rate"].arms.items():
        base = arms[name.rpartition("-")[0]]
        assert arm.measured_on == "validation"
        assert _differences(base, arm) <= {"epochs", "learning_rate"}
    tried = recorded("to-today-rate").groupby("arm")["validation_accuracy"].last()
    for step in list(TOWARDS_TODAY)[1:]:
        of_step = tried[tried.index.str.startswith(f"{step}-")]
        assert len(of_step) >= 3
        rate = arms[step].recipe.optimiser.learning_rate
        assert of_step.idxmax() == f"{step}-{rate:g}"


def test_the_furthest_recipe_is_the_one_that_validation_images_chose():
    asked = measured("two-conv-long", "mirrored").set_index("arm")
    best = asked["one"].idxmax()
    assert best == asked["both"].idxmax()
    chosen = EXPERIMENTS["two-conv-long"].arms[best].recipe.settings()
    longer = {"epochs": 40, "mirrored": True}
    assert FURTHEST["two-conv"].settings() == chosen | longer


def test_the_furthest_recipe_of_five_conv_32_adds_to_the_shortest_what_two_convs_adds():
    added = ("weight_decay", "augmentation", "label_smoothing")
    chosen = {key: FURTHEST["two-conv"].settings()[key] for key in added}
    shortest = SHORTEST["five-conv-32"].settings()
    assert FURTHEST["five-conv-32"].settings() == shortest | chosen | {"epochs": 20}


def test_the_race_of_five_conv_32_has_the_least_epochs_that_passed_on_validation_images():
    trial = EXPERIMENTS["five-conv-32-short"]
    guesses = measured("five-conv-32-short", "mirrored").set_index("arm")["both"]
    passed = guesses.index[guesses > tutorial("five-conv-32").best]
    soonest = min((trial.arms[arm].recipe for arm in passed), key=lambda recipe: recipe.epochs)
    assert SHORTEST["five-conv-32"].settings() == soonest.settings() | {"mirrored": True}
