"""The layer table against PyTorch, published numbers and sums made by hand."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from alexnet_course.architectures import ARCHITECTURES, Architecture
from alexnet_course.arithmetic import layer_table, receptive_rows, trace
from alexnet_course.layers import (
    AdaptivePool,
    Conv,
    Dropout,
    Flatten,
    Linear,
    Pool,
    ReLU,
    SpecError,
)
from alexnet_course.network import build
from nested import Nested

ALL = pytest.mark.parametrize("network", ARCHITECTURES.values(), ids=ARCHITECTURES.keys())


def on_meta(network):
    """The built network and one image, without memory behind them."""
    with torch.device("meta"):
        return build(network), torch.empty(1, *network.input_shape)


def by_name(network):
    return layer_table(network).set_index("name")


@ALL
def test_output_shapes_are_those_that_forward_hooks_see(network):
    made, image = on_meta(network)
    seen = {}
    for name, module in made.named_modules():
        module.register_forward_hook(
            lambda _, __, y, name=name: seen.update({name: tuple(y.shape[1:])})
        )
    made(image)
    assert seen.pop("") == seen[network.layers[-1].name]
    table = layer_table(network)[:-1]
    assert dict(zip(table["name"], table["output_shape"])) == seen
    assert list(table["output_values"]) == [math.prod(shape) for shape in seen.values()]


@ALL
def test_parameters_are_those_that_pytorch_holds(network):
    made, _ = on_meta(network)
    for name, row in by_name(network)[:-1].iterrows():
        module = made.get_submodule(name)
        held = {key: p.numel() for key, p in module.named_parameters(recurse=False)}
        assert (row["weights"], row["biases"]) == (held.get("weight", 0), held.get("bias", 0))
        assert row["parameters"] == sum(held.values())
    assert by_name(network).loc["total", "parameters"] == sum(p.numel() for p in made.parameters())


@ALL
def test_multiply_adds_are_half_of_pytorchs_floating_point_operations(network):
    """Learned layers only; PyTorch also counts LRN's sum, which runs as a convolution."""
    made, image = on_meta(network)
    with FlopCounterMode(display=False) as counter:
        made(image)
    counted = {
        name.partition(".")[2]: sum(operations.values())
        for name, operations in counter.get_flop_counts().items()
    }
    table = by_name(network)[:-1]
    for name, row in table.iterrows():
        learned = row["kind"] in ("conv", "local", "linear")
        assert 2 * row["multiply_adds"] == (counted[name] if learned else 0), name


BLOCKS_3_TO_5 = [(384, 256, 9), (384, 192, 9), (256, 192, 9)]  # outputs, inputs seen, window
HEAD = [(4096, 9216, 1), (4096, 4096, 1), (1000, 4096, 1)]
IN_2012 = [(96, 3, 121), (256, 48, 25), *BLOCKS_3_TO_5, *HEAD]
WHOLE = [(96, 3, 121), (256, 96, 25), (384, 256, 9), (384, 384, 9), (256, 384, 9), *HEAD]
BY_HAND = {
    "lenet-5": (  # outputs, inputs seen, window, as in its paper but for c3
        156 + 2_416 + 48_120 + 10_164 + 850,
        [(6, 1, 25), (16, 6, 25), (120, 16, 25), (84, 120, 1), (10, 84, 1)],
    ),
    "alexnet-2012": (60_965_224, IN_2012),
    "alexnet-2012-code": (60_965_224, IN_2012),
    "alexnet-2012-half": (
        59_798_312,
        [(48, 3, 121), (128, 48, 25), (192, 128, 9), (192, 192, 9), (256, 192, 9), *HEAD],
    ),
    "single-tower": (62_378_344, WHOLE),
    "torchvision": (
        61_100_840,
        [(64, 3, 121), (192, 64, 25), (384, 192, 9), (256, 384, 9), (256, 256, 9), *HEAD],
    ),
    "image-folder": (58_310_023, [*WHOLE[:-1], (7, 4096, 1)]),
    "two-conv": (
        576_778,
        [(64, 3, 25), (64, 64, 25), (384, 64 * 4 * 4, 1), (192, 384, 1), (10, 192, 1)],
    ),
    "three-conv": (
        89_578,
        [(32, 3, 25), (32, 32, 25), (64, 32, 25), (10, 64 * 4 * 4, 1)],
    ),
    "conv-local-13": (  # an output of local3 and local4 is one map at one of 6×6 positions
        1_116_490,
        [
            *[(64, 3, 25), (64, 64, 25), (36 * 32, 64, 9), (36 * 32, 32, 9)],
            (10, 32 * 6 * 6, 1),
        ],
    ),
    "conv-local-11": (
        2_112_970,
        [
            *[(64, 3, 25), (64, 64, 25), (36 * 64, 64, 9), (36 * 32, 64, 9)],
            (10, 32 * 6 * 6, 1),
        ],
    ),
    "four-conv": (
        1_032_858,
        [
            *[(24, 3, 25), (48, 24, 9), (96, 48, 9), (96, 96, 9)],
            *[(1024, 96 * 3 * 3, 1), (10, 1024, 1)],
        ],
    ),
    "four-conv-towers": (  # conv2 and conv4 see one tower, half the maps
        202_202,
        [
            *[(24, 3, 25), (48, 12, 9), (96, 48, 9), (96, 48, 9)],
            *[(128, 96 * 3 * 3, 1), (10, 128, 1)],
        ],
    ),
    "five-conv-32": (
        28_714_826,
        [
            *[(64, 3, 25), (192, 64, 25), (384, 192, 9), (256, 384, 9), (256, 256, 9)],
            *[(4096, 256 * 3 * 3, 1), (4096, 4096, 1), (10, 4096, 1)],
        ],
    ),
    "zfnet": (
        62_357_608,
        [(96, 3, 49), (256, 96, 25), (384, 256, 9), (384, 384, 9), (256, 384, 9), *HEAD],
    ),
    "nin": (
        7_595_176,
        [
            *[(96, 3, 121), *[(96, 96, 1)] * 2, (256, 96, 25), *[(256, 256, 1)] * 2],
            *[(384, 256, 9), *[(384, 384, 1)] * 2, (1024, 384, 9)],
            *[(1024, 1024, 1), (1000, 1024, 1)],
        ],
    ),
    "vgg16": (
        138_357_544,
        [
            *[(64, 3, 9), (64, 64, 9), (128, 64, 9), (128, 128, 9)],
            *[(256, 128, 9), *[(256, 256, 9)] * 2, (512, 256, 9), *[(512, 512, 9)] * 5],
            *[(4096, 512 * 7 * 7, 1), *HEAD[1:]],
        ],
    ),
    "adam-augmented": (
        3_172_554,
        [
            *[(48, 3, 25), (128, 48, 25), (192, 128, 9), (192, 192, 9), (128, 192, 9)],
            *[(1024, 128 * 3 * 3, 1), (1024, 1024, 1), (10, 1024, 1)],
        ],
    ),
}


def test_every_network_has_a_sum_by_hand():
    assert BY_HAND.keys() | {"two-towers", "resnet18", "googlenet"} == ARCHITECTURES.keys()


def test_lenet_5_differs_from_its_paper_by_what_its_note_says():
    """LeCun et al. 1998, §II.B: 340,908 connections, but only 60,000 trainable parameters."""
    table = by_name(ARCHITECTURES["lenet-5"])["parameters"]
    seen = 6 * [3] + 6 * [4] + 3 * [4] + [6]  # maps of s2 that each map of c3 reads (Table I)
    published = {
        "c1": 6 * (5 * 5 + 1),
        "s2": 6 * (1 + 1),
        "c3": sum(maps * 5 * 5 + 1 for maps in seen),
        "s4": 16 * (1 + 1),
        "c5": 120 * (16 * 5 * 5 + 1),
        "f6": 84 * (120 + 1),
        "output": 0,
    }
    assert list(published.values()) == [156, 12, 1_516, 32, 48_120, 10_164, 0]
    assert sum(published.values()) == 60_000
    more = {name: table[name] - published[name] for name in published}
    assert more == {"c1": 0, "s2": -12, "c3": 900, "s4": -32, "c5": 0, "f6": 0, "output": 850}
    for number in (61_706, 60_000, 2_416, 1_516, 850):
        assert f"{number:,}" in ARCHITECTURES["lenet-5"].note
    assert table["total"] == 61_706 == 60_000 + 900 + 850 - 12 - 32


def test_parameters_of_two_towers_are_those_of_groups():
    """Each row of IN_2012 up to conv5 is two layers of half the outputs."""
    parameters = by_name(ARCHITECTURES["two-towers"])["parameters"]
    for number, (outputs, maps, window) in enumerate(IN_2012[:5], 1):
        towers = "towers2" if number < 3 else "towers5"
        for side in ("left", "right"):
            half = outputs // 2 * (maps * window + 1)
            assert parameters[f"{towers}.conv{number}_{side}"] == half
    assert list(parameters[["fc6", "fc7", "fc8"]]) == [n * (m + 1) for n, m, _ in HEAD]
    assert parameters["total"] == 60_965_224


def test_parameters_of_resnet18_by_hand():
    """A conv layer without biases and its norm are (inputs · window + 2) · outputs."""

    def normed(outputs, inputs, window):
        return outputs * (inputs * window + 2)

    first = normed(64, 3, 49) + 4 * normed(64, 64, 9)
    widened = sum(
        normed(maps, maps // 2, 9) + 3 * normed(maps, maps, 9) + normed(maps, maps // 2, 1)
        for maps in (128, 256, 512)
    )
    total = first + widened + 1000 * 513
    assert by_name(ARCHITECTURES["resnet18"]).loc["total", "parameters"] == total == 11_689_512


def test_parameters_of_googlenet_by_hand():
    """From Table 1 of the paper (#1×1, #3×3 reduce, …), with windows of 3×3 in the third branch."""
    rows = [
        *[(192, 64, 96, 128, 16, 32, 32), (256, 128, 128, 192, 32, 96, 64)],
        *[(480, 192, 96, 208, 16, 48, 64), (512, 160, 112, 224, 24, 64, 64)],
        *[(512, 128, 128, 256, 24, 64, 64), (512, 112, 144, 288, 32, 64, 64)],
        *[(528, 256, 160, 320, 32, 128, 128), (832, 256, 160, 320, 32, 128, 128)],
        (832, 384, 192, 384, 48, 128, 128),
    ]
    units = [(64, 3, 49), (64, 64, 1), (192, 64, 9)]  # outputs, inputs, window
    for inputs, one, reduce3, three, reduce5, five, pooled in rows:
        units += [(one, inputs, 1), (reduce3, inputs, 1), (three, reduce3, 9)]
        units += [(reduce5, inputs, 1), (five, reduce5, 9), (pooled, inputs, 1)]
    total = sum(outputs * (inputs * window + 2) for outputs, inputs, window in units)
    total += 1000 * (1024 + 1)
    assert by_name(ARCHITECTURES["googlenet"]).loc["total", "parameters"] == total == 6_624_904


@pytest.mark.parametrize("name", BY_HAND)
def test_parameters_are_the_sum_made_by_hand(name):
    """Each output has a weight for each value in its window of each map it sees, and a bias."""
    total, layers = BY_HAND[name]
    counts = [outputs * maps * window + outputs for outputs, maps, window in layers]
    assert sum(counts) == total  # the number as published, or as written in the book
    table = layer_table(ARCHITECTURES[name])
    assert [n for n in table["parameters"][:-1] if n] == counts
    assert table["parameters"].iloc[-1] == total


def test_the_papers_neurons():
    """Figure 2's maps, input left out; the paper rounds them to 650,000."""
    maps = [55 * 55 * 96, 27 * 27 * 256, 13 * 13 * 384, 13 * 13 * 384, 13 * 13 * 256]
    assert sum(maps) + 4096 + 4096 + 1000 == 659_272
    table = by_name(ARCHITECTURES["alexnet-2012"])
    assert table.loc["total", "neurons"] == 659_272
    assert table.loc[["pool1", "relu1", "lrn1", "dropout6"], "neurons"].sum() == 0


def test_the_table_that_tutorial_image_folder_prints():
    """Its section 1.2 (227×227 or padding 2, 1,000 classes), read off line by line."""
    printed = {
        "conv1": ((96, 55, 55), 290_400, 34_944),
        "pool1": ((96, 27, 27), 69_984, 0),
        "conv2": ((256, 27, 27), 186_624, 614_656),
        "pool2": ((256, 13, 13), 43_264, 0),
        "conv3": ((384, 13, 13), 64_896, 885_120),
        "conv4": ((384, 13, 13), 64_896, 1_327_488),
        "conv5": ((256, 13, 13), 43_264, 884_992),
        "pool5": ((256, 6, 6), 9_216, 0),
        "fc6": ((4096,), 4_096, 37_752_832),
        "fc7": ((4096,), 4_096, 16_781_312),
        "fc8": ((1000,), 1_000, 4_097_000),
    }
    for network in (
        ARCHITECTURES["image-folder"].with_classes(1000),
        ARCHITECTURES["single-tower"],
    ):
        rows = by_name(network).loc[list(printed), ["output_shape", "output_values", "parameters"]]
        assert [tuple(row) for row in rows.itertuples(index=False)] == list(printed.values())
        assert by_name(network).loc["total", "parameters"] == 62_378_344


def test_known_multiply_adds_of_alexnet():
    """Weights (without biases) times the positions at which they are used."""
    made = by_name(ARCHITECTURES["alexnet-2012"])["multiply_adds"]
    assert made["conv1"] == 96 * 3 * 11 * 11 * 55 * 55 == 105_415_200
    assert made["conv2"] == 256 * 48 * 5 * 5 * 27 * 27 == 223_948_800
    assert made["fc6"] == 9216 * 4096
    assert made["total"] == 724_406_816


def test_known_receptive_fields_of_alexnet():
    """Field and stride in input pixels, as worked out by many before us."""
    known = {
        "conv1": (11, 4),
        "pool1": (19, 8),
        "conv2": (51, 8),
        "pool2": (67, 16),
        "conv3": (99, 16),
        "conv4": (131, 16),
        "conv5": (163, 16),
        "pool5": (195, 32),
    }
    table = by_name(ARCHITECTURES["alexnet-2012"])
    for name, field_and_stride in known.items():
        assert tuple(table.loc[name, ["receptive_field", "receptive_stride"]]) == field_and_stride


def positive(network):
    """Positive weights, so that no two paths from an input pixel cancel, and a bright image."""
    made = build(network, seed=0).double()
    for parameter in made.parameters():
        parameter.data.abs_().add_(0.1)
    return made, torch.ones(1, *network.input_shape, dtype=torch.double, requires_grad=True)


def outputs_of(made, image):
    """What each module makes of ``image``, by dotted name, in the order in which they end."""
    outputs = {}
    hooks = [
        module.register_forward_hook(lambda _, __, y, name=name: outputs.update({name: y}))
        for name, module in made.named_modules()
        if name
    ]
    made(image)
    for hook in hooks:
        hook.remove()
    return outputs


def gradient_extents(network, side):
    """For each layer, which input columns the middle output and its right neighbour depend on."""
    made, image = positive(network)
    extents = {}
    for name, x in outputs_of(made, image).items():
        row, middle = x.shape[2] // 2, x.shape[3] // 2
        ends = []
        for column in (middle, middle + 1):
            (slope,) = torch.autograd.grad(x[0, :, row, column].sum(), image, retain_graph=True)
            columns = slope[0].abs().sum((0, 1)).nonzero()
            ends.append((columns.min().item(), columns.max().item()))
        assert ends[0][0] > 0 and ends[1][1] < side - 1, "clipped: the image is too small"
        extents[name] = (ends[0][1] - ends[0][0] + 1, ends[1][0] - ends[0][0])
    return extents


def assert_fields_match_gradients(network):
    table = by_name(network)[:-1]
    claimed = {
        name: (row["receptive_field"], row["receptive_stride"]) for name, row in table.iterrows()
    }
    assert claimed == gradient_extents(network, network.input_shape[2])


def thin_and_linear(network, height, width):
    """One channel, averages for maxima, no ReLU, up to the last map: the windows stay."""
    return Architecture(network.name, (1, height, width), thin(network.layers))


def thin(run):
    layers = []
    for layer in run:
        if isinstance(layer, (AdaptivePool, Flatten)):
            break
        if layer.kind == "conv":
            layers.append(replace(layer, out_channels=1, groups=1))
        elif layer.kind == "local":
            layers.append(replace(layer, out_channels=1))
        elif layer.kind == "pool":
            layers.append(replace(layer, mode="average"))
        elif getattr(layer, "across", None) == "space":
            layers.append(layer)
        elif layer.parts:
            layers.append(layer.with_parts(tuple(map(thin, layer.parts))))
    return tuple(layers)


def rows_by_gradient(network):
    """For each layer and each row of its outputs, the first and last input row with a gradient."""
    made, image = positive(network)
    rows = {}
    for name, x in outputs_of(made, image).items():
        each = torch.eye(x.shape[2], dtype=torch.double)
        (slopes,) = torch.autograd.grad(
            x[0].sum((0, 2)), image, each, retain_graph=True, is_grads_batched=True
        )
        touched = (line.nonzero().flatten().tolist() for line in slopes.abs().sum((1, 2, 4)))
        rows[name] = [(line[0], line[-1]) if line else (None, None) for line in touched]
    return rows


def assert_rows_match_gradients(network):
    table = by_name(network)
    for name, measured in rows_by_gradient(network).items():
        rows = receptive_rows(network, name)
        ends = rows[["first_seen", "last_seen"]].astype(object)
        claimed = ends.where(ends.notna(), None)
        assert list(claimed.itertuples(index=False, name=None)) == measured, name
        counts = [0 if first is None else last - first + 1 for first, last in measured]
        assert list(rows["seen"]) == counts
        assert table.loc[name, "largest_seen"] == max(counts)


@ALL
def test_receptive_fields_are_the_extents_of_gradients(network):
    width = 100 + 2 * layer_table(network)["receptive_field"].max()
    assert_fields_match_gradients(thin_and_linear(network, network.input_shape[1], width))


WINDOWS = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.booleans()),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, database=None, derandomize=True, max_examples=100)
@given(WINDOWS)
def test_random_receptive_fields_are_the_extents_of_gradients(windows):
    """Strides larger than their window leave holes, which count as inside the field."""
    layers = [
        Pool(f"w{i}", kernel, stride, min(padding, kernel // 2), "average")
        if pooling
        else Conv(f"w{i}", 1, kernel, stride, padding)
        for i, (kernel, stride, padding, pooling) in enumerate(windows)
    ]
    side = 60 + 8 * math.prod(stride for _, stride, _, _ in windows)
    assert_fields_match_gradients(Architecture("random", (1, side, side), tuple(layers)))


@ALL
def test_what_the_rows_of_each_layer_see_of_the_image_is_where_gradients_arrive(network):
    """On the network's own image: fields over its edge, pixels left over, windows hanging over."""
    _, height, width = network.input_shape
    assert_rows_match_gradients(thin_and_linear(network, height, width))


@settings(deadline=None, database=None, derandomize=True, max_examples=200)
@given(
    st.integers(1, 14),
    st.lists(
        st.tuples(*map(st.sampled_from, ([1, 2, 3, 4], [1, 2, 3], [0, 1, 2, 4])), st.booleans()),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from(["floor", "ceil"]),
)
def test_random_small_networks_see_where_gradients_arrive(side, windows, rounding):
    """More padding than window, strides that leave gaps, windows over both edges at once."""
    layers = [
        Pool(f"w{i}", kernel, stride, min(padding, kernel // 2), "average", rounding)
        if pooling
        else Conv(f"w{i}", 1, kernel, stride, padding, rounding=rounding)
        for i, (kernel, stride, padding, pooling) in enumerate(windows)
    ]
    network = Architecture("random", (1, side, 9), tuple(layers))
    try:
        layer_table(network)
    except SpecError:
        assume(False)
    assert_rows_match_gradients(network)


def test_random_nested_networks_see_where_gradients_arrive():
    """50 of convolutions and poolings, as small as they are: what each row of each layer sees."""
    checked = 0
    for seed in range(50):
        network = Nested(seed, only_windows=True).architecture
        try:
            list(trace(network))
        except SpecError:
            continue
        assert_rows_match_gradients(network)
        checked += 1
    assert checked > 35


def test_random_nested_receptive_fields_are_the_extents_of_gradients():
    """30 of them on an image that is wide enough for a field not to be clipped."""
    checked = 0
    for seed in range(30):
        network = Nested(seed, only_windows=True).architecture
        channels, height, _ = network.input_shape
        wide = network.with_input(channels, height, 600)
        try:
            list(trace(wide))
        except SpecError:
            continue
        assert_fields_match_gradients(wide)
        checked += 1
    assert checked > 20


@pytest.mark.parametrize(
    "name, first_field, last_pixel, seen",
    [
        ("alexnet-2012", (-64, 130), 226, [131, 163, 195, 195, 163, 131]),
        ("alexnet-2012-code", (-80, 146), 223, [147, 179, 211, 208, 176, 144]),
    ],
)
def test_known_rows_of_pool5(name, first_field, last_pixel, seen):
    """Padding of 2, 1, 1, 1 at 8, 16, 16, 16 pixels apart (and norm2's 2 at 8) begins before 0."""
    rows = receptive_rows(ARCHITECTURES[name], "pool5")
    whole = [(first_field[0] + 32 * i, first_field[1] + 32 * i) for i in range(6)]
    clipped = [(max(0, first), min(last_pixel, last)) for first, last in whole]
    assert list(zip(rows["first"], rows["last"])) == whole
    assert list(zip(rows["first_seen"], rows["last_seen"])) == clipped
    assert list(rows["seen"]) == seen
    assert by_name(ARCHITECTURES[name]).loc["pool5", "largest_seen"] == max(seen)


def test_a_row_of_outputs_over_padding_alone_sees_nothing():
    network = Architecture("wide", (1, 2, 2), (Conv("c", 1, kernel=1, padding=1),))
    rows = receptive_rows(network, "c")
    assert list(rows["first"]) == list(rows["last"]) == [-1, 0, 1, 2]
    assert list(rows["seen"]) == [0, 1, 1, 0]
    assert rows["first_seen"].isna().tolist() == [True, False, False, True]


@pytest.mark.parametrize("name", ["avgpool", "flatten", "fc8"])
def test_rows_are_refused_where_fields_have_ended(name):
    with pytest.raises(SpecError, match=f"'{name}'.*receptive fields end at"):
        receptive_rows(ARCHITECTURES["torchvision"], name)
    with pytest.raises(SpecError, match="no layer 'conv9'; its layers are conv1"):
        receptive_rows(ARCHITECTURES["torchvision"], "conv9")


@ALL
def test_receptive_columns_are_empty_once_every_pixel_is_seen(network):
    table = layer_table(network)
    ends = [isinstance(x, (AdaptivePool, Flatten)) for _, x in network.named_layers()].index(True)
    for column in ("receptive_field", "receptive_stride", "largest_seen"):
        assert table[column][:ends].notna().all()
        assert table[column][ends:].isna().all()


@ALL
def test_the_last_row_adds_up_what_can_be_added_up(network):
    table = layer_table(network)
    rows, total = table[:-1], table.iloc[-1]
    assert list(rows["name"]) == [name for name, _ in network.named_layers()]
    assert total["name"] == "total"
    for column in ("output_values", "neurons", "weights", "biases", "parameters", "multiply_adds"):
        assert total[column] == sum(rows[column])
        assert table[column].dtype == "Int64"
    assert total["activation_bytes"] == 4 * total["output_values"]  # float32
    assert list(rows["activation_bytes"]) == [4 * n for n in rows["output_values"]]


def test_a_small_table_in_full():
    """Every column of a network small enough to do in one's head."""
    network = Architecture(
        "small",
        (2, 6, 8),
        (
            Conv("c", 3, kernel=3, stride=2, padding=1, bias=False),
            ReLU("r"),
            Pool("p", kernel=2, stride=1),
            Flatten("flat"),
            Dropout("d"),
            Linear("f", 5),
        ),
    )
    columns = (
        "name kind output_shape output_values neurons weights biases parameters multiply_adds "
        "activation_bytes receptive_field receptive_stride largest_seen"
    )
    rows = [
        ("c", "conv", (3, 3, 4), 36, 36, 54, 0, 54, 54 * 12, 144, 3, 2, 3),
        ("r", "relu", (3, 3, 4), 36, 0, 0, 0, 0, 0, 144, 3, 2, 3),
        ("p", "pool", (3, 2, 3), 18, 0, 0, 0, 0, 0, 72, 5, 2, 5),
        ("flat", "flatten", (18,), 18, 0, 0, 0, 0, 0, 72, None, None, None),
        ("d", "dropout", (18,), 18, 0, 0, 0, 0, 0, 72, None, None, None),
        ("f", "linear", (5,), 5, 5, 90, 5, 95, 90, 20, None, None, None),
        ("total", "", (), 131, 41, 144, 5, 149, 738, 524, None, None, None),
    ]
    table = layer_table(network)
    assert list(table.columns) == columns.split()
    table = table.astype(object).where(table.notna(), None)
    assert list(table.itertuples(index=False, name=None)) == rows
