"""Layer specs against PyTorch: what is accepted, the shapes and parameters, what is refused."""

import itertools
from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from alexnet_course.architectures import ARCHITECTURES, Architecture
from alexnet_course.arithmetic import trace
from alexnet_course.layers import (
    LRN,
    Activation,
    AdaptivePool,
    Conv,
    Dropout,
    Flatten,
    Linear,
    LocallyConnected,
    Pool,
    ReLU,
    SpecError,
    window_positions,
)
from alexnet_course.network import build

# The same examples at every run, and no file left behind.
QUICK = settings(deadline=None, database=None, derandomize=True)
REFUSALS = (RuntimeError, ValueError, IndexError)  # what PyTorch raises for a layer it can't run


def in_pytorch(kind, options, x):
    """``(output, parameters)`` of one layer run by PyTorch's own modules, or one of REFUSALS.

    The rules that are ours alone, where PyTorch would go on, are the ``raise`` lines here.
    """
    o = {"stride": 1, "padding": 0, "groups": 1, "rounding": "floor"} | options
    rounds_up = o["rounding"] == "ceil"
    if kind in (AdaptivePool, LRN) and x.dim() != 4:
        raise ValueError("ours: it works on maps only")
    if kind is Conv:
        module = nn.Conv2d(
            x.shape[1],
            o["out_channels"],
            o["kernel"],
            stride=o["stride"],
            padding=o["padding"],
            groups=o["groups"],
            bias=o.get("bias", True),
        )
        y = module(x)
        if rounds_up:  # PyTorch has no such convolution, but it has such poolings
            assert o["padding"] == 0
            sides = F.max_pool2d(x, o["kernel"], o["stride"], ceil_mode=True).shape[2:]
            y = y.new_zeros(*y.shape[:2], *sides)
    elif kind is LocallyConnected:  # as many parameters as one convolution for each position
        module = nn.Conv2d(
            x.shape[1], o["out_channels"], o["kernel"], stride=o["stride"], padding=o["padding"]
        )
        y = module(x)
        return y, y[0, 0].numel() * sum(p.numel() for p in module.parameters())
    elif kind is Pool:
        pooling = nn.MaxPool2d if o["mode"] == "max" else nn.AvgPool2d
        module = pooling(o["kernel"], o["stride"], padding=o["padding"], ceil_mode=rounds_up)
        y = module(x)
        if rounds_up and o["kernel"] > min(x.shape[2:]) + 2 * o["padding"]:
            raise ValueError("ours: a window must fit, also where the rounding would save it")
    elif kind is AdaptivePool:
        module = nn.AdaptiveAvgPool2d(o["size"])
        y = module(x)
        if o["size"] == 0:
            raise ValueError("ours: at least one output")
    elif kind is LRN:
        if o["groups"] < 1 or x.shape[1] % o["groups"]:
            raise ValueError("ours: PyTorch's norm has no groups")
        if o["across"] == "space" and o["size"] % 2 == 0:
            raise ValueError("ours: PyTorch's norm has no patches")
        module = nn.LocalResponseNorm(o["size"])
        y = module(x)
    elif kind is Linear:
        if x.dim() != 2:
            raise ValueError("ours: flatten first; PyTorch would take the last side as features")
        module = nn.Linear(x.shape[1], o["out_features"], bias=o.get("bias", True))
        y = module(x)
        if o["out_features"] == 0:
            raise ValueError("ours: at least one output")
    else:
        module = {ReLU: nn.ReLU, Flatten: nn.Flatten, Dropout: nn.Dropout}[kind]()
        y = module(x)
    return y, sum(p.numel() for p in module.parameters())


def fixed(kind, **choices):
    """A strategy for ``(kind, options)``, from a list of choices for each option."""
    return st.fixed_dictionaries({k: st.sampled_from(v) for k, v in choices.items()}).map(
        lambda options: (kind, options)
    )


def whole_groups(layer):
    kind, options = layer
    return kind, options | {"out_channels": options["out_channels"] * options["groups"]}


SIDE = {"kernel": [1, 2, 3, 4, 5], "stride": [1, 1, 2, 3]}
ON_MAPS = st.one_of(
    fixed(
        Conv,
        out_channels=[1, 2, 3],
        **SIDE,
        padding=[0, 1, 2],
        groups=[1, 1, 2],
        bias=[True, False],
    ).map(whole_groups),
    fixed(Conv, out_channels=[2, 4], **SIDE, rounding=["ceil"]),
    fixed(LocallyConnected, out_channels=[1, 3], **SIDE, padding=[0, 0, 1]),
    fixed(Pool, **SIDE, mode=["max", "average"], rounding=["floor", "ceil"]),
    fixed(Pool, kernel=[2, 3], stride=[1, 2, 4], padding=[1], mode=["max"], rounding=["ceil"]),
    fixed(LRN, size=[1, 3, 5], groups=[1, 2], across=["channels", "space"]),
    fixed(AdaptivePool, size=[1, 3]),
    st.sampled_from([(ReLU, {}), (Dropout, {})]),
)
ON_FEATURES = st.one_of(
    fixed(Linear, out_features=[1, 3, 7], bias=[True, False]),
    st.sampled_from([(ReLU, {}), (Dropout, {}), (Flatten, {})]),
)
ANY_ORDER = st.lists(st.one_of(ON_MAPS, ON_FEATURES), max_size=4)
USUAL_ORDER = st.tuples(
    st.lists(ON_MAPS, max_size=4), st.just([(Flatten, {})]), st.lists(ON_FEATURES, max_size=3)
).map(lambda parts: [*parts[0], *parts[1], *parts[2]])
INPUTS = st.tuples(st.sampled_from([1, 2, 4, 6]), st.integers(1, 20), st.integers(1, 20))


def test_random_networks_are_accepted_exactly_when_pytorch_accepts_them_and_agree():
    """2,000 networks. Where PyTorch (with our extra rules) stops, the error names that layer."""
    seen = Counter()

    @settings(QUICK, max_examples=2000)
    @given(INPUTS, st.one_of(USUAL_ORDER, USUAL_ORDER, ANY_ORDER))
    def check(input_shape, layers):
        specs = tuple(kind(f"layer{i}", **options) for i, (kind, options) in enumerate(layers))
        network = Architecture("random", input_shape, specs)
        expected, x = [], torch.zeros(1, *input_shape)
        for i, (kind, options) in enumerate(layers):
            try:
                x, parameters = in_pytorch(kind, options, x)
            except REFUSALS:
                seen["refused"] += 1
                with pytest.raises(SpecError, match=f"'layer{i}'"):
                    list(trace(network))
                return
            expected.append((tuple(x.shape[1:]), parameters))
        seen["accepted"] += 1
        assert [
            (step.output_shape, sum(step.layer.parameter_counts(step.input_shape)))
            for step in trace(network)
        ] == expected
        made = build(network)
        assert made(torch.zeros(1, *input_shape)).shape == x.shape
        assert sum(p.numel() for p in made.parameters()) == sum(count for _, count in expected)

    check()
    assert min(seen["accepted"], seen["refused"]) > 400, seen  # neither side is an empty promise


WILD = [-1, 0, 1, 2, 2, 3, 3, 4, 7]
WILD_LAYERS = st.one_of(
    fixed(Conv, out_channels=WILD, kernel=WILD, stride=WILD, padding=[-1, 0, 1, 2], groups=[1]),
    fixed(LocallyConnected, out_channels=WILD, kernel=WILD, stride=WILD, padding=[-1, 0, 1, 2]),
    fixed(Conv, out_channels=[2, 3, 4, 6], kernel=[1], groups=[-2, -1, 0, 1, 2, 3, 4]),
    fixed(
        Pool,
        kernel=WILD,
        stride=WILD,
        padding=[-1, 0, 1, 2],
        mode=["max", "average"],
        rounding=["floor", "ceil"],
    ),
    fixed(AdaptivePool, size=WILD),
    fixed(LRN, size=WILD, groups=[-1, 0, 1, 2, 3], across=["channels", "space"]),
    fixed(Linear, out_features=WILD),
)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_numbers_that_pytorch_refuses_are_refused_and_no_others():
    """Zeros, negative numbers, groups that don't divide, windows that don't fit: one layer each."""
    seen = Counter()

    @settings(QUICK, max_examples=900)
    @given(WILD_LAYERS, st.sampled_from([(4, 6, 5), (6, 2, 9), (12,)]))
    def check(layer, shape):
        kind, options = layer
        try:
            expected = tuple(in_pytorch(kind, options, torch.zeros(1, *shape))[0].shape[1:])
        except REFUSALS:
            expected = None
        try:
            got = kind("wild", **options).output_shape(shape)
        except SpecError as error:
            assert "'wild'" in str(error)
            got = None
        assert got == expected
        seen[expected is None] += 1

    check()
    assert min(seen[True], seen[False]) > 200, seen


@settings(QUICK, max_examples=400)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(0, 4), st.integers(0, 30)),
    st.sampled_from(["floor", "ceil"]),
)
def test_window_positions_are_those_of_pytorchs_pooling(numbers, rounding):
    """Strides larger than the window and padding included; every window fits the padded input."""
    kernel, stride, padding, extra = numbers
    padding = min(padding, kernel // 2)  # PyTorch's own limit
    size = max(1, kernel - 2 * padding) + extra
    pooled = F.max_pool1d(
        torch.zeros(1, 1, size), kernel, stride, padding, ceil_mode=rounding == "ceil"
    )
    assert window_positions(size, kernel, stride, padding, rounding) == pooled.shape[-1]


@settings(QUICK, max_examples=400)
@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 5), st.integers(0, 4))
def test_rounding_up_adds_at_most_one_window_and_only_for_pixels_left_over(
    size, kernel, stride, padding
):
    """Counted one by one, with paddings as a convolution may have them (no limit)."""
    if kernel > size + 2 * padding:
        return
    fits = [s for s in range(0, size + 2 * padding, stride) if s + kernel <= size + 2 * padding]
    assert window_positions(size, kernel, stride, padding) == len(fits)
    left_over = fits[-1] + kernel < size + 2 * padding
    starts_in_time = fits[-1] + stride < size + padding
    expected = len(fits) + (left_over and starts_in_time)
    assert window_positions(size, kernel, stride, padding, "ceil") == expected
    layer = Architecture("one", (1, size, size), (Conv("c", 1, kernel, stride, padding),))
    layer = layer.replace("c", rounding="ceil")
    assert build(layer)(torch.zeros(1, *layer.input_shape)).shape[2] == expected


def test_rounding_up_is_the_2012_codes_rule_but_where_that_window_would_see_right_padding_alone():
    """The code's convolutions count 1 + ⌈(n + 2p − k) / s⌉, PyTorch's pooling one less there."""
    assert F.max_pool1d(torch.zeros(1, 1, 5), 2, 2, 1, ceil_mode=True).shape[-1] == 3
    assert window_positions(5, 2, 2, 1, "ceil") == 3  # 4 by the code's rule
    parted = []
    for n, k, s, p in itertools.product(range(1, 13), range(1, 6), range(1, 6), range(4)):
        if k <= n + 2 * p:
            ours, theirs = window_positions(n, k, s, p, "ceil"), 1 - (-(n + 2 * p - k) // s)
            parted += [(n, k, s, p)] * (ours != theirs)
            assert ours in (theirs, theirs - 1)
    assert (5, 2, 2, 1) in parted
    assert all(k < s + p for _, k, s, p in parted)


def test_no_network_of_the_table_has_a_window_for_which_the_rules_part():
    windows = [x for a in ARCHITECTURES.values() for x in a.layers if isinstance(x, (Conv, Pool))]
    rounded_up = [x for x in windows if x.rounding == "ceil"]
    assert rounded_up
    assert all(x.kernel >= x.stride + x.padding for x in rounded_up)


class NoTensors(TorchDispatchMode):
    """Fails as soon as anything makes or touches a tensor."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        raise AssertionError(f"a tensor was made: {func}")


def test_the_guard_against_tensors_sees_them():
    with pytest.raises(AssertionError, match="a tensor was made"), NoTensors():
        build(Architecture("fine", (3, 9, 9), (Conv("conv1", 4, kernel=3),)))


NO_INPUT_GROUPS = "groups=3 does not divide its 4 input channels"
IMPOSSIBLE = {
    "zero width": (lambda: [Conv("c2", 0, kernel=3)], ["'c2'", "out_channels is 0", "at least 1"]),
    "zero features": (lambda: [Linear("f", 0)], ["'f'", "out_features is 0", "at least 1"]),
    "negative stride": (lambda: [Conv("c2", 4, 3, stride=-1)], ["'c2'", "stride is -1", "least 1"]),
    "zero stride": (lambda: [Pool("p", 2, stride=0)], ["'p'", "stride is 0", "at least 1"]),
    "negative padding": (lambda: [Pool("p", 2, 2, -1)], ["'p'", "padding is -1", "at least 0"]),
    "half a pixel": (
        lambda: [Conv("c2", 4, kernel=2.5)],
        ["'c2'", "kernel is 2.5", "whole number"],
    ),
    "a truth value": (lambda: [Pool("p", True, 1)], ["'p'", "kernel is True", "whole number"]),
    "large conv": (
        lambda: [Conv("c2", 4, kernel=10, padding=1)],
        ["'c2'", "window of 10 is larger", "height 7 + 2·1 = 9"],
    ),
    "wide pool": (
        lambda: [Pool("p", kernel=8, stride=8)],
        ["'p'", "window of 8 is larger", "height 7"],
    ),
    "output groups": (
        lambda: [Conv("c2", 4, 3, groups=3)],
        ["'c2'", "groups=3 does not divide its 4 output channels"],
    ),
    "input groups": (lambda: [Conv("c2", 6, 3, groups=3)], ["'c2'", NO_INPUT_GROUPS]),
    "norm groups": (lambda: [LRN("n", groups=3)], ["'n'", NO_INPUT_GROUPS]),
    "padding only": (lambda: [Pool("p", 3, 1, padding=2)], ["'p'", "padding 2", "half", "of 3"]),
    "rounding": (
        lambda: [Conv("c2", 4, 3, rounding="up")],
        ["'c2'", "rounding is 'up'", "'floor' or 'ceil'"],
    ),
    "pool rounding": (lambda: [Pool("p", 2, 2, rounding=None)], ["'p'", "rounding is None"]),
    "mode": (
        lambda: [Pool("p", 2, 2, mode="median")],
        ["'p'", "mode is 'median'", "'max' or 'average'"],
    ),
    "adaptive": (lambda: [AdaptivePool("a", 0)], ["'a'", "size is 0", "at least 1"]),
    "across": (
        lambda: [LRN("n", across="time")],
        ["'n'", "across is 'time'", "'channels' or 'space'"],
    ),
    "even patch": (lambda: [LRN("n", size=4, across="space")], ["'n'", "size 4", "even"]),
    "norm of zero": (lambda: [LRN("n", k=0)], ["'n'", "k is 0", "above 0"]),
    "activation": (lambda: [Activation("a", "relu6")], ["'a'", "'relu6'", "'tanh', 'sigmoid'"]),
    "all dropped": (lambda: [Dropout("d", p=1)], ["'d'", "p is 1", "below 1"]),
    "scaled": (lambda: [Dropout("d", scaled="never")], ["'d'", "'never'", "'training' or 'test'"]),
    "old slip": (lambda: [Dropout("d", 0.5, True, "test")], ["'d'", "scaled='training' only"]),
    "two names": (lambda: [ReLU("same"), ReLU("same")], ["'same'", "two layers", "once"]),
    "no name": (lambda: [ReLU("")], ["''", "name", "letters"]),
    "dotted name": (lambda: [ReLU("block.relu")], ["'block.relu'", "name", "letters"]),
    "linear first": (lambda: [Linear("f", 5)], ["'f'", "(4, 7, 7)", "Flatten"]),
} | {
    f"{type(layer).__name__} after the flatten": (
        lambda layer=layer: [Flatten("flat"), layer],
        ["'late'", "(196,)", "before the flatten"],
    )
    for layer in (
        *(Conv("late", 4, 1), LocallyConnected("late", 4, 1), Pool("late", 1, 1)),
        *(LRN("late"), AdaptivePool("late", 1)),
    )
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_an_impossible_spec_names_layer_numbers_and_rule_before_any_tensor_is_made(case):
    """A sound convolution stands first, so that a check made on the way would come too late."""
    layers, words = IMPOSSIBLE[case]
    with NoTensors(), pytest.raises(SpecError) as refusal:
        build(Architecture("bad", (3, 9, 9), (Conv("c1", 4, kernel=3), *layers())))
    for word in words:
        assert word in str(refusal.value)


@pytest.mark.parametrize("shape", [(3, 9), (3, 0, 9), (3, 9, 9, 1), (3, 9.0, 9), ()])
def test_an_input_must_be_three_whole_numbers(shape):
    with pytest.raises(SpecError, match=r"'bad'.*channels, height, width"):
        Architecture("bad", shape, ())
