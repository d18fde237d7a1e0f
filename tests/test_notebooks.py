"""The stored chapters are whole, and the tools that keep them so notice when they are not."""

import copy
import json
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
import torch
import yaml

from alexnet_course.figures import Drawing, plot_bars, show_images

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import notebooks  # noqa: E402  (tools/ is no package)


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A copy of one chapter and the configuration, for the tools to work on."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "_config.yml", tmp_path)
    shutil.copy(notebooks.chapters()[0], tmp_path / "notebooks")
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    monkeypatch.setattr(notebooks, "CONFIG", tmp_path / "_config.yml")
    return tmp_path


def only_chapter():
    (path,) = notebooks.chapters()
    return path


def test_every_chapter_of_the_contents_is_stored():
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = {
        f"{chapter['file']}.ipynb"
        for part in contents["parts"]
        for chapter in part["chapters"]
        if Path(chapter["file"]).parent == Path("notebooks")
    }
    stored = {str(path.relative_to(ROOT)) for path in notebooks.chapters()}
    assert stored == listed
    assert len(stored) >= 4


@pytest.mark.parametrize("path", notebooks.chapters(), ids=lambda path: path.stem)
def test_a_stored_chapter_has_no_fault(path):
    assert notebooks.faults(path) == []


@pytest.mark.parametrize("path", notebooks.chapters(), ids=lambda path: path.stem)
def test_few_cells_escape_the_comparison(path):
    """Tagged cells are the exception; and a chapter always compares most of what it prints."""
    code = [cell for cell in notebooks.read(path).cells if cell.cell_type == "code"]
    escaping = [c for c in code if "nbval-ignore-output" in c.metadata.get("tags", [])]
    skipped = [c for c in code if "nbval-skip" in c.metadata.get("tags", [])]
    assert len(escaping) <= 4
    assert not skipped
    drawing = [cell for cell in code if notebooks.pictures(cell.outputs)]
    from_data = [c for c in code if "picture-of-data" in c.metadata.get("tags", [])]
    assert all(cell in drawing for cell in from_data)
    assert len(from_data) <= 4


NUMBER = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?!\w)")
BETWEEN = {"12-94": {"50"}}  # of a curve, between the values of its data


def told(cell):
    """What a chart's description says, and what the chart shows: its words, its data, its bars."""
    alt = cell.metadata["mystnb"]["image"]["alt"]
    (svg,) = notebooks.pictures(cell.outputs)
    drawing = ElementTree.fromstring(svg)
    words = [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    held = drawing.find("{http://www.w3.org/2000/svg}metadata")
    data = json.loads(held.text) if held is not None else None
    shown = [float(n.replace(",", "")) for n in NUMBER.findall(" ".join(filter(None, words)))]
    for row in data["rows"] if data else ():
        shown += [float(n.replace(",", "")) for n in NUMBER.findall(row[0])]
        mean, *rest = values = [float(x.replace(",", "")) for x in row[1:] if x]
        shown += map(abs, values)
        if "half width" in data["headings"]:
            shown += [abs(mean + sign * width) for width in rest for sign in (-1, 1)]
    return alt, data, shown


@pytest.mark.parametrize("path", notebooks.chapters(), ids=lambda path: path.stem)
def test_the_numbers_in_a_charts_description_are_in_its_data(path):
    for cell in notebooks.read(path).cells:
        if cell.cell_type != "code" or not notebooks.pictures(cell.outputs):
            continue
        alt, data, shown = told(cell)
        for number in NUMBER.findall(alt) if data else ():
            digits = number.replace(",", "").strip(".")
            places = len(digits.partition(".")[2])
            loose = len(digits) - len(digits.rstrip("0")) if places == 0 and len(digits) > 2 else 0
            near = 0.5 * 10.0 ** (loose - places) + 1e-9
            close = any(abs(value - float(digits)) <= near for value in shown)
            assert close or number in BETWEEN.get(cell.id, ()), (cell.id, number)


def damage(change):
    """Apply ``change`` to the stored chapter and give the faults that are found."""
    path = only_chapter()
    chapter = notebooks.read(path)
    change([cell for cell in chapter.cells if cell.cell_type == "code"], chapter)
    nbformat.write(chapter, path)
    return " ".join(notebooks.faults(path))


def test_cleared_outputs_are_noticed(book):
    def clear(code, chapter):
        for cell in code:
            cell.outputs, cell.execution_count = [], None

    assert "was not stored from one run" in damage(clear)


def test_a_cell_run_out_of_order_is_noticed(book):
    def swap(code, chapter):
        code[1].execution_count, code[2].execution_count = 3, 2

    assert "was not stored from one run" in damage(swap)


def test_a_changed_setup_cell_is_noticed(book):
    def edit(code, chapter):
        code[0].source += "\n!pip install torch"

    assert "set-up cell" in damage(edit)


def test_a_stored_error_a_widget_and_a_bar_are_noticed(book):
    def spoil(code, chapter):
        code[1].outputs = [
            nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[]),
            nbformat.v4.new_output("stream", name="stderr", text="50%|█████"),
            nbformat.v4.new_output(
                "display_data", data={"application/vnd.jupyter.widget-view+json": {}}
            ),
        ]

    found = damage(spoil)
    assert "ValueError: no" in found
    assert "50%" in found
    assert "widget" in found


def test_a_figure_without_alt_text_is_noticed(book):
    def strip(code, chapter):
        for cell in code:
            cell.metadata.pop("mystnb", None)

    assert "alt text" in damage(strip)


def svg(draw=lambda axis: None):
    """A small chart, on which ``draw`` draws more."""
    with plt.rc_context({"svg.fonttype": "none"}):
        figure, axis = plt.subplots(figsize=(4, 3), FigureClass=Drawing)
        axis.plot([1, 3, 2])
        draw(axis)
        plt.close(figure)
    return figure.svg()


def showing(picture):
    return [nbformat.v4.new_output("display_data", data={"image/svg+xml": picture})]


def test_swapped_and_changed_pictures_are_noticed(book):
    def draw(code, chapter):
        for cell in code:
            cell.outputs = []
        for cell, text in zip(code[1:3], ("one", "two"), strict=True):
            cell.outputs = showing(svg(lambda axis, text=text: axis.set_title(text)))
        for cell in code:
            notebooks.note_pictures(cell)

    def swap(code, chapter):
        code[1].outputs, code[2].outputs = code[2].outputs, code[1].outputs

    def change(code, chapter):
        code[1].outputs = showing(code[1].outputs[0].data["image/svg+xml"].replace("1", "2"))

    assert "other pictures" not in damage(draw)
    assert damage(swap).count("other pictures") == 2
    assert damage(swap).count("other pictures") == 0
    assert damage(change).count("other pictures") == 1


@pytest.mark.parametrize(
    "draw",
    [
        lambda axis: axis.plot([1, 3.02, 2]),
        lambda axis: axis.set_xlabel("epoch"),
        lambda axis: axis.lines[0].set_color("C1"),
        lambda axis: axis.lines[0].set_ydata([1, 3, 2.05]),
        lambda axis: axis.lines[0].set_linestyle("--"),
        lambda axis: axis.text(0.2, 1.5, "1.5", fontsize=9),
    ],
)
def test_another_drawing_is_told_from_the_same_one(draw):
    assert not notebooks.alike(svg(), svg(draw))


def test_a_drawing_may_move_by_less_than_the_eye_sees():
    moved = svg(lambda axis: axis.lines[0].set_ydata([1, 3, 2.001]))
    assert moved != svg() and notebooks.alike(svg(), moved)


def test_a_digit_in_a_figure_is_seen():
    one, other = (svg(lambda axis, t=t: axis.text(0.2, 1.5, t, size=9)) for t in ("8.3", "8.4"))
    assert not notebooks.alike(one, other)


def test_one_pixel_in_a_figure_is_seen():
    images = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
    images[1, 0, 3, 3] = 1
    one, other = (show_images(image[None], ["x"], 1).svg() for image in images)
    assert notebooks.alike(one, one) and not notebooks.alike(one, other)


def test_pictures_of_two_sizes_are_not_alike():
    wide = svg(lambda axis: axis.figure.set_figwidth(5))
    assert not notebooks.alike(svg(), wide)


def test_the_comparison_of_chapters_sees_what_a_cell_draws(tmp_path):
    """A tiny chapter of four cells: as stored, other than stored, and so tagged in both ways."""
    source = (
        "import pandas as pd\nfrom alexnet_course.figures import plot_bars\n\n"
        "plot_bars(pd.DataFrame({{'long': [{}]}}), 'x')"
    )
    drawn = plot_bars(pd.DataFrame({"long": [3.0]}), "x")
    data = {"image/svg+xml": drawn.svg(), "text/plain": repr(drawn)}
    cells = [
        nbformat.v4.new_code_cell(
            source.format(length),
            metadata={"tags": tags},
            execution_count=1,
            outputs=[nbformat.v4.new_output("display_data", data=data)],
        )
        for length, tags in (
            (3.0, []),
            (4.0, []),
            (4.0, ["picture-of-data"]),
            (4.0, ["nbval-ignore-output"]),
        )
    ]
    shutil.copytree(ROOT / "tools", tmp_path / "tools", ignore=shutil.ignore_patterns("__*"))
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks" / "conftest.py", tmp_path / "notebooks")
    chapter = tmp_path / "notebooks" / "tiny.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), chapter)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-rA", str(chapter)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "The picture is not the one that is stored" in done.stdout
    assert re.findall(r"^(PASSED|FAILED) \S+::Cell (\d)", done.stdout, re.MULTILINE) == [
        ("PASSED", "0"),
        ("PASSED", "2"),
        ("PASSED", "3"),
        ("FAILED", "1"),
    ]


def test_a_chapter_over_the_limit_is_noticed(book):
    def bloat(code, chapter):
        code[1].outputs = [nbformat.v4.new_output("stream", text="x" * 1_000_001)]

    assert "1,000,000 at most" in damage(bloat)


def test_stamping_an_address_reaches_configuration_and_chapters_and_can_be_undone(book):
    before = (book / "_config.yml").read_text(), only_chapter().read_text()
    notebooks.set_repository("https://github.com/someone/alexnet-course.git/")
    settings = yaml.safe_load((book / "_config.yml").read_text())
    assert settings["repository"]["url"] == "https://github.com/someone/alexnet-course"
    assert settings["launch_buttons"]["colab_url"] == "https://colab.research.google.com"
    setup = notebooks.read(only_chapter()).cells[1].source
    assert 'REPOSITORY, REVISION = "https://github.com/someone/alexnet-course", "main"' in setup
    assert notebooks.faults(only_chapter()) == []
    notebooks.set_repository("")
    assert ((book / "_config.yml").read_text(), only_chapter().read_text()) == before


def test_an_address_that_is_none_is_refused(book):
    before = (book / "_config.yml").read_text()
    with pytest.raises(SystemExit, match="expected something like https"):
        notebooks.set_repository("my repository")
    assert (book / "_config.yml").read_text() == before


def test_execute_refuses_the_stand_in(book, monkeypatch):
    monkeypatch.setenv("ALEXNET_COURSE_CIFAR10", "stand-in")
    before = only_chapter().read_text()
    with pytest.raises(SystemExit, match="CIFAR-10 only"):
        notebooks.execute([])
    assert only_chapter().read_text() == before


def run_setup(monkeypatch, importable, repository=""):
    """Run the set-up cell where only ``importable`` modules exist; gives pip's command lines."""
    commands = []
    fake_util = types.SimpleNamespace(find_spec=lambda name: name if name in importable else None)
    fake = types.SimpleNamespace(util=fake_util, invalidate_caches=lambda: None)
    monkeypatch.setitem(sys.modules, "importlib", fake)
    monkeypatch.setitem(sys.modules, "importlib.util", fake_util)
    monkeypatch.setattr(subprocess, "run", lambda command, check: commands.append(command))
    source = notebooks.SETUP.format(repository=repository, revision="v1")
    exec(compile(source, "set-up", "exec"), {})
    return commands


def test_setup_does_nothing_where_the_course_is_importable(monkeypatch):
    everywhere = {"alexnet_course", "google", "google.colab"}
    assert run_setup(monkeypatch, everywhere, "https://example.org/x") == []


def test_setup_in_colab_installs_the_package_alone_at_the_given_revision(monkeypatch):
    (command,) = run_setup(monkeypatch, {"google", "google.colab"}, "https://example.org/x")
    assert command[1:4] == ["-m", "pip", "install"]
    assert "--no-deps" in command
    assert command[-1] == "git+https://example.org/x@v1"


def test_setup_in_colab_without_an_address_says_so(monkeypatch):
    with pytest.raises(RuntimeError, match="make repository URL="):
        run_setup(monkeypatch, {"google", "google.colab"})


@pytest.mark.parametrize("importable", [set(), {"google"}], ids=["no google", "google alone"])
def test_setup_elsewhere_says_what_to_install(monkeypatch, importable):
    with pytest.raises(ModuleNotFoundError, match="pip install -e"):
        run_setup(monkeypatch, importable, "https://example.org/x")


def test_reading_and_writing_a_chapter_changes_nothing(book):
    before = only_chapter().read_text()
    chapter = notebooks.read(only_chapter())
    notebooks.write(only_chapter(), copy.deepcopy(chapter))
    assert only_chapter().read_text() == before
