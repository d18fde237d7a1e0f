"""The exercises: sources that pass, releases that give nothing away, tests that tell right from
wrong."""

import dataclasses
import functools
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

import bad_answers
from test_notebooks import ROOT, notebooks

sys.path.insert(0, str(ROOT / "tools"))
import exercises

CANARY = "course-canary-5c1e"  # stands in every solution and every hidden test
RELEASES = ROOT / "notebooks" / "exercises"
SOURCES = exercises.sources()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setenv("ALEXNET_COURSE_CIFAR10", "stand-in")
    monkeypatch.setenv("ALEXNET_COURSE_SCALE", "quick")


@functools.cache
def graded(name):
    """The graded code of an exercise, whose cells run once."""
    return list(exercises.items(SOURCES[name]))


def cells(path):
    return nbformat.read(path, as_version=4).cells


def about(cell):
    return cell.metadata.get("nbgrader", {})


@pytest.mark.parametrize("name", SOURCES)
def test_an_exercise_is_whole(name):
    held = cells(SOURCES[name])
    code = [c for c in held if c.cell_type == "code" and about(c).get("grade")]
    written = [c for c in held if c.cell_type == "markdown" and about(c).get("grade")]
    assert len(code) >= 3 and len(written) >= 1
    assert all("hide-input" in c.metadata.tags for c in code)  # folded on the page
    points = sum(about(c)["points"] for c in code + written)
    assert f"{points} points in all" in held[0].source
    (setup,) = (c for c in held if "setup" in c.metadata.get("tags", []))
    assert setup.source == notebooks.setup_source()
    wrong, right = exercises.answers(name)
    solutions = {about(c)["grade_id"] for c in held if about(c).get("solution")} - {
        about(c)["grade_id"] for c in written
    }
    assert set(wrong) == set(right) == solutions


@pytest.mark.parametrize("name", SOURCES)
def test_every_known_answer_is_judged_rightly(name):
    found = [fault for item in graded(name) for fault in exercises.faults(name, item)]
    assert not found, "\\n".join(found)


NUMBER_0_ONLY = ("typed in", "another student")  # how such known answers begin


def drawn(item):
    """What the student's number makes of the values that a warm-up is about."""
    asked = set(re.findall(r"\w+", item.solution + item.test)) - {"student"}
    values = {name: item.before[name] for name in sorted(asked & item.before.keys())}
    return repr({n: v for n, v in values.items() if isinstance(v, (int, float, list))})


@pytest.mark.parametrize("name", SOURCES)
def test_known_answers_of_warm_ups_are_judged_rightly_for_every_number(name):
    """What is drawn tells the known mistakes from the truth, and all that is right passes."""
    wrong, right = exercises.answers(name)
    for item in exercises.numbered(SOURCES[name]):
        tried = {drawn(item): 0}
        for number in range(1, 100):
            mine = exercises.with_number(item, number)
            known = tried.setdefault(drawn(mine), number) != number
            if known and not item.by_hand:
                continue
            assert not (error := mine.fault()), (item.name, number, error)
            if known or not item.by_hand:
                continue
            for what, body in right[item.name].items():
                error = None if what.startswith(NUMBER_0_ONLY) else mine.fault(body)
                assert not error, (item.name, number, what, error)
            for what, body in wrong[item.name].items():
                error = mine.fault(body, hidden=False)
                assert error or what.startswith(NUMBER_0_ONLY), (item.name, number, what)


TELLS = re.compile("expected|differ by|stopped with|nothing there yet")


def told(judged):
    """The answers of a wrong kind that a test doesn't refuse in words."""
    return [
        (place, kind, error, words)
        for place, kind, error, words in judged
        if error != "NotYet" or not TELLS.search(words)
    ]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="each bad answer is tried in a process")
@pytest.mark.parametrize("name", SOURCES)
def test_answers_of_a_wrong_kind_are_refused_in_words(name):
    """Nothing, text, an object and so on, at every place at which a test asks for the answer."""
    for item in graded(name):
        judged = [*bad_answers.of_functions(item), *bad_answers.of_values(item)]
        assert judged, item.name
        assert not told(judged), item.name


def test_the_trial_of_bad_answers_notices_a_test_that_fails_without_words():
    item = next(item for item in exercises.items(SOURCES["ex03"]) if item.name == "positions")
    for test in ("assert positions(8, 3) == 6", "positions(8, 3) + 1", "positions(8, 3)"):
        judged = [*bad_answers.of_functions(dataclasses.replace(item, test=test))]
        assert len(told(judged)) == len(judged) == 1, test


def minutes(path):
    """Five a task and one a line of the solution that the notebook doesn't show already, to the
    nearest quarter of an hour."""
    shown = {
        line.strip()
        for cell in cells(path)
        for line in exercises.HIDDEN.sub("", exercises.REGION.sub("", cell.source)).splitlines()
    }
    held = [cell for cell in cells(path) if about(cell)]
    solutions = [
        line
        for cell in held
        if cell.cell_type == "code"
        for region in exercises.REGION.finditer(cell.source)
        for line in region[0].splitlines()
        if line.strip() not in shown | {""} and not line.strip().startswith("#")
    ]
    tasks = sum(about(cell)["grade"] for cell in held)
    return 15 * round((5 * tasks + len(solutions)) / 15)


@pytest.mark.parametrize("name", SOURCES)
def test_estimated_times_follow_the_work(name):
    path = SOURCES[name]
    guide = (ROOT / "book" / "assign.md").read_text()
    (line,) = (row for row in guide.splitlines() if f"/{path.name})" in row)
    assert f"| {minutes(path)} min |" in line.replace("\N{NO-BREAK SPACE}", " ")
    assert f"takes about {minutes(path)} minutes;" in cells(path)[0].source


def test_releases_are_those_of_the_sources(tmp_path):
    exercises.release(tmp_path)
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.ipynb")}
    kept = {path.relative_to(RELEASES): path.read_bytes() for path in RELEASES.rglob("*.ipynb")}
    assert made.keys() == kept.keys() == {p.relative_to(p.parents[1]) for p in SOURCES.values()}
    stale = [str(path) for path in made if made[path] != kept[path]]
    assert not stale, f"run 'make exercises': {stale} differ from their sources"


def test_every_solution_and_hidden_test_holds_the_canary():
    for path in SOURCES.values():
        for cell in cells(path):
            regions = exercises.REGION.findall(cell.source)
            assert bool(regions) == bool(about(cell).get("solution")), cell.source
            hidden = exercises.HIDDEN.search(cell.source)
            if about(cell).get("grade") and cell.cell_type == "code":
                assert hidden and CANARY in hidden[0], cell.source
            if regions:
                (region,) = exercises.REGION.finditer(cell.source)
                assert CANARY in region[0], cell.source


def test_nothing_that_is_published_holds_a_solution_or_hidden_test():
    """The built book too, with the page sources that can be downloaded from it."""
    published = [ROOT / "notebooks", ROOT / "book", ROOT / "_build"]
    files = [path for folder in published for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert not [str(path) for path in files if CANARY.encode() in path.read_bytes()]


def test_every_release_is_a_page_of_the_book():
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    listed = {
        chapter["file"]
        for part in contents["parts"]
        for chapter in part["chapters"]
        if chapter["file"].startswith("notebooks/exercises/")
    }
    stored = {str(p.relative_to(ROOT).with_suffix("")) for p in RELEASES.rglob("*.ipynb")}
    assert listed == stored and stored


def test_the_guide_lists_every_exercise_with_its_points():
    guide = (ROOT / "book" / "assign.md").read_text()
    for path in RELEASES.rglob("*.ipynb"):
        points = {"code": 0, "markdown": 0}
        for cell in cells(path):
            points[cell.cell_type] += about(cell).get("points", 0)
        (line,) = (row for row in guide.splitlines() if f"/{path.name})" in row)
        assert line.endswith(f"| {points['code']} + {points['markdown']} |")


def test_a_private_folder_takes_the_place_of_the_public_sources(tmp_path, monkeypatch):
    source = next(iter(SOURCES.values()))
    private = tmp_path / "mine" / "ex99" / "ex99_secret.ipynb"
    private.parent.mkdir(parents=True)
    private.write_text(source.read_text().replace("hidden", "secret"))
    monkeypatch.setenv("ALEXNET_COURSE_EXERCISES", str(tmp_path / "mine"))
    before = {path: path.read_bytes() for path in RELEASES.rglob("*.ipynb")}
    config = exercises.settings()
    assert list(exercises.sources(config)) == ["ex99"]
    assert Path(config.CourseDirectory.release_directory).parts[0] == "grading"
    exercises.release(tmp_path / "released")
    (made,) = (tmp_path / "released").rglob("*.ipynb")
    assert made.name == "ex99_secret.ipynb" and CANARY not in made.read_text()
    assert before == {path: path.read_bytes() for path in RELEASES.rglob("*.ipynb")}
    monkeypatch.setenv("ALEXNET_COURSE_EXERCISES", str(tmp_path / "nowhere"))
    with pytest.raises(SystemExit, match="holds no exercises; expected"):
        exercises.sources()


def test_a_private_folder_that_is_not_there_keeps_no_test_from_running(tmp_path):
    """The tests are of the exercises in this tree, whatever the variable names."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", __file__],
        cwd=ROOT,
        env=os.environ | {"ALEXNET_COURSE_EXERCISES": str(tmp_path / "nowhere")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_an_exercise_is_whole[ex03]" in done.stdout


def test_the_trial_notices_bad_tests_and_bad_answers(monkeypatch):
    item = next(exercises.items(SOURCES["ex03"]))
    known = {
        item.name: {"right, called wrong": exercises.answers("ex03")[1][item.name]["by a loop"]}
    }
    monkeypatch.setattr(exercises, "answers", lambda name: (known, {}))
    words = " ".join(exercises.faults("ex03", item))
    assert "wrong, but passes: right, called wrong" in words
    assert "has 1 wrong and 0 right answers" in words
    known = {item.name: {"wrong, called right": "sizes['conv1'] = 54"}}
    monkeypatch.setattr(exercises, "answers", lambda name: ({}, known))
    assert "right, but refused: wrong, called right" in " ".join(exercises.faults("ex03", item))
    assert exercises.STUB in item.with_answer(exercises.STUB)


@pytest.mark.parametrize(
    "body",
    [
        "return window // 0",  # in a function that a check calls
        "return -1 + undefined",
    ],
)
def test_a_wrong_answer_that_merely_stops_is_not_counted_as_caught(monkeypatch, body):
    item = next(item for item in exercises.items(SOURCES["ex03"]) if item.name == "positions")
    known = {item.name: {"stops": body, "is wrong": "return 1"}}
    monkeypatch.setattr(exercises, "answers", lambda name: (known, {}))
    words = [fault for fault in exercises.faults("ex03", item) if "wrong, but" in fault]
    assert len(words) == 1 and "no check finds it, since it stops: stops: " in words[0]


def test_a_wrong_answer_that_stops_outside_of_any_check_is_not_counted_either(monkeypatch):
    item = next(exercises.items(SOURCES["ex03"]))
    known = {item.name: {"stops": "sizes['conv1'] = 1 / 0"}}
    monkeypatch.setattr(exercises, "answers", lambda name: (known, {}))
    assert "since it stops: stops: division by zero" in " ".join(exercises.faults("ex03", item))


def test_what_to_upload_is_written_once_and_nothing_is_written_over(tmp_path, capsys):
    for said in ("ex03", "3", "Exercise 03"):
        exercises.assign(exercises.named(said), tmp_path)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert set(made) == {"ex03_size_arithmetic.ipynb", "ex03.html"}
    kept = RELEASES / "ex03" / "ex03_size_arithmetic.ipynb"
    assert made["ex03_size_arithmetic.ipynb"] == kept.read_text()
    page = BeautifulSoup(made["ex03.html"], "html.parser")
    assert page.h1.text == "Exercise 3 · Size arithmetic"
    assert (
        "takes about 45 minutes; 14 points in all" in page.text and "# Your code here" in page.text
    )
    assert "Colab," not in page.text  # no copy is published, so nothing installs the course there
    assert "points  14 at most" in capsys.readouterr().out
    (tmp_path / "ex03.html").write_text("mine")
    with pytest.raises(SystemExit, match=r"ex03\.html is there already, and is another one"):
        exercises.assign("ex03", tmp_path)
    assert (tmp_path / "ex03.html").read_text() == "mine"


@pytest.mark.parametrize("said", ["18", "", "ex3b", "size"])
def test_an_exercise_that_is_not_there_is_asked_for(said):
    with pytest.raises(SystemExit, match=r"expected one of ex01, .*, ex17"):
        exercises.named(said)


def test_a_published_copy_is_offered_in_colab(tmp_path, monkeypatch):
    monkeypatch.setattr(exercises, "ADDRESS", re.compile(r"import (importlib)\b"))
    exercises.assign("ex03", tmp_path)
    assert "upload it in Colab, where its first cell installs" in " ".join(
        BeautifulSoup((tmp_path / "ex03.html").read_text(), "html.parser").text.split()
    )


def test_the_guide_says_for_each_written_answer_what_gives_points_and_half_points():
    guide = (ROOT / "book" / "give_back.md").read_text()
    rows = [row.strip("| ").split(" | ") for row in guide.splitlines() if re.match(r"\| \d", row)]
    told = {f"ex{int(number):02}": cells for number, *cells in rows}
    written = {
        name: cell.source
        for name, path in SOURCES.items()
        for cell in cells(path)
        if cell.cell_type == "markdown" and about(cell).get("solution")
    }
    assert told.keys() == written.keys()
    assert all(len(one) == 3 and all(one) for one in told.values())
    without = [name for name, text in written.items() if "Half of" not in text]
    assert not without, "a model answer says what gives half a point, too"
