"""The small controls of chapters 6, 8 and 9, against the package and PyTorch."""

import json
import random
import re

import numpy as np
import pytest
import torch

from alexnet_course.data.augmentation import crop, flip
from alexnet_course.layers import LRN, Dropout
from alexnet_course.network import make_module
from built import ROOT

SCRIPTS = ROOT / "book" / "_static" / "explorer"
CHAPTERS = {"lrn-row": "06_lrn", "dropout-masks": "08_dropout", "augmentation": "09_augmentation"}


@pytest.fixture(scope="module")
def scripts(browser):
    """A page that holds the controls' functions alone."""
    page = browser.new_page()
    for name in ("page", "controls", "lrn", "dropout", "augment"):
        page.add_script_tag(path=SCRIPTS / f"{name}.js")
    yield page
    page.close()


@pytest.fixture
def control(browser, site):
    """A chapter's control, in the chapter opened from a folder, and what went wrong there."""
    pages, errors = [], []

    def open_chapter(name, **options):
        page = browser.new_page(**options)
        pages.append(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto((site.folder / "notebooks" / f"{CHAPTERS[name]}.html").as_uri())
        return page.locator(f".{name}")

    yield open_chapter
    for page in pages:
        page.close()
    assert errors == []


def move(control, slider, value):
    control.get_by_label(slider, exact=True).fill(str(value))


def said(control):
    return control.get_by_role("status").inner_text()


def numbers(table):
    """The cells of a table's body, row by row, without the headings of rows."""
    return [
        [float(text) for text in row.locator("td").all_inner_texts() if text]
        for row in table.locator("tbody tr").all()
    ]


@pytest.mark.parametrize("name", CHAPTERS)
def test_without_scripts_a_sentence_stands_there(control, name):
    assert (
        "The web page of this chapter has" in control(name, java_script_enabled=False).inner_text()
    )


# LRN


def normalised(row, n, k, alpha, beta):
    module = make_module(LRN("lrn", n, alpha, beta, k), (8, 1, 1))
    return module(torch.tensor(row).reshape(1, 8, 1, 1)).flatten()


def test_lrn_of_eight_channels_is_the_packages(scripts):
    draw = random.Random(0)
    for _ in range(60):
        row = [draw.choice((0, draw.uniform(0, 100))) for _ in range(8)]
        n, k = draw.randrange(1, 16, 2), draw.uniform(0.5, 5)
        alpha, beta = draw.choice((0, 1e-5, 0.4, 4)), draw.uniform(0, 1.5)
        settings = {"n": n, "k": k, "alpha": alpha, "beta": beta}
        ours = scripts.evaluate(
            "([row, s]) => responses(row, s).map(x => x.after)", [row, settings]
        )
        theirs = normalised(row, n, k, alpha, beta)
        torch.testing.assert_close(torch.tensor(ours), theirs, rtol=2e-5, atol=1e-6)


def test_lrn_begins_with_the_chapters_numbers_and_follows_its_sliders(control):
    lrn = control("lrn-row")
    lrn.locator("summary").press("Enter")

    def after():
        return [row[-1] for row in numbers(lrn.locator("table"))]

    chapter = {
        "times 16": [0.62, 0, 0.08, 0.45, 0.13, 0, 0, 0.78],
        "By hand, α = 1": [0.44, 0, 0, 0.44, 0.11, 0, 0, 0.44],
    }
    for start, expected in chapter.items():
        lrn.get_by_role("button", name=start).click()
        assert after() == pytest.approx(expected, abs=0.005)
    move(lrn, "β", 0.5)
    move(lrn, "k", 3)
    move(lrn, "n", 3)
    move(lrn, "channel", 3)
    assert said(lrn) == "Channel 3: 4 / (3 + 1 · (0² + 4² + 1²))^0.5 = 4 / 4.47 = 0.89."
    alpha = lrn.get_by_label("α", exact=True)
    alpha.press("Home")
    assert alpha.get_attribute("aria-valuetext") == "0"
    assert after() == pytest.approx([x / 3**0.5 for x in (1, 0, 0, 4, 1, 0, 0, 1)], abs=1e-4)
    lrn.get_by_label("value of channel 7").fill("-1")
    assert said(lrn).startswith("Channel 7 holds -1; after a ReLU it is at least 0")
    lrn.get_by_label("value of channel 7").fill("2")
    assert after()[7] == pytest.approx(2 / 3**0.5, abs=1e-4)


# Dropout


@pytest.mark.parametrize("way, scaled", [("2012", "test"), ("today", "training")])
@pytest.mark.parametrize("p", [0, 0.3, 0.5, 0.9])
def test_both_ways_of_dropout_are_pytorchs(scripts, way, scaled, p):
    x = torch.linspace(-1, 1, 1000)
    module = make_module(Dropout("dropout", p, scaled=scaled), (1000,))

    def passed(values):
        torch.manual_seed(0)  # the same mask each time
        return module(values)

    mask = (passed(torch.ones(1000)) > 0).int()
    for training in (True, False):
        module.train(training)
        ours = scripts.evaluate(
            "([way, x, mask, ...rest]) => x.map((v, i) => DROPOUTS[way](v, mask[i], ...rest))",
            [way, x.tolist(), mask.tolist(), p, training],
        )
        torch.testing.assert_close(torch.tensor(ours), passed(x))


def test_the_drawn_numbers_are_uniform_and_independent(scripts):
    drawn = scripts.evaluate(
        "() => { const next = uniform(1); return Array.from({length: 1e5}, next); }"
    )
    counts = np.histogram2d(drawn[::2], drawn[1::2], bins=10, range=[[0, 1], [0, 1]])[0]
    assert ((counts - 500) ** 2 / 500).sum() < 149  # chi-squared of 99, at 1 in 1,000


def test_masks_begin_with_the_chapters_and_their_mean_comes_to_the_value_at_test(control):
    dropout = control("dropout-masks")
    values = [3, 1, 4, 1, 5, 9, 2, 6]
    dropout.locator("summary").press("Enter")

    def columns(way):
        rows = numbers(dropout.locator("table").filter(has_text=way))
        return list(zip(*rows, strict=True))  # this draw, mean, at test; the last is the sum

    torch.manual_seed(0)
    chapter = (torch.rand(8) >= 0.5).int().tolist()
    assert columns("2012")[0][:8] == tuple(v * kept for v, kept in zip(values, chapter))
    draws = [columns("2012")[0]]
    for _ in range(3):
        dropout.get_by_role("button", name="Draw again").press("Enter")
        draws.append(columns("2012")[0])
    assert len(set(draws)) > 1
    assert columns("2012")[1] == pytest.approx(np.mean(draws, axis=0), abs=0.006)
    assert columns("Today")[1] == pytest.approx(2 * np.mean(draws, axis=0), abs=0.006)
    for _ in range(10):
        dropout.get_by_role("button", name="Draw 100").click(force=True)
    assert said(dropout).startswith("Draw 1000: ")
    assert dropout.get_by_role("button", name="Draw again").is_disabled()
    for p in (0.5, 0.2):
        move(dropout, "p", p)
        for way, factor in {"2012": 1 - p, "Today": 1}.items():
            _, mean, test = columns(way)
            assert test == pytest.approx([factor * v for v in (*values, 31)])
            spread = factor * (p / (1 - p) / 1000) ** 0.5 * np.array([*values, 173**0.5])
            assert (np.abs(np.subtract(mean, test)) < 4 * spread + 0.006).all()
    dropout.get_by_role("button", name="Start again").click()
    assert said(dropout).startswith("Draw 1: ")


# Augmentation


def test_the_directions_of_colours_are_those_that_the_chapter_prints(scripts):
    chapter = json.loads((ROOT / "notebooks" / "09_augmentation.ipynb").read_text(encoding="utf-8"))
    cell = next(cell for cell in chapter["cells"] if cell["id"] == "09-15b")
    rows = "".join(cell["outputs"][0]["data"]["text/plain"]).splitlines()[1:]
    printed = {re.split(r"\s{2,}", row)[0]: row.split()[-3:] for row in rows}
    found = scripts.evaluate("DIRECTIONS")
    for at, direction in enumerate(found):
        colours = [float(printed[name][at]) for name in ("red", "green", "blue")]
        assert direction["colour"] == colours
        assert direction["deviation"] == float(printed["standard deviation"][at])


def augmented(picture, top, left, mirrored, draws, directions):
    image = torch.tensor(picture)[None]
    piece = flip(crop(image, 28, 28, torch.tensor([[top, left]])), torch.tensor([mirrored]))
    vectors = torch.tensor([d["colour"] for d in directions], dtype=torch.double).T
    deviations = torch.tensor([d["deviation"] for d in directions], dtype=torch.double)
    shift = (vectors * deviations) @ torch.tensor(draws, dtype=torch.double)
    return (piece[0] + 255 * shift[:, None, None]).clamp(0, 255).to(torch.uint8)


def test_a_piece_is_cut_mirrored_and_shifted_as_by_the_package(scripts):
    draw = random.Random(0)
    directions = scripts.evaluate("DIRECTIONS")
    picture = scripts.evaluate("controls.boat()")
    assert torch.tensor(picture).shape == (3, 32, 32)
    for _ in range(8):
        top, left, mirrored = draw.randint(0, 4), draw.randint(0, 4), draw.random() < 0.5
        draws = [draw.gauss(0, 0.5) for _ in range(3)]
        state = {"side": 28, "top": top, "left": left, "mirrored": mirrored, "draws": draws}
        ours = torch.tensor(scripts.evaluate("s => augmented(controls.boat(), s)", state))
        theirs = augmented(picture, top, left, mirrored, draws, directions)
        assert (ours - theirs.int()).abs().max() <= 1  # rounding
        middle = augmented(picture, 2, 2, False, [0, 0, 0], directions)
        alike = scripts.evaluate("([a, b]) => alike(a, b)", [ours.tolist(), middle.tolist()])
        assert alike == pytest.approx(np.corrcoef(ours.flatten(), middle.flatten())[0, 1])


def test_the_window_is_moved_mirrored_and_coloured_by_keyboard_and_by_touch(control):
    boat = control("augmentation")
    assert said(boat).startswith("Piece 13 of 25: it begins at row 2 and column 2. Added")
    boat.get_by_label("rows above").press("ArrowUp")
    boat.get_by_label("columns to the left").press("Home")
    boat.get_by_label("mirrored").press("Space")
    assert said(boat).startswith("Piece 16 of 25: it begins at row 3 and column 0, mirrored.")
    move(boat, "colours, widest direction", 0.1)
    assert "Added to red, green and blue: +5.9, +6.1, +6.3 of 255." in said(boat)
    pixel = """([canvas]) => [...canvas.getContext("2d").getImageData(0, 0, 1, 1).data]"""
    seen = boat.get_by_label("the piece").evaluate(f"canvas => ({pixel})([canvas])")
    state = {"side": 28, "top": 3, "left": 0, "mirrored": True, "draws": [0.1, 0, 0]}
    first = "s => augmented(controls.boat(), s).map(channel => channel[0][0])"
    assert seen == [*boat.page.evaluate(first, state), 255]
    boat.locator(".augmentation-board").click(position={"x": 5, "y": 5})
    assert said(boat).startswith("Piece 1 of 25")
    boat.get_by_role("button", name="Colours five times as strong").click()
    assert "+0.0, +0.0, +0.0" not in said(boat)
    boat.get_by_role("button", name="The middle piece").click()
    assert said(boat).endswith("Correlation with the middle piece: 1.00.")
