"""A submission changes nothing but itself, whatever it tries."""

import json
import os
import socket
import subprocess
import sys
import time
import warnings
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

import box
import grading
import hostile
import reporting
import running
from submissions import EXERCISE
from test_grading import points, table
from test_notebooks import ROOT

REASON = f"no box here ({box.why_not()}): what hostile notebooks do to a machine is not tried"
SAFE = {name for name, one in hostile.TABLE.items() if not one.boxed}
IN_BOX = set(hostile.TABLE) - SAFE


@pytest.fixture(scope="module")
def secrets(tmp_path_factory):
    """What the submissions know of this machine; nothing of it may have changed when they ran."""
    folder = tmp_path_factory.mktemp("machine")
    precious, door = folder / "precious", Path("/tmp") / f"door-{os.getpid()}"
    precious.write_text("kept")
    with socket.create_server(("127.0.0.1", 0)) as port, socket.socket(socket.AF_UNIX) as plug:
        plug.bind(str(door))
        plug.listen()
        yield {
            "source": str(ROOT / "exercises" / "source" / EXERCISE / hostile.FILE),
            "repository": str(ROOT),
            "precious": str(precious),
            "door": str(door),
            "port": port.getsockname()[1],
            "pid": os.getpid(),
        }
    door.unlink()
    assert precious.read_text() == "kept"


@pytest.fixture(scope="module")
def course(tmp_path_factory, secrets):
    """The whole table is graded, or what of it is safe where there is no box."""
    names = sorted(set(hostile.TABLE) if not box.why_not() else SAFE)
    around = os.environ | {"ALEXNET_COURSE_CIFAR10": "stand-in", "ALEXNET_COURSE_SCALE": "quick"}
    around |= {"SECRET": "SECRET", "PYTHONWARNINGS": "ignore"}
    folder = tmp_path_factory.mktemp("hostile")
    order = json.dumps([str(folder), sorted({*names, "neighbour"}), secrets])
    done = subprocess.run(
        [sys.executable, hostile.__file__, order],
        env=around,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return grading.Course(folder / "grading")


@pytest.fixture
def boxed(course):
    if box.why_not():
        warnings.warn(REASON, stacklevel=1)
        pytest.skip(REASON)
    return course


def outcome(course, name):
    """Points, or why there are none."""
    if name in points(course):
        return points(course)[name]
    return table(course, "not_graded")[name]["why"]


def shown(course, name):
    cells = course.cells(name, EXERCISE)
    return "\n".join(json.dumps(cell.outputs) for cell in cells if cell.cell_type == "code")


def test_the_table_is_as_long_as_the_guide_says():
    table = hostile.TABLE.values()
    attacks = {what for one in table for what in (*one.cells, *one.first, *one.answers)}
    count = len(attacks - set(hostile.LESS)) + len(hostile.ARCHIVES) + 1  # and a link
    guide = (ROOT / "book" / "grade.md").read_text()
    assert f"Tested with {count} attacks" in guide


def judged(course, name):
    expected, got = hostile.TABLE[name], outcome(course, name)
    if isinstance(got, str):
        assert expected.why and expected.why in got, got
    else:
        assert got == expected.points
    assert outcome(course, "neighbour") == hostile.ALL
    assert f"{hostile.DAMAGE} " not in shown(course, name).replace(f"{hostile.DAMAGE}\\n", "")


@pytest.mark.parametrize("name", sorted(SAFE))
def test_an_attack_on_the_checks_gets_no_points_and_costs_no_honest_ones(course, name):
    judged(course, name)


@pytest.mark.parametrize("name", sorted(IN_BOX))
def test_an_attack_on_the_machine_is_contained(boxed, name):
    judged(boxed, name)


def test_nothing_is_left_running(boxed):
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert hostile.DAEMON not in path.read_text()
        except OSError:
            continue


def test_feedback_runs_nothing_and_stays_small(boxed):
    (page,) = (boxed.folder / "feedback" / "shows" / EXERCISE).glob("*.html")
    text = page.read_text()
    tags = BeautifulSoup(text, "html.parser").find_all(True)
    assert not [tag for tag in tags if tag.name == "script" and "alert(" in tag.text]
    assert not [tag for tag in tags if "alert(" in str(tag.attrs)]
    assert hostile.SCRIPT in BeautifulSoup(text, "html.parser").text  # shown as it was typed
    assert len(text) < 20 * 2**20


def test_archives_and_links_lead_nowhere(course):
    refused = table(course, "not_graded")
    assert not {f"packer-{n}" for n in range(len(hostile.ARCHIVES))} & points(course).keys()
    assert [refused[f"packer-{n}"]["why"].split(":")[0] for n in range(5)] == [
        "is 200 MB unpacked; 100 at most",
        "has a name that leads out of its archive",
        "can't be read as a notebook (JSONDecodeError)",
        "can't be read as a notebook (RecursionError)",
        "holds this course's own solutions or tests",
    ]
    assert "is a link" in refused["linker"]["why"]
    assert not Path("/tmp/hostile.ipynb").exists()
    assert len(hostile.ARCHIVES) == 5


def changed(course, name, **fields):
    with course.gradebook() as book:
        notebook = course.sources[EXERCISE].stem
        grade = book.find_grade(name, notebook, EXERCISE, "neighbour")
        before = {field: getattr(grade, field) for field in fields}
        for field, value in fields.items():
            setattr(grade, field, value)
        book.db.commit()
    return before


@pytest.mark.parametrize(
    ("name", "fields", "said"),
    [
        (
            "check-positions",
            {"auto_score": 1},
            "1 of 3 points in the gradebook, but 3 in the graded",
        ),
        ("check-positions", {"manual_score": 4}, "4 of 3 points in the gradebook"),
        ("check-positions", {"extra_credit": 1}, "4 of 3 points in the gradebook"),
        ("three-ways", {"manual_score": -1}, "-1 of 2 points in the gradebook"),
        ("three-ways", {"auto_score": 2}, "2 of 2 points in the gradebook, but none in the graded"),
    ],
)
def test_points_that_are_not_those_of_the_notebook_stop_the_report(course, name, fields, said):
    written = (course.folder / "grades.csv").read_bytes()
    before = changed(course, name, **fields)
    try:
        with pytest.raises(SystemExit, match=said) as stopped:
            reporting.report(course)
    finally:
        changed(course, name, **before)
    assert f"neighbour, ex03, {name}" in str(stopped.value)
    assert (course.folder / "grades.csv").read_bytes() == written
    with course.gradebook() as book:
        assert not reporting._doubts(book, course)


def test_where_there_is_no_box_it_says_so_at_the_start(course, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(box, "why_not", lambda: "bubblewrap is not installed")
    monkeypatch.setattr(course, "register", lambda: pytest.fail("started"))
    with pytest.raises(pytest.fail.Exception):
        grading.grade(course, tmp_path)
    said = capsys.readouterr().out
    assert said.startswith("No box here (bubblewrap is not installed): students' code runs as you.")
    assert len(said.splitlines()) == 1


def test_the_students_number_stands_in_the_test():
    run = running.Run(number="7")
    source = 'assigned = 60 + (int(os.environ.get("ALEXNET_COURSE_NUMBER", student)) + 4) % 13'
    assert run._numbered(source) == "assigned = 60 + (int(7) + 4) % 13"
    assert running.Run()._numbered(source) == "assigned = 60 + (int(student) + 4) % 13"


def test_every_source_takes_its_number_that_way():
    for path in grading.exercises.sources().values():
        cells = nbformat.read(path, as_version=4).cells
        tests = "\n".join(cell.source for cell in cells if running.name_of_test(cell))
        assert "ALEXNET_COURSE_NUMBER" not in running.Run(number="7")._numbered(tests), path


def test_a_box_that_can_not_be_made_is_no_box(monkeypatch):
    monkeypatch.setattr(box, "PROGRAM", "a-program-that-is-not-there")
    box.why_not.cache_clear()
    assert box.why_not() == "bubblewrap is not installed"
    monkeypatch.setattr(box, "PROGRAM", "false")
    box.why_not.cache_clear()
    assert box.why_not() == "bwrap could not make a box"
    box.why_not.cache_clear()


def test_what_holds_too_much_is_stopped(boxed, monkeypatch):
    process, root = box.start(["sleep", "300"])
    try:
        wait_for((root / "proc" / "2").exists)
        assert not box._too_much(root)
        monkeypatch.setattr(box, "PROCESSES", 1)
        assert box._too_much(root)
        monkeypatch.undo()
        monkeypatch.setattr(box, "memory", lambda: 1000)
        assert box._too_much(root)
    finally:
        process.kill()
        process.wait()


def wait_for(holds):
    ends = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_box_ends_with_whoever_waits_for_it(tmp_path):
    if box.why_not():
        pytest.skip(REASON)
    path = tmp_path / "kernel.json"
    ports = {f"{name}_port": 1 + n for n, name in enumerate(("shell", "iopub", "stdin", "hb"))}
    about = {"transport": "ipc", "key": "", "control_port": 5, "signature_scheme": "hmac-sha256"}
    path.write_text(json.dumps(ports | about))
    order = [sys.executable, box.__file__, str(path)]
    waits = f"import subprocess; subprocess.run({order!r})"
    grader = subprocess.Popen([sys.executable, "-c", waits])
    wait_for((tmp_path / "inside").is_symlink)
    inside = (tmp_path / "inside").readlink().parents[1]
    assert inside.exists()
    grader.kill()
    grader.wait()
    wait_for(lambda: not inside.exists())
