"""The table of networks: editing it leaves it alone; digests tell what changes a result."""

from copy import deepcopy
from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from alexnet_course.architectures import ARCHITECTURES, Architecture, architecture
from alexnet_course.arithmetic import layer_table
from alexnet_course.config import digest, plain
from alexnet_course.layers import (
    LRN,
    Activation,
    AdaptivePool,
    BatchNorm,
    Conv,
    Dropout,
    Flatten,
    Linear,
    Parallel,
    Pool,
    ReLU,
    Residual,
    SpecError,
)

ALEXNET = ARCHITECTURES["alexnet-2012"]


def names(network):
    return [layer.name for layer in network.layers]


def inputs_of(network, name):
    """How many values each output of the linear layer called ``name`` sees."""
    row = layer_table(network).set_index("name").loc[name]
    return row["weights"] // row["neurons"]


def test_every_network_stands_under_its_own_name_with_its_source():
    for name, network in ARCHITECTURES.items():
        assert network.name == name and network.source and network.note
        assert architecture(name) is network


def test_an_unknown_network_is_answered_with_those_that_exist():
    with pytest.raises(KeyError) as refusal:
        architecture("alexnet-2013")
    for name in ["alexnet-2013", *ARCHITECTURES]:
        assert name in str(refusal.value)


EDITS = {
    "replace": lambda a: a.replace("conv1", padding=2),
    "without": lambda a: a.without("lrn", "relu7"),
    "with_pooling": lambda a: a.with_pooling(2, 2),
    "with_activation": lambda a: a.with_activation("tanh"),
    "with_input": lambda a: a.with_input(3, 224, 224),
    "with_classes": lambda a: a.with_classes(10),
    "renamed": lambda a: a.renamed("mine"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_gives_a_new_network_and_leaves_the_old_one_as_it_was(edit):
    before = deepcopy(ALEXNET)
    after = EDITS[edit](ALEXNET)
    assert isinstance(after, Architecture) and after != ALEXNET
    assert before == ALEXNET and ARCHITECTURES["alexnet-2012"] is ALEXNET


def test_replace_changes_one_field_of_one_layer():
    after = ALEXNET.replace("conv2", padding=0, groups=1)
    changed = [(a, b) for a, b in zip(ALEXNET.layers, after.layers, strict=True) if a != b]
    assert changed == [
        (Conv("conv2", 256, kernel=5, padding=2, groups=2), Conv("conv2", 256, kernel=5))
    ]


def test_without_takes_names_and_kinds():
    assert names(ALEXNET.without("conv4", "relu4")) == [
        x for x in names(ALEXNET) if x not in ("conv4", "relu4")
    ]
    kinds = {layer.kind for layer in ALEXNET.without("lrn", "dropout").layers}
    assert kinds == {"conv", "relu", "pool", "flatten", "linear"}


def test_pooling_without_overlap_gives_fc6_of_five_conv_32_more_to_read():
    """32 → 16 → 8 → 4 in place of 32 → 15 → 7 → 3."""
    network = ARCHITECTURES["five-conv-32"]
    assert inputs_of(network, "fc6") == 256 * 3 * 3 == 2304
    assert inputs_of(network.with_pooling(2, 2), "fc6") == 256 * 4 * 4 == 4096


def test_with_pooling_leaves_adaptive_pooling_alone():
    after = ARCHITECTURES["torchvision"].with_pooling(2, 2)
    assert after.layer("avgpool") == AdaptivePool("avgpool", 6)
    assert [(x.kernel, x.stride) for x in after.layers if isinstance(x, Pool)] == [(2, 2)] * 3


def test_with_activation_gives_every_relus_place_to_another_function():
    after = ARCHITECTURES["two-conv"].with_activation("leaky-relu")
    changed = [(x.name, x.function) for x in after.layers if isinstance(x, Activation)]
    assert changed == [(f"leaky_relu{i}", "leaky-relu") for i in (1, 2, 3, 4)]
    before = layer_table(ARCHITECTURES["two-conv"]).drop(columns=["name", "kind"])
    assert layer_table(after).drop(columns=["name", "kind"]).equals(before)


def test_layers_change_places_and_are_put_in_a_place():
    before = ARCHITECTURES["four-conv"]
    names = [layer.name for layer in before.swapped("lrn1", "relu1").layers]
    assert names[:4] == ["conv1", "lrn1", "relu1", "pool1"]
    assert names[4:] == [layer.name for layer in before.layers][4:]
    assert before.swapped("lrn1", "relu1").swapped("relu1", "lrn1") == before
    after = before.with_layer("lrn1", BatchNorm("norm1"))
    assert after.layers[2] == BatchNorm("norm1") and len(after.layers) == len(before.layers)
    for edit in (
        lambda: before.swapped("lrn1", "bn1"),
        lambda: before.with_layer("bn1", BatchNorm("x")),
    ):
        with pytest.raises(SpecError, match="has no layer 'bn1'; its layers are conv1"):
            edit()


def test_with_classes_changes_the_last_linear_layer_only():
    after = ALEXNET.with_classes(7)
    assert after.layers[:-1] == ALEXNET.layers[:-1]
    assert after.layers[-1] == Linear("fc8", 7)


def test_errors_list_what_exists():
    for edit, words in [
        (lambda: ALEXNET.layer("conv6"), ["'conv6'", *names(ALEXNET)]),
        (lambda: ALEXNET.replace("conv6", padding=1), ["'conv6'", *names(ALEXNET)]),
        (lambda: ALEXNET.replace("conv1", width=1), ["'conv1'", "width", "kernel", "padding"]),
        (lambda: ALEXNET.without("norm"), ["'norm'", "lrn", "dropout", "conv5"]),
        (lambda: ALEXNET.without("conv1", "fc9"), ["'fc9'", "fc8"]),
        (lambda: Architecture("bare", (1, 2, 2), ()).with_classes(2), ["'bare'", "linear"]),
    ]:
        with pytest.raises(SpecError) as refusal:
            edit()
        for word in words:
            assert word in str(refusal.value)


def test_an_edit_is_checked_like_a_new_network():
    with pytest.raises(SpecError, match=r"'conv1'.*stride is 0"):
        ALEXNET.replace("conv1", stride=0)
    with pytest.raises(SpecError, match="'alexnet-2012': input_shape is"):
        ALEXNET.with_input(3, 0, 227)
    for function in (None, "swish"):
        with pytest.raises(SpecError, match=f"function is {function!r}; it must be 'tanh'"):
            ALEXNET.with_activation(function)
    for classes in ("10", 0, 2.5):
        with pytest.raises(SpecError, match=f"'fc8'.*out_features is {classes!r}"):
            ALEXNET.with_classes(classes)
    with pytest.raises(SpecError, match=r"'pool5'.*window of 3 is larger"):
        layer_table(ALEXNET.with_input(3, 63, 63))


# --- settings as plain data, and their digest


def test_plain_leaves_defaults_and_descriptions_out():
    network = Architecture(
        "tiny", (3, 4, 4), (Conv("c", 2, kernel=3, stride=1, bias=True), ReLU("r")), "book", "hm"
    )
    assert plain(network) == {
        "type": "Architecture",
        "name": "tiny",
        "input_shape": [3, 4, 4],
        "layers": [
            {"type": "Conv", "name": "c", "out_channels": 2, "kernel": 3},
            {"type": "ReLU", "name": "r"},
        ],
    }


def test_source_and_note_do_not_change_the_digest():
    assert digest(replace(ALEXNET, source="hearsay", note="")) == digest(ALEXNET)


OTHER_VALUES = {
    Conv("x", 4, 3): {
        "name": "y",
        "out_channels": 8,
        "kernel": 5,
        "stride": 2,
        "padding": 1,
        "groups": 2,
        "bias": False,
        "rounding": "ceil",
    },
    Pool("x", 3, 2): {
        "name": "y",
        "kernel": 2,
        "stride": 3,
        "padding": 1,
        "mode": "average",
        "rounding": "ceil",
    },
    AdaptivePool("x", 6): {"name": "y", "size": 1},
    LRN("x"): {
        "name": "y",
        "size": 3,
        "alpha": 2e-4,
        "beta": 0.5,
        "k": 1.0,
        "groups": 2,
        "across": "space",
    },
    ReLU("x"): {"name": "y"},
    Activation("x", "tanh"): {"name": "y", "function": "gelu"},
    BatchNorm("x"): {"name": "y", "epsilon": 1e-3},
    Residual("x", (ReLU("a"),)): {
        "name": "y",
        "branch": (ReLU("b"),),
        "shortcut": (ReLU("b"),),
    },
    Parallel("x", ((ReLU("a"),), ())): {"name": "y", "branches": ((), (ReLU("a"),))},
    Dropout("x"): {"name": "y", "p": 0.2, "at_test": True, "scaled": "test"},
    Flatten("x"): {"name": "y"},
    Linear("x", 5): {"name": "y", "out_features": 6, "bias": False},
}


@pytest.mark.parametrize("layer", OTHER_VALUES, ids=lambda layer: type(layer).__name__)
def test_every_field_of_a_layer_changes_the_digest(layer):
    others = OTHER_VALUES[layer]
    assert others.keys() == {field.name for field in fields(layer)}  # none is forgotten
    digests = [digest(layer), *(digest(replace(layer, **{k: v})) for k, v in others.items())]
    assert len(set(digests)) == len(digests)


def test_every_other_change_of_a_network_changes_the_digest():
    variants = [
        ALEXNET,
        *(edit(ALEXNET) for edit in EDITS.values()),
        replace(ALEXNET, layers=ALEXNET.layers[::-1]),
    ]
    assert len({digest(variant) for variant in variants}) == len(variants)
    kinds = [ReLU("x"), Flatten("x"), Dropout("x")]  # alike but for their type
    assert len({digest(kind) for kind in kinds}) == 3


def test_the_order_of_keys_is_irrelevant_and_that_of_lists_is_not():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"b": [1, 2]}) != digest({"b": [2, 1]})
    assert digest([1, 2]) == digest((1, 2))


def test_the_digest_is_the_same_on_every_machine():
    """Worked out with ``printf '{"a":[1,"x"]}' | sha256sum``: records hold such digests."""
    expected = "5e49f471d8b615a8ae0ecf0a53dbe2f5f617abb2dfe6246974aa6e4bdeb89725"
    assert digest({"a": (1, "x")}) == expected


@pytest.mark.parametrize(
    "value", [{1, 2}, object(), np.float64(1).reshape(1), torch.ones(1), Conv, b"bytes", 1j]
)
def test_data_that_is_not_plain_is_refused(value):
    with pytest.raises(TypeError, match="plain data only"):
        digest({"setting": [value]})
