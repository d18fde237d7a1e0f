"""Layers made of layers, against PyTorch's functions, torchvision and the paper's groups."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from alexnet_course.architectures import ARCHITECTURES, Architecture
from alexnet_course.arithmetic import (
    Field,
    layer_table,
    receptive_rows,
    trace,
    training_operations,
)
from alexnet_course.config import digest, plain
from alexnet_course.data import Preparation, Split
from alexnet_course.data.preparation import MinusOneToOne
from alexnet_course.identity import structure
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
from alexnet_course.measures import dead_units, flat_outputs, masked_passes, response_norms
from alexnet_course.network import build, load_weights, make_module
from alexnet_course.optimisers import SGD
from alexnet_course.recipes import HE, FirstWeights
from alexnet_course.wiring import tower_values
from nested import DoNotFit, Nested, by_functions

SMALL = Architecture(
    "small",
    (3, 8, 8),
    (
        Conv("conv1", 4, kernel=3, padding=1),
        Residual(
            "block1",
            (
                Conv("conv1", 6, kernel=3, padding=1, bias=False),
                BatchNorm("norm1"),
                ReLU("relu1"),
                Parallel("wide", ((Conv("conv1", 2, kernel=1),), (Pool("pool1", 3, 1, 1),), ())),
            ),
            shortcut=(Conv("conv2", 14, kernel=1),),
        ),
        ReLU("relu1"),
        Flatten("flatten"),
        Dropout("dropout"),
        Linear("fc", 5),
    ),
)
INSIDE = [
    *("block1.conv1", "block1.norm1", "block1.relu1"),
    *("block1.wide.conv1", "block1.wide.pool1", "block1.wide", "block1.conv2"),
]
NAMES = ["conv1", *INSIDE, "block1", "relu1", "flatten", "dropout", "fc"]


def numbers(network):
    """By dotted name, what the walk says of shape, parameters and multiply-adds."""
    return {
        step.name: [
            step.output_shape,
            sum(step.layer.parameter_counts(step.input_shape)),
            step.layer.multiply_adds(step.input_shape),
        ]
        for step in trace(network)
    }


# Arithmetic and modules, against PyTorch


def stopped_at(network):
    """The dotted name of the layer at which PyTorch stops, and what it found until then."""
    met, image = {}, torch.zeros(1, *network.input_shape)
    try:
        by_functions(network.layers, image, lambda _, shape: torch.zeros(shape), met)
    except DoNotFit as stop:
        return stop.args[0], met
    return None, met


def test_random_nested_networks_are_what_pytorchs_functions_make_of_them():
    """1,500 networks: accepted exactly where PyTorch goes on, and then with its shapes and counts;
    where it stops, the error names the layer and what it is inside of.
    """
    seen = Counter()
    for seed in range(1500):
        network = Nested(seed).architecture
        stop, met = stopped_at(network)
        if stop:
            inside, _, name = stop.rpartition(".")
            begin = f"inside {inside!r}: layer {name!r}" if inside else f"layer {name!r}"
            with pytest.raises(SpecError, match=f"^{re.escape(begin)} "):
                list(trace(network))
            seen["refused"] += 1
            continue
        assert numbers(network) == met, network
        assert list(met) == [name for name, _ in network.named_layers()]
        seen["accepted"] += 1
        seen["three deep"] += any(name.count(".") == 3 for name in met)
    assert seen["accepted"] > 1000 and seen["refused"] > 150 and seen["three deep"] > 150, seen


@pytest.mark.parametrize("first", [0, 50, 100])
def test_random_nested_networks_compute_what_their_table_says(first):
    """150 seeds: hooks see the shapes, PyTorch counts the work of both ways, and outputs are those
    of its functions with the same weights.
    """
    built = 0
    for seed in range(first, first + 50):
        network = Nested(seed).architecture
        if stopped_at(network)[0]:
            continue
        built += 1
        made = build(network, seed=0).eval()
        state, seen = made.state_dict(), {}
        for parameter in made.parameters():
            parameter.data.copy_(torch.linspace(-1, 1, parameter.numel()).view_as(parameter))
        for name, module in made.named_modules():
            module.register_forward_hook(
                lambda _, __, y, name=name, seen=seen: seen.update({name: tuple(y.shape[1:])})
            )
        image = torch.randn(2, *network.input_shape, generator=torch.Generator().manual_seed(0))
        with FlopCounterMode(display=False) as counter:
            y = made(image)
            y.sum().backward()
        assert counter.get_total_flops() == 2 * training_operations(network), network
        assert seen.pop("") == tuple(y.shape[1:])
        found = numbers(network)
        assert seen == {name: shape for name, (shape, _, _) in found.items()}
        for name, (_, parameters, _) in found.items():
            own = made.get_submodule(name).parameters(recurse=False)
            assert parameters == sum(p.numel() for p in own)
        expected = by_functions(network.layers, image, lambda name, _, s=state: s[name], {})
        torch.testing.assert_close(y, expected)
    assert built > 35


def test_a_table_with_layers_inside_in_full():
    table = layer_table(SMALL).set_index("name")
    assert list(table.index[:-1]) == NAMES
    block = table.loc["block1"]
    assert block["kind"] == "residual" and block["output_shape"] == (14, 8, 8)
    assert block[["parameters", "multiply_adds", "neurons"]].tolist() == [0, 0, 0]
    assert table.loc["block1.wide", "output_shape"] == (2 + 6 + 6, 8, 8)
    weights = [3 * 4 * 9, 4 * 6 * 9, 6 * 2, 4 * 14, 14 * 64 * 5]
    learned = ["conv1", "block1.conv1", "block1.wide.conv1", "block1.conv2", "fc"]
    assert list(table.loc[learned, "multiply_adds"]) == [64 * n for n in weights[:4]] + weights[4:]
    assert table.loc["total", "parameters"] == sum(weights) + (4 + 2 + 14 + 5) + 2 * 6


@pytest.mark.parametrize(
    "layers",
    [
        (Parallel("p", ((Conv("a", 2, 3, padding=1),), (Conv("b", 2, 3, padding=1),))),),
        (Parallel("p", ((Conv("a", 2, 3, padding=1),), ())),),
        (Residual("r", (Conv("a", 2, 1), ReLU("relu"), Conv("b", 3, 1))),),
        (BatchNorm("norm"),),
        (ReLU("relu"), Parallel("p", ((ReLU("relu"),), ()))),
    ],
    ids=["two first layers", "one and the image", "residual", "norm first", "nothing learned"],
)
def test_operations_leave_out_the_input_gradients_that_nobody_asks_for(layers):
    network = Architecture(
        "first", (3, 6, 6), (*layers, Conv("c", 4, kernel=3), Flatten("f"), Linear("fc", 2))
    )
    with FlopCounterMode(display=False) as counter:
        build(network, seed=0)(torch.randn(2, 3, 6, 6)).sum().backward()
    assert counter.get_total_flops() == 2 * training_operations(network)


def test_layers_inside_stand_under_dotted_names_in_the_module_and_its_state():
    made = build(SMALL, seed=0)
    assert [name for name, _ in made.named_modules()][1:] == [
        "conv1", "block1", *NAMES[1:4], "block1.wide", *NAMES[4:6], "block1.conv2", *NAMES[9:]
    ]  # fmt: skip
    assert made.block1.wide.conv1.weight is made.get_parameter("block1.wide.conv1.weight")
    assert "block1.norm1.running_mean" in made.state_dict()
    x = torch.randn(2, 3, 8, 8)
    branch = made.block1.relu1(made.block1.norm1(made.block1.conv1(made.conv1(x))))
    branch = torch.cat([made.block1.wide.conv1(branch), F.max_pool2d(branch, 3, 1, 1), branch], 1)
    torch.testing.assert_close(made[:2](x), branch + made.block1.conv2(made.conv1(x)))


@pytest.mark.parametrize("name", ["forward", "parts", "training", "add_module"])
def test_a_name_that_modules_use_themselves_is_refused_inside_too(name):
    block = Residual("r", (Parallel("p", ((Conv(name, 3, 1),), ())), Conv("c", 3, 1)))
    with pytest.raises(SpecError, match=f"'{name}'.*choose another"):
        build(Architecture("clash", (3, 4, 4), (block,)))
    with pytest.raises(SpecError, match=f"'{name}'.*choose another"):
        make_module(block, (3, 4, 4))


TWO = (Conv("a", 2, 1), Conv("b", 2, 1))
IMPOSSIBLE = {
    "no branch": (lambda: Residual("r", ()), ["'r'", "branch is ()", "at least one"]),
    "no layers": (lambda: Residual("r", (3,)), ["'r'", "branch is (3,)", "layers"]),
    "one branch": (lambda: Parallel("p", (TWO,)), ["'p'", "branches is", "at least two"]),
    "one name twice": (
        lambda: Parallel("p", (TWO, (ReLU("r"), Conv("a", 2, 1)))),
        ["'p'", "two layers inside", "'a'", "once"],
    ),
    "branch and shortcut": (
        lambda: Residual("r", TWO[:1], (ReLU("a"),)),
        ["'r'", "two layers inside", "'a'"],
    ),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_a_composite_that_cannot_be_is_refused_when_it_is_made(case):
    make, words = IMPOSSIBLE[case]
    with pytest.raises(SpecError) as refusal:
        make()
    for word in words:
        assert word in str(refusal.value)


MISFITS = {
    "other maps": (Residual("r", (Conv("c", 5, 1),)), ["'r'", "(5, 6, 8)", "(3, 6, 8)", "Conv"]),
    "one map": (Residual("r", (Conv("c", 1, 1),)), ["'r'", "(1, 6, 8)", "(3, 6, 8)"]),
    "another size": (
        Parallel("p", ((Pool("c", 2, 2),), ())),
        ["'p'", "(3, 3, 4)", "(3, 6, 8)", "one height and width"],
    ),
    "maps and features": (
        Parallel("p", ((Flatten("f"),), ())),
        ["'p'", "(144,)", "(3, 6, 8)", "features"],
    ),
    "a window inside": (
        Residual("r", (Parallel("p", ((Conv("c", 3, 9),), ())),)),
        ["inside 'r.p': layer 'c'", "window of 9", "height 6"],
    ),
}


@pytest.mark.parametrize("case", MISFITS)
def test_parts_that_do_not_fit_are_refused_with_their_shapes(case):
    layer, words = MISFITS[case]
    with pytest.raises(SpecError) as refusal:
        build(Architecture("bad", (3, 6, 8), (layer,)))
    for word in words:
        assert word in str(refusal.value)


def test_the_same_names_may_stand_in_several_composites():
    blocks = tuple(Residual(name, (Conv("conv", 3, 1),)) for name in ("one", "two"))
    made = build(Architecture("twins", (3, 4, 4), (*blocks, Conv("conv", 3, 1))))
    assert [name for name, _ in made.named_parameters()][::2] == [
        "one.conv.weight", "two.conv.weight", "conv.weight"
    ]  # fmt: skip


# Published networks


def shaken(network, seed=0):
    """Weights and norms that no two layers share, so that a swapped one shows."""
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return network.eval()


@pytest.mark.parametrize(
    ("name", "theirs", "parameters"),
    [
        ("resnet18", lambda: torchvision.models.resnet18(), 11_689_512),
        (
            "googlenet",
            lambda: torchvision.models.googlenet(aux_logits=False, init_weights=False),
            6_624_904,
        ),
        ("vgg16", lambda: torchvision.models.vgg16(init_weights=False), 138_357_544),
    ],
)
def test_torchvisions_networks_are_reproduced_weight_for_weight(name, theirs, parameters):
    theirs = shaken(theirs())
    ours = load_weights(build(ARCHITECTURES[name]), theirs.state_dict()).eval()
    assert layer_table(ARCHITECTURES[name])["parameters"].iloc[-1] == parameters
    assert sum(p.numel() for p in theirs.parameters()) == parameters
    images = torch.rand(2, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images))


def plain_zfnet():
    """As Fig. 3 of Zeiler & Fergus has it; padding to the right and below rounds sizes up."""

    def pool():
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    return nn.Sequential(
        *(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(3, 96, 7, 2), nn.ReLU(), pool()),
        nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2),
        *(nn.Conv2d(96, 256, 5, 2), nn.ReLU(), pool()),
        nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2),
        *(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 384, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), pool(), nn.Flatten()),
        *(nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Dropout()),
        *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 1000)),
    )


def plain_nin():
    def block(inputs, maps, last, *window):
        convs = (nn.Conv2d(inputs, maps, *window), nn.Conv2d(maps, maps, 1))
        return [*convs[:1], nn.ReLU(), *convs[1:], nn.ReLU(), nn.Conv2d(maps, last, 1), nn.ReLU()]

    def pool():
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    return nn.Sequential(
        *(*block(3, 96, 96, 11, 4), pool(), *block(96, 256, 256, 5, 1, 2), pool()),
        *(*block(256, 384, 384, 3, 1, 1), pool(), nn.Dropout()),
        *(*block(384, 1024, 1000, 3, 1, 1), nn.AvgPool2d(6), nn.Flatten()),
    )


@pytest.mark.parametrize(
    ("name", "theirs", "parameters", "sides"),
    [
        # Parameters by hand: 96 · 147 + 96 and so on; sizes from the figure.
        ("zfnet", plain_zfnet, 62_357_608, [110, 55, 26, 13, 13, 13, 13, 6]),
        ("nin", plain_nin, 7_595_176, [*[54] * 3, 27, *[27] * 3, 13, *[13] * 3, 6, *[6] * 3, 1]),
    ],
)
def test_networks_that_torchvision_lacks_are_those_written_by_hand(name, theirs, parameters, sides):
    theirs = theirs().eval()
    ours = load_weights(build(ARCHITECTURES[name]), theirs.state_dict()).eval()
    table = layer_table(ARCHITECTURES[name])
    assert table["parameters"].iloc[-1] == parameters
    windows = table[table["kind"].isin(["conv", "pool"])]
    assert [shape[-1] for shape in windows["output_shape"]] == sides
    images = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-4, atol=1e-5)


def test_two_towers_are_the_papers_groups_in_outputs_and_gradients():
    """On narrow layers, in double precision; fc6 to fc8 are the same layers in both."""
    grouped = ARCHITECTURES["alexnet-2012"]
    towers = ARCHITECTURES["two-towers"]
    for name in ("fc6", "fc7"):
        grouped, towers = (a.replace(name, out_features=16) for a in (grouped, towers))
    whole, split = (build(a.with_classes(5), seed=0).double().eval() for a in (grouped, towers))

    split.load_state_dict(tower_values(whole.state_dict(), split.state_dict()))
    images = [torch.rand(1, 3, 227, 227, dtype=torch.double).requires_grad_() for _ in range(2)]
    images[1].data.copy_(images[0].data)
    outputs = [network(image) for network, image in zip((whole, split), images)]
    torch.testing.assert_close(*outputs, rtol=1e-12, atol=1e-12)
    for y in outputs:
        F.cross_entropy(y, torch.tensor([3])).backward()
    torch.testing.assert_close(images[0].grad, images[1].grad, rtol=1e-12, atol=1e-12)
    gradients = {name: p.grad for name, p in whole.named_parameters()}
    found = {name: p.grad for name, p in split.named_parameters()}
    torch.testing.assert_close(found, tower_values(gradients, found), rtol=1e-12, atol=1e-12)


def test_batch_norm_adds_its_epsilon_to_the_variance():
    x = torch.randn(3, 2, 4, 4, dtype=torch.double)
    for epsilon in (1e-5, 0.5):
        layer = BatchNorm("n", epsilon)
        y = make_module(layer, (2, 4, 4)).double()(x)
        variance, mean = torch.var_mean(x, (0, 2, 3), correction=0, keepdim=True)
        torch.testing.assert_close(y, (x - mean) / (variance + epsilon).sqrt())
    assert plain(BatchNorm("n")) == {"type": "BatchNorm", "name": "n"}  # as before there was one


# Editing


def changed(before, after):
    """The layers that differ, as ``name: new layer``; composites left out."""
    old = dict(before.named_layers())
    return {
        name: layer
        for name, layer in after.named_layers()
        if not layer.parts and old.get(name) != layer
    }


def test_a_layer_inside_is_found_by_its_dotted_name():
    assert [name for name, _ in SMALL.named_layers()] == NAMES
    assert SMALL.layer("block1.wide.conv1") == Conv("conv1", 2, kernel=1)
    assert SMALL.layer("conv1").out_channels == 4
    for name in ("wide.conv1", "block1.wide.conv9", "block1.conv1.", ""):
        with pytest.raises(SpecError, match=r"its layers are conv1, block1.conv1, block1.norm1"):
            SMALL.layer(name)


EDITS = {
    "replace": (
        lambda a: a.replace("block1.wide.conv1", kernel=3, padding=1),
        {"block1.wide.conv1": Conv("conv1", 2, kernel=3, padding=1)},
    ),
    "with_layer": (
        lambda a: a.with_layer("block1.norm1", LRN("lrn1")),
        {"block1.lrn1": LRN("lrn1")},
    ),
    "with_activation": (
        lambda a: a.with_activation("tanh"),
        {name: Activation("tanh1", "tanh") for name in ("block1.tanh1", "tanh1")},
    ),
    "with_classes": (lambda a: a.with_classes(2), {"fc": Linear("fc", 2)}),
    "a whole block": (
        lambda a: a.with_layer("block1.wide", Conv("c", 14, 1)),
        {"block1.c": Conv("c", 14, 1)},
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_reaches_what_is_inside_and_nothing_else(edit):
    make, expected = EDITS[edit]
    before = digest(SMALL)
    after = make(SMALL)
    assert changed(SMALL, after) == expected
    assert digest(SMALL) == before and digest(after) != before
    build(after)


def test_with_pooling_reaches_inside():
    after = SMALL.with_pooling(5, 1)
    assert changed(SMALL, after) == {"block1.wide.pool1": Pool("pool1", 5, 1, padding=1)}


def test_layers_inside_are_left_out_by_dotted_name_and_by_kind():
    def left_out(*what):
        kept = [name for name, _ in SMALL.without(*what).named_layers()]
        return [name for name in NAMES if name not in kept]

    assert left_out("block1.relu1") == ["block1.relu1"]
    assert left_out("relu") == ["block1.relu1", "relu1"]
    assert left_out("relu1") == ["relu1"]
    assert left_out("block1.conv2") == ["block1.conv2"]  # the shortcut is the identity then
    assert left_out("parallel") == ["block1.wide.conv1", "block1.wide.pool1", "block1.wide"]
    assert left_out("residual") == left_out("block1") == NAMES[1:9]
    assert left_out("conv", "block1") == ["conv1", *NAMES[1:9]]
    with pytest.raises(SpecError, match=r"no layer or kind 'norm1'; it has .*block1.norm1"):
        SMALL.without("norm1")
    with pytest.raises(SpecError, match=r"'r' \(Residual\): branch is \(\)"):
        Architecture("one", (3, 4, 4), (Residual("r", (ReLU("relu"),)),)).without("relu")


def test_layers_change_places_within_and_between_composites():
    after = SMALL.swapped("block1.norm1", "block1.relu1")
    order = [layer.name for layer in after.layer("block1").branch]
    assert order == ["conv1", "relu1", "norm1", "wide"]
    assert after.swapped("block1.relu1", "block1.norm1") == SMALL
    out = SMALL.swapped("flatten", "block1.norm1")
    assert [name for name, _ in out.named_layers()][2] == "block1.flatten"
    for pair in (("block1", "block1.wide.conv1"), ("block1.wide.conv1", "block1")):
        with pytest.raises(SpecError, match=r"'block1.wide.conv1' is inside 'block1'"):
            SMALL.swapped(*pair)


def test_a_composite_is_one_more_layer_for_replace_and_with_classes():
    plainer = SMALL.replace("block1.wide", branches=((Conv("conv1", 14, 1),), ()))
    assert plainer.layer("block1.wide.conv1").out_channels == 14
    with pytest.raises(SpecError, match=r"'block1'.*has no kernel; it has branch, name, shortcut"):
        SMALL.replace("block1", kernel=3)
    head = Parallel("heads", ((Linear("fc", 3),), ()))
    network = Architecture("heads", (1, 2, 2), (Flatten("flatten"), head))
    assert network.with_classes(7).layer("heads.fc").out_features == 7


# First weights


def test_he_weights_reach_the_layers_inside():
    """A 3×3 kernel of one map: √(2/9) = 0.471 (PyTorch's own would have 1/√27 = 0.192)."""
    block = Parallel("block", ((Conv("a", 2000, 3),), (Conv("b", 2000, 3),)))
    made = build(Architecture("one", (1, 5, 5), (block,)), 0, HE)
    for module in (made.block.a, made.block.b):
        assert module.weight.std().item() == pytest.approx(0.471, abs=0.01)
        assert (module.bias == 0).all()
    plainly = build(Architecture("one", (1, 5, 5), (block,)), 0)
    assert plainly.block.a.weight.std().item() == pytest.approx(0.192, abs=0.01)


def test_exceptions_of_first_weights_go_by_dotted_names():
    weights = FirstWeights(0.01, stds={"block1.conv1": 2}, biases={"block1.wide.conv1": 1})
    made = build(SMALL, 0, weights)
    assert made.block1.conv1.weight.std().item() == pytest.approx(2, rel=0.1)
    assert (made.block1.wide.conv1.bias == 1).all() and (made.block1.conv2.bias == 0).all()
    assert (made.block1.norm1.weight == 1).all() and (made.block1.norm1.bias == 0).all()
    with pytest.raises(
        ValueError, match=r"given for wide.conv1, but small has weights in .*block1"
    ):
        build(SMALL, 0, FirstWeights(0.01, stds={"wide.conv1": 1}))


@dataclass(frozen=True)
class Scaled(Layer):
    """A kind of layer that no one has taught to first weights."""

    kind: ClassVar[str] = "scaled"


class ScaledModule(nn.Module):
    def __init__(self, maps):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(maps, 1, 1))
        self.mixing = nn.Conv2d(maps, maps, 1)

    def forward(self, x):
        return self.mixing(self.gain * x)


@make_module.register
def _(layer: Scaled, shape):
    return ScaledModule(shape[0])


@pytest.mark.parametrize("inside", [False, True])
def test_first_weights_leave_no_parameter_undrawn(inside):
    layer = Residual("block", (Scaled("odd"),)) if inside else Scaled("odd")
    network = Architecture("strange", (3, 4, 4), (Conv("conv1", 3, 1), layer))
    name = "block.odd" if inside else "odd"
    with pytest.raises(ValueError) as refusal:
        build(network, 0, HE)
    for word in (f"{name}.gain, {name}.mixing.weight, {name}.mixing.bias", "conv, local, linear"):
        assert word in str(refusal.value)
    assert build(network, 0)(torch.zeros(1, 3, 4, 4)).shape == (1, 3, 4, 4)


def test_each_layer_of_every_network_is_drawn_by_first_weights():
    for network in ARCHITECTURES.values():
        if network.input_shape[1] < 100:
            build(network, 0, HE)
    every = Architecture(
        "all kinds",
        (2, 6, 6),
        (LocallyConnected("local", 2, 1), BatchNorm("n"), AdaptivePool("p", 1), Flatten("f")),
    )
    build(every, 0, FirstWeights(0.5, biases={"local": 1}))


def test_weight_decays_are_given_by_dotted_name(tiny_data):
    optimiser = SGD(0.1, weight_decay=0.5, weight_decays={"block1.conv1": 0.0})
    network = build(SMALL, seed=0)
    groups = optimiser.groups([*network.named_parameters()])
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    found = {name: decays[id(p)] for name, p in network.named_parameters()}
    without = {name for name, decay in found.items() if decay == 0}
    assert without == {name for name in found if name.startswith("block1.conv1.")} != set()
    assert {*found.values()} == {0, 0.5}


# Measures


@pytest.fixture
def split(tiny_data):
    images = tiny_data.held_out.images[:, :, :8, :8].contiguous()
    return Split(images, tiny_data.held_out.labels)


@pytest.fixture
def scale(tiny_data):
    return Preparation((MinusOneToOne(),), tiny_data.train.images)


@torch.no_grad()
def test_measures_reach_the_layers_inside(split, scale):
    """Half of the maps of block1.relu1 are made negative everywhere."""
    network = build(SMALL, seed=0)
    network.block1.norm1.bias.copy_(torch.tensor([-100.0] * 3 + [100.0] * 3))
    dead, flat = (measure(network, split, scale) for measure in (dead_units, flat_outputs))
    assert dead.keys() == flat.keys() == {"block1.relu1", "relu1"}
    assert dead["block1.relu1"] == flat["block1.relu1"] == 50
    assert not network.block1.relu1._forward_hooks
    normed = SMALL.with_layer("block1.norm1", LRN("lrn", size=1, alpha=1.0, k=1.0))
    added = response_norms(build(normed, seed=0), split, scale)
    inside = build(normed, seed=0).eval()
    x = inside.block1.conv1(inside.conv1(scale(split.images)))
    assert added["block1.lrn-mean"] == pytest.approx(x.square().mean().item(), rel=1e-4)


def test_masked_passes_find_the_dropout_inside(split, scale):
    """The same masks, and so the same numbers, as with the dropout outside."""
    rest = (Flatten("flatten"), Linear("fc", 3))
    alone = Architecture("alone", (3, 8, 8), (ReLU("r"), Dropout("drop"), *rest))
    block = Parallel("block", ((Dropout("drop"),), ()))
    inside = alone.with_layer("drop", block)
    results = [masked_passes(build(a, seed=0), split, scale) for a in (alone, inside)]
    assert [len(result) for result in results] == [8, 8]
    # The same weights over the branch with the dropout, and none over the one without.
    narrow, wide = build(alone, seed=0), build(inside, seed=0)
    with torch.no_grad():
        wide.fc.weight.copy_(torch.cat([narrow.fc.weight, torch.zeros(3, 192)], 1))
        wide.fc.bias.copy_(narrow.fc.bias)
    assert masked_passes(wide, split, scale) == masked_passes(narrow, split, scale)


# Receptive fields


def test_an_inception_block_sees_what_its_widest_branch_sees():
    """conv1 sees 7 pixels every 2; 3×3 windows over it reach 2 pixels to either side."""
    network = ARCHITECTURES["googlenet"]
    table = layer_table(network).set_index("name")
    assert list(table.loc["inception3a", ["receptive_field", "receptive_stride"]]) == [
        *table.loc["inception3a.conv2b", ["receptive_field", "receptive_stride"]]
    ]
    rows = receptive_rows(network, "inception3a")
    assert rows.equals(receptive_rows(network, "inception3a.conv2b"))
    pointwise = receptive_rows(network, "inception3a.conv1")
    assert (pointwise["first"] == rows["first"] + 8).all()  # a padding of 1, 8 pixels apart
    assert (pointwise["last"] == rows["last"] - 8).all()


def test_fields_of_branches_begin_where_the_first_does():
    """One sees 7 pixels from −3 on, the other its own pixel: 7 from −3 on."""
    left = (Conv("a", 1, kernel=3, padding=3), Pool("cut", kernel=5, stride=1))
    network = Architecture("aside", (1, 9, 9), (Parallel("p", (left, ())),))
    assert list(trace(network))[-1].made.field == Field(side=7, stride=1, start=-3)


def test_branches_of_several_strides_have_rows_but_no_field():
    """Four pixels: windows of 2, 2 apart; and windows of 3, 1 apart. Both make two."""
    branches = ((Conv("a", 1, kernel=2, stride=2),), (Conv("b", 1, kernel=3),))
    layers = (Parallel("p", branches), Conv("c", 1, kernel=2))
    network = Architecture("uneven", (1, 4, 4), layers)
    table = layer_table(network).set_index("name")
    fields = table[["receptive_field", "receptive_stride"]]
    assert fields.loc[["p", "c"]].isna().all(axis=None)
    assert fields.loc[["p.a", "p.b"]].values.tolist() == [[2, 2], [3, 1]]
    assert list(table["largest_seen"][:-1]) == [2, 3, 3, 4]
    rows = receptive_rows(network, "p")
    assert rows[["first", "last"]].isna().all(axis=None)
    assert rows[["first_seen", "last_seen", "seen"]].values.tolist() == [[0, 2, 3], [1, 3, 3]]
    assert receptive_rows(network, "c")["seen"].tolist() == [4]


def test_a_branch_that_sees_everything_ends_the_fields_of_its_composite():
    squeeze = (AdaptivePool("pool", 4), Conv("a", 1, 1))
    network = Architecture("gate", (1, 4, 4), (Residual("r", squeeze), Conv("c", 1, 1)))
    table = layer_table(network).set_index("name")
    columns = ["receptive_field", "receptive_stride", "largest_seen"]
    assert table.loc[["r", "c"], columns].isna().all(axis=None)
    with pytest.raises(SpecError, match="receptive fields end at"):
        receptive_rows(network, "r")


def test_the_digest_of_a_module_tells_how_its_parts_are_wired():
    """The same layers, in a row, side by side and added."""
    one, two = ReLU("one"), Conv("two", 2, kernel=1)
    blocks = [
        Parallel("b", ((one, two), ())),
        Parallel("b", ((one,), (two,))),
        Residual("b", (one, two)),
        Residual("b", (one,), (two,)),
    ]
    made = [build(Architecture("wired", (2, 3, 3), (block,))) for block in blocks]
    assert len({structure(network) for network in made}) == 4
    assert structure(made[0]) == structure(build(made[0].architecture))
