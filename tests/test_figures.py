"""Every figure draws what its data says and leaves no figure open."""

import json
import re
from collections import Counter
from itertools import combinations
from xml.etree import ElementTree

import matplotlib

matplotlib.use("Agg")  # before pyplot is imported: no window anywhere

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Annotation, Text

from alexnet_course import figures
from alexnet_course.architectures import ARCHITECTURES, Architecture
from alexnet_course.layers import Conv, Flatten, Linear, Parallel, Pool, Residual
from alexnet_course.training import History

ALEXNET = ARCHITECTURES["alexnet-2012"]
CASES = [
    ("no padding", 224, 11, 4, 0, "floor"),
    ("padding 2", 224, 11, 4, 2, "floor"),
    ("227 pixels", 227, 11, 4, 0, "floor"),
    ("rounded up", 224, 11, 4, 0, "ceil"),
]
ACCURACY = {"train_accuracy": [40.0, 60.0], "test_accuracy": [45.0, 55.0]}
EPOCHS = {"epoch": [1, 2], "train_loss": [2.0, 1.0], "test_loss": [1.8, 1.2], **ACCURACY}
RUNS = pd.DataFrame(
    [
        {"arm": arm, "seed": seed, "epoch": epoch, "test_accuracy": 10.0 * epoch + seed}
        for arm in ("a", "b", "unasked")
        for seed in (0, 2)
        for epoch in (1, 2, 3)
    ]
)
LINES = pd.DataFrame({"torch": [1.0, 0.1, 0.1], "paper": [1.0, 0.9, 0.81]}, index=[5, 6, 7])
RACE = pd.DataFrame(
    {
        "tutorial": ["a", "a", "a", "b", "c", "c"],
        "way": ["published", "well", "shortest", "published", "well", "shortest"],
        "seconds": [1000, 800, 100, 5000, 6000, 3000],
        "accuracy": [70.0, 80.0, 72.0, 75.0, 85.0, 83.0],
    }
)
INTERVALS = pd.DataFrame(
    {"mean": [1.5, -0.5], "half_width": [0.5, 2.0], "paper": [1.4, float("nan")]},
    index=["without", "with"],
)
SVG = "http://www.w3.org/2000/svg"
DRAW = {
    "draw_colours": lambda: figures.draw_colours(torch.rand(50, 3), torch.eye(3) / 10),
    "draw_network": lambda: figures.draw_network(ALEXNET),
    "draw_network_across": lambda: figures.draw_network_across(ALEXNET),
    "draw_receptive_fields": lambda: figures.draw_receptive_fields(ALEXNET, ["conv1", "pool5"]),
    "draw_windows": lambda: figures.draw_windows(CASES),
    "plot_bars": lambda: figures.plot_bars(
        pd.DataFrame({"x": [1.5, 2.0], "y": [3.0, 4.0]}, index=["one", "two"]), "length"
    ),
    "plot_confusion": lambda: figures.plot_confusion(
        pd.DataFrame([[5, 2], [1, 6]], ["cat", "dog"], ["cat", "dog"])
    ),
    "plot_history": lambda: figures.plot_history(
        History("test", pd.DataFrame(EPOCHS).to_dict("records"))
    ),
    "plot_lines": lambda: figures.plot_lines(LINES, "step", "move", log=True),
    "plot_intervals": lambda: figures.plot_intervals(INTERVALS, "points"),
    "plot_points": lambda: figures.plot_points(
        pd.DataFrame({"told": [1.5, 900.0], "expected": [2.0, 800.0]}, ["one", "two"]), "minutes"
    ),
    "plot_panels": lambda: figures.plot_panels(
        pd.DataFrame({"work": [1.0, 30.0], "then": [3.0, 2.0], "now": [2.0, 2.5]}, ["one", "two"]),
        {"cost": ["work"], "error": ["then", "now"]},
    ),
    "plot_race": lambda: figures.plot_race(RACE),
    "plot_reliability": lambda: figures.plot_reliability(
        pd.DataFrame({"sure": [45.0, 92.0], "right": [40.0, 95.0], "images": [10, 90]})
    ),
    "plot_runs": lambda: figures.plot_runs(RUNS, "test_accuracy", {"a": "first", "b": "second"}),
    "plot_shares": lambda: figures.plot_shares(
        ALEXNET, {"parameters": "parameters", "multiply_adds": "multiply-adds"}
    ),
    "show_channel": lambda: figures.show_channel(
        "conv1, channel 3",
        torch.zeros(9, 3, 5, 5, dtype=torch.uint8),
        list("abcdefghi"),
        {"answer": pd.Series(range(8), pd.Index(range(0, 160, 20), name="angle"))},
        torch.ones(3, 5, 5),
    ),
    "show_kernels": lambda: figures.show_kernels({"one": torch.ones(3, 3, 5, 5)}, 2),
    "show_maps": lambda: figures.show_maps(
        torch.zeros(3, 8, 8, dtype=torch.uint8), {"conv1": torch.rand(6, 8, 8)}
    ),
    "show_occlusion": lambda: figures.show_occlusion(
        torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.ones(2, 8, 8), ["cat", "dog"]
    ),
    "show_images": lambda: figures.show_images(
        torch.arange(3 * 3 * 4 * 4, dtype=torch.uint8).reshape(3, 3, 4, 4), ["u", "v", "w"], 2
    ),
}


@pytest.mark.parametrize("name", DRAW)
def test_a_drawing_is_the_same_text_each_time_and_well_formed(name):
    svg = DRAW[name]().svg()
    ElementTree.fromstring(svg)
    if name not in ("draw_colours", "show_images", "show_maps"):  # of random images
        assert DRAW[name]().svg() == svg


def words(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{{{SVG}}}text")]


def test_the_words_of_a_drawing_are_text_and_keep_their_digits():
    table = pd.DataFrame({"alpha = 0.0001": [0.001, 0.0015, 0.002]}, index=[1, 2, 3])
    svg = figures.plot_lines(table, "step, of 1.2345", "rate").svg()
    assert {"alpha = 0.0001", "step, of 1.2345", "rate"} <= set(words(svg))
    assert not re.search(r"\d\.\d{3}", re.sub(r">[^<]*<", "><", svg))  # places have two decimals


def test_two_drawings_of_a_page_share_no_name():
    one, other = (figures.plot_bars(pd.DataFrame({"x": [n]}), "length").svg() for n in (1.0, 2.0))
    names = [set(re.findall(r'id="([^"]+)"', svg)) for svg in (one, other)]
    assert names[0] and not names[0] & names[1]
    for svg, own in zip((one, other), names, strict=True):
        assert set(re.findall(r'url\(#([^)]+)|href="#([^"]+)', svg)) <= {
            pair for name in own for pair in ((name, ""), ("", name))
        }


def test_a_chart_carries_its_data():
    svg = figures.plot_lines(LINES, "step", "move").svg()
    data = json.loads(ElementTree.fromstring(svg).find(f"{{{SVG}}}metadata").text)
    assert data == {
        "headings": ["", "torch", "paper"],
        "rows": [[str(i), *map("{:.4g}".format, row)] for i, row in LINES.iterrows()],
    }
    fine = pd.DataFrame({"y": [1 / 3]}, index=[-4.800000095367432])
    assert figures.plot_lines(fine, "x", "y").table.rows == [["-4.8", "0.3333"]]
    many = pd.DataFrame({"a & b < c": range(1000)})
    held = figures.plot_lines(many, "x", "y").table
    assert held.headings == ["", "a & b < c"] and 30 < len(held.rows) <= 61
    assert [held.rows[0][0], held.rows[-1][0]] == ["0", "999"]
    ElementTree.fromstring(figures.plot_lines(many, "x", "y").svg())


def rectangles(axis):
    return [patch for patch in axis.patches if isinstance(patch, Rectangle)]


def test_every_public_figure_is_drawn_here():
    assert DRAW.keys() == set(figures.__all__)


@pytest.mark.parametrize("name", DRAW)
def test_a_figure_has_drawn_something_and_is_closed(name):
    """Closed, it's shown once, as the value of a cell; the style of other plots stays."""
    plt.close("all")
    size, colour = plt.rcParams["font.size"], plt.rcParams["grid.color"]
    figure = DRAW[name]()
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == []
    assert (plt.rcParams["font.size"], plt.rcParams["grid.color"]) == (size, colour)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    assert figure.axes
    for axis in figure.axes:
        if name in ("show_images", "show_maps") and not (axis.get_title() or axis.images):
            continue  # a row is not full
        assert axis.patches or axis.lines or axis.images or axis.collections
    pixels = np.asarray(canvas.buffer_rgba())
    assert (pixels[0, 0] >= 254).all()  # opaque, and as good as white
    assert (pixels[..., :3] != 255).any()


def test_titles_of_windows_carry_the_counted_positions():
    """(224 − 11)/4 leaves one pixel; padding 2 or three more pixels give the paper's 55."""
    titles = [axis.get_title(loc="left").strip() for axis in DRAW["draw_windows"]().axes]
    assert titles == [
        "no padding: 54 positions  1 px unused",
        "padding 2: 55 positions  1 px unused",
        "227 pixels: 55 positions",
        "rounded up: 55 positions  3 px over",
    ]


def test_the_last_window_is_drawn_where_it_falls():
    """The 55th window of stride 4 starts at 216 (at 214 with 2 pixels of padding before it)."""
    axes = DRAW["draw_windows"]().axes
    starts = [max(r.get_x() for r in rectangles(axis) if r.get_width() == 11) for axis in axes]
    assert starts == [212, 214, 216, 216]


def arrows(axis):
    """Each as ``(from x, to x)``, by the height at which it ends, from the top down."""
    drawn = [text for text in axis.texts if isinstance(text, Annotation)]
    found = sorted((-arrow.xy[1], arrow.xyann[0], arrow.xy[0]) for arrow in drawn)
    return [
        [(start, end) for at, start, end in found if at == height]
        for height in dict.fromkeys(at for at, _, _ in found)
    ]


def test_all_layers_but_the_input_and_the_last_stand_in_two_towers():
    """3 poolings, 5 conv layers and fc6 and fc7, each half as large as its shape beside it."""
    axis = DRAW["draw_network"]().axes[0]
    assert len(rectangles(axis)) == 1 + 2 * (3 + 5 + 2) + 1
    texts = [text.get_text() for text in axis.texts if text.get_text()]
    assert {"input", "conv1", "fc8", "3×227×227", "96×55×55", "1000"} <= set(texts)
    assert "relu1" not in texts
    assert [texts.count(each) for each in ("48", "128", "192", "2048")] == [2, 4, 4, 4]
    assert all(text.get_rotation() == 0 for text in axis.texts)


def test_towers_cross_into_conv3_and_the_linear_layers_only():
    left, right = -1, 1
    axis = DRAW["draw_network"]().axes[0]
    stay = [(left, left), (right, right)]
    cross = [(left, left), (left, right), (right, left), (right, right)]
    ends = [[(np.sign(a), np.sign(b)) for a, b in each] for each in arrows(axis)]
    assert ends == [stay, stay, cross, stay, stay, cross, cross, [(left, 0), (right, 0)]]


def test_across_the_page_the_same_blocks_and_arrows_are_drawn_from_left_to_right():
    """Each of the 22 blocks is on the right of those before it; the last layer's reads both."""
    axis, down = DRAW["draw_network_across"]().axes[0], DRAW["draw_network"]().axes[0]
    blocks, upright = rectangles(axis), rectangles(down)
    assert [b.get_facecolor() for b in blocks] == [b.get_facecolor() for b in upright]
    assert [b.get_height() for b in blocks] == [b.get_width() for b in upright]
    lefts = [block.get_x() for block in blocks]
    assert lefts == sorted(lefts) and len(set(lefts)) == 12
    ends = [
        (np.sign(text.xyann[1]), np.sign(text.xy[1]), to_hex(text.arrow_patch.get_edgecolor()))
        for text in axis.texts
        if isinstance(text, Annotation)
    ]
    crossing = [(a, b) for a, b, colour in ends if colour == figures.RED.lower()]
    both = [(-1, 1), (1, -1)]
    assert Counter(crossing) == Counter(3 * both + [(-1, 0), (1, 0)])
    assert len(ends) == 8 * 2 + 3 * 2
    words = [text.get_text() for text in axis.texts if text.get_text()]
    names = [f"conv{n}" for n in range(1, 6)] + ["fc6", "fc7", "fc8"]
    assert [word for word in words if word.isalnum() and not word.isdigit()] == ["input", *names]
    assert [words.count(each) for each in ("48", "128", "192", "2048")] == [2, 4, 4, 4]


def test_a_network_without_groups_is_one_tower_and_its_last_layer_is_drawn_to_scale():
    """Nothing crosses; the widths of fc6, fc7 and fc8 are as 4096, 4096 and 1000."""
    axis = figures.draw_network(ARCHITECTURES["torchvision"]).axes[0]
    assert arrows(axis) == [[(0, 0)]] * 8
    assert axis.get_legend() is None
    fc6, fc7, fc8 = (block.get_width() for block in rectangles(axis)[-3:])
    assert fc6 == fc7 and fc8 == pytest.approx(fc6 * 1000 / 4096)


def test_locally_connected_layers_are_drawn_and_counted_as_learned():
    network = ARCHITECTURES["conv-local-11"]
    axis = figures.draw_network(network).axes[0]
    assert len(rectangles(axis)) == 8  # input, 2 conv, 2 pool, 2 local, fc5
    assert arrows(axis) == [[(0, 0)]] * 5
    columns = {"parameters": "parameters", "multiply_adds": "work"}
    parameters, work = figures.plot_shares(network, columns).axes
    for axis, share in ((parameters, 1_329_408 / 2_112_970), (work, 1_327_104 / 19_512_576)):
        widths = [bar.get_width() for bar in rectangles(axis)]
        assert len(widths) == 5 and widths[2] == pytest.approx(100 * share)


def learned_layers(network):
    return [(name, x) for name, x in network.named_layers() if x.kind in ("conv", "linear")]


@pytest.mark.parametrize("name", ["two-towers", "resnet18", "googlenet"])
def test_the_layers_inside_composites_are_drawn(name):
    """Each learned layer has a block of its colour and its own name; so has each composite."""
    network = ARCHITECTURES[name]
    axis = figures.draw_network(network).axes[0]
    colours = Counter(to_hex(block.get_facecolor()) for block in rectangles(axis))
    kinds = Counter(layer.kind for _, layer in network.named_layers())
    sliding = sum(isinstance(layer, Pool) for _, layer in network.named_layers())
    joints = kinds["residual"] + kinds["parallel"]
    expected = {"conv": kinds["conv"], "linear": kinds["linear"], "pool": sliding, "": joints + 1}
    drawn = {
        kind: colours[figures.KIND_COLOURS.get(kind, figures.GREY).lower()] for kind in expected
    }
    assert drawn == expected
    texts = Counter(text.get_text() for text in axis.texts)
    for wanted, count in Counter(layer.name for _, layer in learned_layers(network)).items():
        assert texts[wanted] == count, wanted
    bars = figures.plot_shares(network, {"parameters": "parameters"}).axes[0]
    named = [label.get_text() for label in bars.get_yticklabels()]
    assert named == [name for name, _ in learned_layers(network)]


NESTED = Architecture(
    "nested",
    (3, 32, 32),
    (
        Parallel(
            "first",
            (
                (Conv("conv1", 8, 3, padding=1),),
                (),
                (
                    Conv("a", 4, 3, padding=1),
                    Residual(
                        "inner",
                        (
                            Parallel(
                                "deep",
                                (
                                    (Conv("c", 2, 3, padding=1),),
                                    (Conv("with_a_long_name", 2, 3, padding=1),),
                                ),
                            ),
                        ),
                    ),
                    Pool("pool", 3, 1, padding=1),
                ),
            ),
        ),
        Residual("second", (Conv("c", 15, 3, padding=1),)),
        Flatten("flatten"),
        Parallel("heads", ((Linear("fc1", 10),), (Linear("fc2", 20),))),
        Linear("fc", 10),
    ),
)


@pytest.mark.parametrize(
    ("draw", "network"),
    [
        *((figures.draw_network, ARCHITECTURES[name]) for name in ("alexnet-2012", "resnet18")),
        (figures.draw_network, ARCHITECTURES["two-towers"]),
        (figures.draw_network, NESTED),
        (figures.draw_network_across, ALEXNET),
        (figures.draw_network_across, ARCHITECTURES["torchvision"]),
    ],
    ids=lambda part: part.__name__ if callable(part) else part.name,
)
def test_nothing_in_a_drawing_of_a_network_lies_over_anything_else(draw, network):
    """Blocks over blocks, or names over blocks or names, or beyond the edge of the picture."""
    figure = draw(network)
    FigureCanvasAgg(figure).draw()
    axis = figure.axes[0]
    blocks = [block.get_window_extent() for block in rectangles(axis)]
    words = [
        Text.get_window_extent(text)
        for text in axis.texts
        if text.get_text() and text.get_color() != "white"
    ]
    for one, other in combinations([*blocks, *words], 2):
        assert not (one.padded(-1).overlaps(other.padded(-1))), (one, other)
    inside = [
        (text.get_window_extent(), text.get_text())
        for text in axis.texts
        if text.get_color() == "white"
    ]
    for extent, text in inside:
        assert any(block.x0 <= extent.x0 and extent.x1 <= block.x1 for block in blocks), text
    whole = figure.bbox.padded(1)
    assert all(whole.x0 <= box.x0 and box.x1 <= whole.x1 for box in [*blocks, *words])


def test_arrows_lead_through_every_part_of_a_residual_block():
    """Into the convolution, and from both parts into the sum; the shortcut begins as a line."""
    layers = (Residual("block", (Conv("conv", 3, 3, padding=1),)), Flatten("flatten"))
    axis = figures.draw_network(Architecture("one", (3, 8, 8), layers)).axes[0]
    (into_conv,), into_sum = arrows(axis)
    conv, shortcut = into_conv[1], max(start for start, _ in into_sum)
    assert into_conv[0] == 0 and conv < 0 < shortcut
    assert sorted(start for start, _ in into_sum) == [conv, shortcut]
    assert any(list(line.get_xdata()) == [0, shortcut] for line in axis.lines)


def test_receptive_fields_are_drawn_where_a_value_has_them():
    """conv1's 28th of 55 values begins at 27·4; pool5's third of six sees 0–194 (a gradient says so
    in test_arithmetic), and none sees the 195 pixels around the middle."""
    image, *fields = rectangles(DRAW["draw_receptive_fields"]().axes[0])
    assert image.get_width() == 227
    assert [(r.get_xy(), r.get_width(), r.get_height()) for r in fields] == [
        ((108, 108), 11, 11),
        ((0, 0), 195, 195),
    ]


def test_shares_are_per_cent_of_all_learned_layers():
    parameters, work = DRAW["plot_shares"]().axes
    for axis in (parameters, work):
        widths = [bar.get_width() for bar in rectangles(axis)]
        assert len(widths) == 8 and sum(widths) == pytest.approx(100)
    fc6 = rectangles(parameters)[5].get_width()
    assert fc6 == pytest.approx(100 * 37_752_832 / 60_965_224)


def test_bars_are_as_long_as_their_values():
    axis = DRAW["plot_bars"]().axes[0]
    assert sorted(bar.get_width() for bar in rectangles(axis)) == [1.5, 2.0, 3.0, 4.0]
    assert axis.get_xlabel() == "length"


def test_points_stand_in_the_line_of_their_row():
    axis = DRAW["plot_points"]().axes[0]
    drawn = {line.get_label(): [*zip(line.get_ydata(), line.get_xdata())] for line in axis.lines}
    assert drawn == {"told": [(0, 1.5), (1, 900.0)], "expected": [(0, 2.0), (1, 800.0)]}
    assert [label.get_text() for label in axis.get_yticklabels()] == ["one", "two"]
    assert axis.get_xscale() == "log" and axis.yaxis_inverted()
    (axis,) = figures.plot_points(pd.DataFrame({"a": [20.0, 30.0]}), "%", log=False).axes
    assert axis.get_xscale() == "linear" and axis.get_xlim()[0] == 0


def test_panels_have_a_marker_for_each_column_they_name():
    cost, error = DRAW["plot_panels"]().axes
    drawn = [
        [[*zip(line.get_ydata(), line.get_xdata())] for line in a.lines] for a in (cost, error)
    ]
    assert drawn == [[[(0, 1.0), (1, 30.0)]], [[(0, 3.0), (1, 2.0)], [(0, 2.0), (1, 2.5)]]]
    assert [cost.get_xscale(), error.get_xscale()] == ["log", "linear"]
    assert [text.get_text().strip() for text in cost.texts] == ["1", "30"] and not error.texts
    (legend,) = cost.figure.legends
    assert [text.get_text() for text in legend.texts] == ["then", "now"]


def test_a_history_is_drawn_with_its_held_out_set():
    loss, accuracy = DRAW["plot_history"]().axes
    assert [list(line.get_ydata()) for line in loss.lines] == [[2.0, 1.0], [1.8, 1.2]]
    assert [list(line.get_ydata()) for line in accuracy.lines] == list(ACCURACY.values())
    assert [text.get_text() for text in loss.figure.legends[0].texts] == ["training", "test"]


def test_runs_are_thin_lines_with_a_thick_mean_for_each_arm_asked_for():
    axis = DRAW["plot_runs"]().axes[0]
    assert len(axis.lines) == 2 * (2 + 1)
    thick = [line for line in axis.lines if line.get_linewidth() > 1]
    assert [list(line.get_ydata()) for line in thick] == [[11.0, 21.0, 31.0]] * 2
    labels = [text.get_text() for text in axis.figure.legends[0].texts]
    assert labels == ["first (2 seeds)", "second (2 seeds)"]


def test_lines_stand_over_the_index_of_their_table():
    axis = DRAW["plot_lines"]().axes[0]
    assert axis.get_yscale() == "log"
    assert [line.get_label() for line in axis.lines] == ["torch", "paper"]
    assert axis.lines[1].get_xydata().tolist() == [[5, 1.0], [6, 0.9], [7, 0.81]]
    assert all(tick == round(tick) for tick in axis.get_xticks())


def test_a_function_has_the_same_colour_in_every_figure():
    here = figures._looks(["sigmoid", "ReLU"])
    there = figures._looks(["ReLU, rate 0.1", "tanh", "ReLU, rate 0.3", "ReLU-like"])
    named = [here["ReLU"], there["ReLU, rate 0.1"], there["ReLU, rate 0.3"]]
    assert {look["color"] for look in named} == {figures.BLUE}
    assert len({look["color"] for look in there.values()}) == 3
    assert len({look["linestyle"] for look in there.values()}) == 4  # and without colours too
    many = figures._looks(range(11))
    assert len({tuple(look.values()) for look in many.values()}) == 11


def test_a_race_has_a_point_for_each_way_and_arrows_from_the_published_one():
    axis = DRAW["plot_race"]().axes[0]
    points = [line.get_xydata()[0].tolist() for line in axis.lines]
    assert points == list(map(list, zip(RACE["seconds"], RACE["accuracy"], strict=True)))
    assert [line.get_markerfacecolor() == "white" for line in axis.lines] == [1, 0, 0, 1, 0, 0]
    arrows = [t for t in axis.texts if t.arrow_patch is not None]
    ends = [(t.xyann, t.xy) for t in arrows]
    assert ends == [((1000, 70.0), (800, 80.0)), ((1000, 70.0), (100, 72.0))]
    named = [text.get_text() for text in axis.figure.legends[0].get_texts()]
    assert named == ["a", "b", "c", "published", "well", "shortest"]
    # Each tutorial has a colour of its own and each way a marker, as the legend says.
    shown = dict(zip(named, axis.figure.legends[0].get_lines(), strict=True))
    for line, row in zip(axis.lines, RACE.itertuples(), strict=True):
        assert line.get_color() == shown[row.tutorial].get_color()
        assert line.get_marker() == shown[row.way].get_marker()
    assert len({line.get_color() for line in axis.lines}) == 3
    assert {shown[way].get_marker() for way in ("well", "shortest")} == {"o", "s"}


def test_intervals_reach_half_a_width_to_either_side_and_the_papers_figure_stands_beside():
    axis = DRAW["plot_intervals"]().axes[0]
    (bars,) = axis.containers
    (lines,) = (part for part in bars.lines[2])
    assert [segment[:, 0].tolist() for segment in lines.get_segments()] == [[1, 2], [-2.5, 1.5]]
    paper = next(line for line in axis.lines if line.get_label() == "paper")
    assert paper.get_xydata()[0].tolist() == [1.4, 0]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["without", "with"]
    bottom, top = axis.get_ylim()
    assert bottom > top  # the first row stands on top


def test_pooled_intervals_stand_on_the_same_means():
    table = INTERVALS.assign(pooled=[0.25, 1.0])
    axis = figures.plot_intervals(table, "points").axes[0]
    (bars,) = (c for c in axis.collections if c.get_label() == "pooled")
    assert [segment[:, 0].tolist() for segment in bars.get_segments()] == [
        [1.25, 1.75],
        [-1.5, 0.5],
    ]
    assert [text.get_text() for text in axis.figure.legends[0].get_texts()][-1] == "measured"


def test_images_are_shown_under_their_labels():
    axes = DRAW["show_images"]().axes
    assert [axis.get_title() for axis in axes] == ["u", "v", "w", ""]
    assert [len(axis.images) for axis in axes] == [1, 1, 1, 0]
    first = np.arange(48).reshape(3, 4, 4)
    assert (np.asarray(axes[0].images[0].get_array()) == first.transpose(1, 2, 0)).all()


def test_kernels_are_grey_where_a_weight_is_0_and_each_is_as_strong_as_the_others():
    kernels = torch.zeros(3, 3, 2, 2)
    kernels[0, 0, 0, 0], kernels[1, 2, 1, 1] = 4.0, -0.5
    picture = np.asarray(figures.show_kernels({"": kernels}, 2).axes[0].images[0].get_array())
    assert picture.shape == (5, 5, 4)  # two rows of two, with gaps
    assert picture[0, 0].tolist() == [1, 0.5, 0.5, 1] and picture[0, 1, 0] == 0.5
    assert picture[1, 4].tolist() == [0.5, 0.5, 0, 1]  # blue is least where it has the largest
    assert (picture[2, :, 3] == 0).all() and (picture[:, 2, 3] == 0).all()  # gaps are clear
    assert (picture[3:, 3:, 3] == 0).all()  # there is no fourth
