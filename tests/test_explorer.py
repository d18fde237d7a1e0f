"""The rules of layers that pages have, in JavaScript, against those of the package."""

import json
import os
import re
from html import unescape
from pathlib import Path

import pytest
import torch

from alexnet_course.architectures import ARCHITECTURES
from alexnet_course.arithmetic import format_table, layer_rows
from alexnet_course.config import plain
from alexnet_course.explorer import kinds_of_layers, networks, schema
from alexnet_course.layers import (
    LRN,
    Composite,
    Dropout,
    LocallyConnected,
    SpecError,
    window_positions,
)
from built import ROOT
from networks_at_random import built, many

EVERY = bool(os.environ.get("ALEXNET_COURSE_EVERY"))  # 'make access': 10,000 networks
RULES = ROOT / "book" / "_static" / "explorer" / "layers.js"
ASK = """given => given.map(network => {
  try {
    return {rows: rules.table(network)};
  } catch (error) {
    if (!(error instanceof rules.SpecError)) throw error;
    return {error: error.message};
  }
})"""


@pytest.fixture(scope="module")
def in_page(browser):
    """What the page's rules say of networks in plain data: rows, or an error."""
    page = browser.new_page()
    page.add_script_tag(path=RULES)
    page.evaluate("schema => { window.rules = layerRules(schema); }", schema())
    yield lambda given, ask=ASK: page.evaluate(ask, given)
    page.close()


def in_python(given):
    try:
        rows = layer_rows(built(given))
    except SpecError as error:
        return {"error": str(error)}
    return {"rows": json.loads(json.dumps(rows))}


def test_every_kind_of_layer_is_described():
    assert set(schema()["layers"]) == set(kinds_of_layers()) > {"Conv", "LRN", "Parallel"}
    assert all(words["words"] for kind in schema()["layers"].values() for words in kind["fields"])


def test_every_network_of_the_course_has_the_same_table_in_a_page(in_page):
    given = list(networks().values())
    assert in_page(given) == [in_python(network) for network in given]


@pytest.mark.parametrize("seed", range(5 if EVERY else 1))
def test_random_networks_and_edits_have_the_same_rows_and_errors(in_page, seed):
    given = many(2_000, seed)
    expected = [in_python(network) for network in given]
    kinds = ["rows" in answer for answer in expected]
    assert 400 < sum(kinds) < 1_600  # sound ones and others
    for network, ours, theirs in zip(given, expected, in_page(given), strict=True):
        assert theirs == ours, network


@pytest.mark.parametrize(
    "field, value, layer",
    [("groups", 3, "block3.conv1"), ("kernel", 99, "block3.conv1"), ("stride", 1, "block3")],
)
def test_an_error_inside_a_layer_says_where(in_page, field, value, layer):
    network = networks()["resnet18"]
    block = next(each for each in network["layers"] if each["name"] == "block3")
    block["branch"][0][field] = value
    error, rows = in_page(
        network, "n => { const {rows, error} = rules.attempt(n); return [error.layer, rows]; }"
    )
    assert error == layer
    outside = [row["name"] for row in rows if "." not in row["name"]]
    assert outside[-1] == "relu_block2"


# A network in other words


@pytest.fixture(scope="module")
def texts(browser):
    """Calls one of the page's functions on each of several networks in plain data."""
    page = browser.new_page()
    page.add_script_tag(path=RULES)
    page.add_script_tag(path=RULES.with_name("texts.js"))
    page.evaluate(
        "([schema, networks]) => { window.texts = "
        "layerTexts(schema, networks, layerRules(schema)); }",
        [schema(), networks()],
    )
    yield lambda name, given: page.evaluate(f"given => given.map(texts.{name})", given)
    page.close()


@pytest.fixture(scope="module")
def sound():
    """The course's networks, and some that a reader might make."""
    made = (given for given in many(600, seed=9) if "rows" in in_python(given))
    return [*networks().values(), *made]


def test_an_address_leads_back_to_the_network(texts, sound):
    addresses = texts("toAddress", sound)
    back = texts("fromAddress", addresses)
    assert [plain(built(network)) for network in back] == [plain(built(each)) for each in sound]
    edited = networks()["alexnet-2012"]
    edited["layers"][0]["stride"] = 2
    assert texts("toAddress", [networks()["two-conv"], edited]) == [
        "network=two-conv",
        "network=alexnet-2012&conv1.stride=2",
    ]
    edited = networks()["resnet18"]
    edited["layers"][4]["branch"][0]["stride"] = 2
    assert texts("toAddress", [edited]) == ["network=resnet18&block1.conv1.stride=2"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "network=nobody",
        "network=two-conv&layers=%%%",
        "network=two-conv&fc9.kernel=3",
        "network=resnet18&block1.conv9.kernel=3",
        "input=3",
    ],
)
def test_an_address_that_says_no_network_is_none(texts, address):
    assert texts("fromAddress", [address]) == [None]


def test_python_makes_the_same_network(texts, sound):
    for network, code in zip(sound, texts("asPython", sound), strict=True):
        names = {}
        exec(code, names)
        assert plain(names["network"]) == plain(built(network))


def test_pytorch_alone_has_the_same_sizes_and_parameters(texts, sound):
    whole = 0
    for network, made in zip(sound, texts("asSequential", sound), strict=True):
        architecture = built(network)
        rows = layer_rows(architecture)
        if rows[-1]["parameters"] > 5_000_000:
            continue
        lacking = [name for name, x in architecture.named_layers() if _has_no_module(x)]
        assert made["without"] == [name for name in lacking if "." not in name]
        if lacking:
            continue
        names = {}
        exec(made["text"], names)
        with torch.no_grad():
            output = names["network"].eval()(torch.zeros(1, *architecture.input_shape))
        assert tuple(output.shape[1:]) == rows[-2]["output_shape"], network
        counted = sum(p.numel() for p in names["network"].parameters())
        assert counted == rows[-1]["parameters"]
        whole += 1
    assert whole > 40


def _has_no_module(layer):
    return (
        isinstance(layer, (Composite, LocallyConnected))
        or (isinstance(layer, LRN) and (layer.groups, layer.across) != (1, "channels"))
        or (isinstance(layer, Dropout) and (layer.at_test or layer.scaled == "test"))
    )


def test_a_spreadsheet_gets_what_the_command_prints(texts, sound):
    expected = [format_table(built(network), "csv") for network in sound[:60]]
    assert texts("asCsv", sound[:60]) == expected


# The page


@pytest.fixture
def explorer(browser, site):
    """The explorer, opened from a folder as a reader without a network would, at an address."""
    contexts, errors = [], []

    def open_page(address=""):
        context = browser.new_context(viewport={"width": 1200, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto((site.folder / "book" / "explorer.html").as_uri() + address)
        page.locator(".explorer-layers > li").first.wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def parameters(page):
    return page.locator(".explorer-sums dd").first.inner_text()


def field(page, name, of):
    return page.get_by_label(f"{name} of {of}", exact=True)


def test_all_follows_from_a_change_and_can_be_undone(explorer):
    page = explorer()
    assert parameters(page) == "60,965,224"
    stride = field(page, "stride", "conv1")
    stride.fill("2")
    assert parameters(page) == "174,211,432"  # chapter 1's first success
    assert page.url.endswith("#network=alexnet-2012&conv1.stride=2")
    assert stride.evaluate("input => input === document.activeElement")
    page.get_by_role("button", name="Undo").click()
    assert (parameters(page), stride.input_value()) == ("60,965,224", "4")
    page.get_by_role("button", name="Redo").click()
    assert parameters(page) == "174,211,432"
    page.reload()
    assert parameters(page) == "174,211,432"
    page.get_by_role("button", name="Reset").click()
    assert parameters(page) == "60,965,224"


def test_a_number_typed_digit_by_digit_is_one_step(explorer):
    page = explorer()
    kernels = field(page, "out channels", "conv1")
    kernels.press("End")
    kernels.press("Backspace")
    kernels.press("8")
    assert kernels.input_value() == "98"
    page.get_by_role("button", name="Undo").click()
    assert kernels.input_value() == "96"


def test_what_cant_be_is_said_in_the_words_of_python(explorer):
    page = explorer()
    field(page, "groups", "conv2").fill("3")
    with pytest.raises(SpecError) as error:
        layer_rows(ARCHITECTURES["alexnet-2012"].replace("conv2", groups=3))
    assert page.get_by_role("alert").inner_text() == str(error.value)
    assert parameters(page) == "–"
    assert page.locator(".failed b").all_inner_texts() == ["conv2"]
    assert page.locator(".explorer-made dd").all_inner_texts()[:2] == ["96×55×55", "34,944"]
    page.get_by_role("button", name="Copy as CSV").click()
    assert "First mend what is wrong" in page.get_by_role("status").inner_text()
    field(page, "groups", "conv2").fill("2")
    assert page.get_by_role("alert").is_hidden()


def test_layers_are_taken_out_added_and_moved_by_keyboard(explorer):
    page = explorer("#network=two-conv")
    before = page.locator(".explorer-name b").all_inner_texts()
    page.get_by_label(f"take {before[1]} out", exact=True).press("Enter")
    page.get_by_label(f"add a layer after {before[0]}", exact=True).select_option("BatchNorm")
    page.get_by_label("move batchnorm_1 down", exact=True).press("Enter")
    after = page.locator(".explorer-name b").all_inner_texts()
    assert after == [before[0], before[2], "batchnorm_1", *before[3:]]
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == (
        "move batchnorm_1 down"
    )
    again = explorer("#" + page.url.partition("#")[2])
    assert again.locator(".explorer-name b").all_inner_texts() == after


def test_code_can_be_taken_along(explorer):
    page = explorer("?network=torchvision")
    page.get_by_role("button", name="Copy as nn.Sequential").click()
    page.get_by_role("status").filter(has_text="The code").wait_for()
    assert "nn.Conv2d(3, 64, 11, stride=4, padding=2)" in page.locator("pre").last.inner_text()
    page.get_by_label("Network", exact=True).select_option("resnet18")
    page.get_by_role("button", name="Copy as nn.Sequential").click()
    assert "PyTorch has no module for" in page.get_by_role("status").inner_text()


def names(page, inside):
    """Of the layers in a part of a layer."""
    return page.get_by_label(inside, exact=True).locator(".explorer-name b").all_text_contents()


def test_layers_inside_a_layer_are_edited_by_keyboard(explorer):
    page = explorer("#network=resnet18")
    page.locator("summary", has_text="conv1 → norm1").first.press("Enter")
    groups = field(page, "groups", "block1.conv1")
    groups.fill("3")
    block = networks()["resnet18"]["layers"][4]
    with pytest.raises(SpecError) as error:
        built({"name": "x", "input_shape": [64, 56, 56], "layers": [block]}).replace(
            "block1.conv1", groups=3
        )
    assert page.get_by_role("alert").inner_text() == str(error.value)
    assert page.locator(".failed b").all_inner_texts() == ["conv1"]
    assert page.url.endswith("#network=resnet18&block1.conv1.groups=3")
    groups.fill("2")
    before = names(page, "branch of block1")
    page.get_by_label("take block1.relu1 out", exact=True).press("Enter")
    page.get_by_label("move block1.norm1 up", exact=True).press("Enter")
    page.get_by_label("add a layer after block1.conv1", exact=True).select_option("Dropout")
    assert before == ["conv1", "norm1", "relu1", "conv2", "norm2"]
    after = ["norm1", "conv1", "dropout_1", "conv2", "norm2"]
    assert names(page, "branch of block1") == after
    start = "add a layer at the start of shortcut of block1"
    page.get_by_label(start, exact=True).select_option("ReLU")
    assert names(page, "shortcut of block1") == ["relu_1"]
    again = explorer("#" + page.url.partition("#")[2])
    assert names(again, "branch of block1") == after
    for _ in range(5):
        page.get_by_role("button", name="Undo").click()
    assert parameters(page) == "11,689,512" and names(page, "branch of block1") == before


def test_branches_are_added_and_taken_out(explorer):
    page = explorer("#network=two-conv")
    page.get_by_label("add a layer after relu1", exact=True).select_option("Parallel")
    page.locator("article summary").press("Enter")
    off = page.get_by_label("take branch 2 of parallel_1 out", exact=True)
    assert off.is_disabled()
    page.get_by_role("button", name="add a branch to parallel_1").press("Enter")
    start = "add a layer at the start of branch 3 of parallel_1"
    page.get_by_label(start, exact=True).select_option("Conv")
    page.get_by_label("padding of parallel_1.conv_1", exact=True).fill("1")
    assert page.get_by_role("alert").is_hidden()
    off.press("Enter")
    assert names(page, "branch 2 of parallel_1") == ["conv_1"]
    page.get_by_label("take parallel_1.conv_1 out", exact=True).press("Enter")
    assert names(page, "branch 2 of parallel_1") == []


# Without scripts, and links from elsewhere


def test_without_scripts_a_figure_and_a_table_of_alexnet_stand_there(browser, site):
    page = browser.new_page(java_script_enabled=False)
    page.goto((site.folder / "book" / "explorer.html").as_uri())
    still = page.locator("#explorer")
    assert still.locator("svg, img").first.is_visible()
    shown = [row.locator("td").all_inner_texts() for row in still.locator("tbody tr").all()]
    page.close()
    expected = [
        [
            row["name"],
            "×".join(map(str, row["output_shape"])),
            f"{row['parameters']:,}",
            f"{row['multiply_adds']:,}",
            str(row.get("receptive_field") or ""),
        ]
        for row in layer_rows(ARCHITECTURES["alexnet-2012"])
    ]
    assert shown == expected


ALEXNET = ARCHITECTURES["alexnet-2012"]
FOUR, FIVE = ARCHITECTURES["four-conv"], ARCHITECTURES["five-conv-32"]
LARGE = ALEXNET.with_input(3, 224, 224)
LINKS = {  # every link to the explorer that says more than a name, and the network it means
    "network=alexnet-2012&input=3x224x224": LARGE,
    "network=alexnet-2012&input=3x224x224&conv1.padding=2": LARGE.replace("conv1", padding=2),
    "network=alexnet-2012&input=3x224x224&conv1.rounding=ceil": LARGE.replace(
        "conv1", rounding="ceil"
    ),
    "network=alexnet-2012&conv1.stride=2": ALEXNET.replace("conv1", stride=2),
    "network=alexnet-2012&conv1.stride=8": ALEXNET.replace("conv1", stride=8),
    "network=alexnet-2012&fc6.out_features=2048&fc7.out_features=2048": ALEXNET.replace(
        "fc6", out_features=2048
    ).replace("fc7", out_features=2048),
    "network=five-conv-32&pool1.kernel=2&pool2.kernel=2&pool5.kernel=2": FIVE.with_pooling(2, 2),
    "network=four-conv&pool1.kernel=2&pool2.kernel=2": FOUR.replace("pool1", kernel=2).replace(
        "pool2", kernel=2
    ),
}
TOWERS = "lrn1.groups=1&conv2.groups=1&lrn2.groups=1&conv4.groups=1&conv5.groups=1"


def linked():
    """What the links of chapters and pages ask the layer explorer for."""
    sources = [*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "book").glob("*.md")]
    texts = (Path(source).read_text(encoding="utf-8") for source in sources)
    return {
        unescape(query)
        for text in texts
        for query in re.findall(r'explorer\.html\?([^"\\]+)', text)
    }


def joined_towers():
    made = ALEXNET
    for name in ("lrn1", "conv2", "lrn2", "conv4", "conv5"):
        made = made.replace(name, groups=1)
    return made


def test_each_link_to_the_explorer_leads_to_the_network_that_it_means(texts):
    queries = sorted(linked())
    assert len(queries) > 15
    meant = LINKS | {f"network=alexnet-2012&{TOWERS}": joined_towers()}
    meant |= {f"network={name}": made for name, made in ARCHITECTURES.items()}
    impossible = "network=resnet18&block3.conv1.stride=1"
    assert set(queries) <= {*meant, impossible}
    found = dict(zip(queries, texts("fromAddress", queries), strict=True))
    block = next(x for x in found.pop(impossible)["layers"] if x["name"] == "block3")
    assert block["branch"][0].get("stride", 1) == 1
    for query, network in found.items():
        made = meant[query]
        assert plain(built(network)) == plain(made), query
    addresses = texts("toAddress", list(found.values()))
    assert addresses == list(found)  # as the explorer itself would say it


WALKED = [
    (7, 3, 2, 0, "floor"),
    (227, 11, 4, 0, "floor"),
    (224, 11, 4, 0, "floor"),
    (224, 11, 4, 2, "floor"),
    (224, 11, 4, 0, "ceil"),
    (5, 3, 2, 1, "ceil"),
    (4, 2, 3, 1, "ceil"),
]


def test_the_walking_window_stops_where_the_rule_says(browser, site):
    page = browser.new_page()
    page.goto((site.folder / "notebooks" / "03_size_arithmetic.html").as_uri())
    walk = page.locator(".window-walk")
    for size, kernel, stride, padding, rounding in WALKED:
        fields = {"pixels": size, "window": kernel, "stride": stride, "padding": padding}
        for name, value in fields.items():
            walk.get_by_label(name, exact=True).fill(str(value))
        walk.get_by_label("rounding", exact=True).select_option(rounding)
        places = window_positions(size, kernel, stride, padding, rounding)
        slider = walk.get_by_role("slider")
        slider.fill(str(places))
        last = min(size, (places - 1) * stride - padding + kernel) - 1
        assert slider.get_attribute("max") == str(places)
        assert f"Place {places} of {places}: pixels " in walk.locator(".walk-said").inner_text()
        assert f" to {last}" in walk.locator(".walk-said").inner_text()
        assert f"+ 1 = {places} places" in walk.locator(".walk-sum").inner_text()
        left = max(0, size - 1 - last)
        assert walk.locator(".walk-left").count() == left
    walk.get_by_label("window", exact=True).fill("9")
    assert "larger than the padded row" in walk.locator(".walk-said").inner_text()
    page.close()
