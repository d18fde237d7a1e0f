"""Makes the students' notebooks from their sources, and tries the tests in them.

``python tools/exercises.py release`` writes ``notebooks/exercises``; ``assign`` writes what to give
to a learning platform; ``try`` runs every known right and wrong answer (``exercises/answers``)
against the tests and says how many are told apart.
"""

import argparse
import contextlib
import io
import itertools
import re
import runpy
import tempfile
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.filters import markdown2html
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config, PyFileConfigLoader

from alexnet_course.checks import NotYet

ROOT = Path(__file__).resolve().parent.parent
ANSWERS = ROOT / "exercises" / "answers"
REGION = re.compile(r"(?ms)^([ \t]*)### BEGIN SOLUTION\n.*?^[ \t]*### END SOLUTION$")
HIDDEN = re.compile(r"(?ms)^### BEGIN HIDDEN TESTS\n.*?^### END HIDDEN TESTS$")
STUB = "# Your code here"
NUMBER = re.compile(r"(?m)^student = 0\b")
ADDRESS = re.compile(r'(?m)^REPOSITORY, REVISION = "(.*)",')
IN_COLAB = (
    " Or upload it in <a href='https://colab.research.google.com'>Colab</a>, where its first cell "
    "installs the course."
)
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
<h1>{title}</h1>
{about}
<h2>Hand in</h2>
<ul>
<li>Work on the notebook in your clone of the course (<code>make lab</code>).{lab}</li>
<li>If you were given a number, put it in place of the 0 in the line <code>student = 0</code>.</li>
<li>At the end restart, run everything, and save.</li>
<li>Hand in the notebook itself, a file whose name ends in <code>.ipynb</code> (in Colab: File →
Download → Download .ipynb), not a link or a PDF.</li>
</ul>
</body>
</html>
"""
SET = """\
{folder}/{notebook}: for the students
{folder}/{name}.html: a description; open it in a browser, copy, and paste it into the platform
There, set an assignment of its own for this exercise:
  name    {title}
  points  {points} at most
  files   one, whose name ends in .ipynb
  Moodle  under 'Feedback types', tick 'Offline grading worksheet' and 'Feedback files'"""
SETTINGS = "the cell with the student's number"  # its source, among the names that it defines


def settings(config: Config | None = None, **directories: Path) -> Config:
    """nbgrader's settings, by default from ``nbgrader_config.py``, with other folders for steps."""
    if config is None:
        config = PyFileConfigLoader("nbgrader_config.py", path=str(ROOT)).load_config()
    for step, folder in directories.items():
        config.CourseDirectory[f"{step}_directory"] = str(folder)
    return config


def sources(config: Config | None = None) -> dict[str, Path]:
    """The source notebook of each exercise, by the exercise's name."""
    folder = ROOT / (config or settings()).CourseDirectory.source_directory
    found = {path.parent.name: path for path in sorted(folder.glob("*/*.ipynb"))}
    if not found:
        raise SystemExit(
            f"{folder} holds no exercises; expected <name>/<notebook>.ipynb there, or in another "
            "folder, which ALEXNET_COURSE_EXERCISES can name"
        )
    return found


def generate(api: NbGraderAPI, names: Iterable[str]) -> None:
    """Write the releases of the exercises ``names``, or stop with the reason."""
    for name in names:
        result = api.generate_assignment(name, force=True)
        if not result["success"]:
            raise SystemExit(f"{name} could not be released:\n{result.get('log', '')}")


def release(folder: Path | None = None, names: Iterable[str] = ()) -> None:
    """Write exercises (all, or ``names``) without solutions and hidden tests, into ``folder``."""
    config = settings(None, **({"release": folder} if folder else {}))
    config.GenerateAssignment.no_database, config.SaveCells.enabled = True, False
    course = CourseDirectory(config=config)
    generate(NbGraderAPI(course, config=config), names or sources(config))


def named(said: str) -> str:
    """The exercise that *ex03*, *3* or *Exercise 3* means."""
    known = sources()
    number = re.search(r"(\d+)\s*$", said)
    for name in known:
        own = re.search(r"(\d+)$", name)
        if said == name or (number and own and int(number[1]) == int(own[1])):
            return name
    raise SystemExit(f"EXERCISE is {said!r}; expected one of {', '.join(known)}")


def assign(name: str, folder: Path) -> None:
    """Write into ``folder`` what to upload for an exercise, and print what to set there.

    The notebook, and a description to be pasted. Nothing that is there already is written over.
    """
    with tempfile.TemporaryDirectory() as scratch:
        release(Path(scratch), [name])
        notebook = Path(scratch) / name / sources()[name].name
        cells = nbformat.read(notebook, as_version=4).cells
        title, _, aim = cells[0].source.removeprefix("# ").partition("\n")
        page = PAGE.format(title=title, about=markdown2html(aim), lab=_where(cells))
        files = {notebook.name: notebook.read_bytes(), f"{name}.html": page.encode()}
    folder.mkdir(parents=True, exist_ok=True)
    for file, data in files.items():
        path = folder / file
        if path.exists() and path.read_bytes() != data:
            raise SystemExit(f"{path} is there already, and is another one: name another folder")
        path.write_bytes(data)
    points = sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in cells)
    print(SET.format(folder=folder, notebook=notebook.name, name=name, title=title, points=points))


def _where(cells: list[nbformat.NotebookNode]) -> str:
    """Where students can work on a notebook: on a published copy of the course, in Colab, too."""
    found = next(filter(None, (ADDRESS.search(cell.source) for cell in cells)), None)
    return IN_COLAB if found and found[1] else ""


@dataclass(frozen=True)
class Item:
    """A solution cell, the test cell behind it, and the names that are defined before it."""

    name: str
    solution: str
    test: str
    before: dict[str, Any]

    @property
    def numbered(self) -> bool:
        """Whether the answer depends on the student's number."""
        return "ALEXNET_COURSE_NUMBER" in self.test

    @property
    def by_hand(self) -> bool:
        """Whether it is a warm-up: results on paper, in a dictionary, by the student's number."""
        return self.numbered and ": None" in self.solution

    def with_answer(self, body: str) -> str:
        """The solution cell with ``body`` in place of its solution."""

        def put(match: re.Match[str]) -> str:
            return textwrap.indent(textwrap.dedent(body).strip("\n"), match[1])

        return REGION.sub(put, self.solution)

    def verdicts(self, body: str | None = None) -> Iterator[Exception | None]:
        """What the tests that students see raise when ``body`` is the answer, ``None`` if they
        pass; then, the hidden ones having run, too, what all tests do.

        By default the source's own solution is tried.
        """
        names = dict(self.before)
        answer = self.solution if body is None else self.with_answer(body)
        error = _attempt(answer, names) or _attempt(HIDDEN.sub("", self.test), names)
        yield error
        yield error or _attempt("\n".join(HIDDEN.findall(self.test)), names)

    def fault(self, body: str | None = None, hidden: bool = True) -> Exception | None:
        """What the tests raise, with or without the hidden ones; see `verdicts`."""
        verdicts = self.verdicts(body)
        seen = next(verdicts)
        return next(verdicts) if hidden else seen


def items(path: Path) -> Iterator[Item]:
    """The graded code of a source notebook, whose cells are run in this process on the way."""
    names: dict[str, Any] = {"__name__": "__main__"}
    waiting: tuple[str, str, dict[str, Any]] | None = None
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        about = cell.metadata.get("nbgrader", {})
        before = dict(names)
        if about.get("grade"):
            if waiting is None:
                raise SystemExit(f"{path.name}: {about['grade_id']} follows no solution cell")
            yield Item(*waiting[:2], cell.source, waiting[2])
            waiting = None
        with contextlib.redirect_stdout(io.StringIO()):
            _run(cell.source, names)
        if NUMBER.search(cell.source):
            names[SETTINGS] = cell.source
        if about.get("solution"):
            waiting = (about["grade_id"], cell.source, before)


def with_number(item: Item, number: int) -> Item:
    """A warm-up as the student with this number has it."""
    names = dict(item.before)
    with contextlib.redirect_stdout(io.StringIO()):
        _run(NUMBER.sub(f"student = {number}", item.before[SETTINGS]), names)
    return replace(item, before=names)


def numbered(path: Path) -> Iterator[Item]:
    """The graded code whose answer depends on the student's number: what comes first."""
    return itertools.takewhile(lambda item: item.numbered, items(path))


def _run(source: str, names: dict[str, Any]) -> None:
    exec(compile(source, "<cell>", "exec"), names)


def _attempt(source: str, names: dict[str, Any]) -> Exception | None:
    """What the code raises; what it prints is not shown."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            _run(source, names)
        except Exception as error:
            return error
    return None


def answers(name: str) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """Known wrong and right answers to the exercise ``name``: item → what it is → its text."""
    kept = runpy.run_path(str(ANSWERS / f"{name}.py"))
    return kept["WRONG"], kept["RIGHT"]


def only_stops(error: BaseException) -> bool:
    """Whether an answer was merely stopped by an error, and not found wrong by a check."""
    while error.__cause__:  # a check tells in its words what a function raised
        error = error.__cause__
    return not isinstance(error, AssertionError)


def faults(name: str, item: Item) -> list[str]:
    """Where the tests of ``item`` judge a known answer wrongly, a sentence each."""
    wrong, right = (known.get(item.name, {}) for known in answers(name))
    found = []
    if error := item.fault():
        found.append(f"its own solution fails: {error}")
    found += [
        f"right, but refused: {what}: {error}"
        for what, body in right.items()
        if (error := item.fault(body))
    ]
    seen = []  # those that pass what students see
    for what, body in wrong.items():
        at_sight, error = item.verdicts(body)
        if not at_sight:
            seen.append(what)
        if not error:
            found.append(f"wrong, but passes: {what}")
        elif only_stops(error):
            found.append(f"wrong, but no check finds it, since it stops: {what}: {error}")
    blank = item.fault(STUB)
    if not isinstance(blank, NotYet):
        found.append(f"a blank answer should be told so in kind words; its check gave {blank!r}")
    if item.by_hand:
        found += [f"wrong, but all that students see passes: {what}" for what in seen]
    if len(wrong) < 5 or len(right) < 2 or (len(seen) < 2 and not item.by_hand):
        found.append(
            f"has {len(wrong)} wrong and {len(right)} right answers to be tried with, and "
            f"{len(seen)} wrong ones that pass what students see; expected 5, 2 and 2 at least"
        )
    return [f"{name}, {item.name}: {words}" for words in found]


def try_answers(names: list[str]) -> None:
    """Print for each item how many wrong answers are caught; exit with 1 if any fault is found."""
    found: list[str] = []
    count = 0
    for name, path in sources().items():
        if names and name not in names:
            continue
        for item in items(path):
            wrong = answers(name)[0].get(item.name, {})
            here = faults(name, item)
            missed = sum("wrong, but" in fault for fault in here)
            print(f"{name} {item.name:24} {len(wrong) - missed} of {len(wrong)} wrong ones caught")
            found, count = found + here, count + len(wrong)
    missed = sum("wrong, but" in fault for fault in found)
    print(f"{count - missed} of {count}: {(count - missed) / max(count, 1):.0%}")
    if found:
        raise SystemExit("\n".join(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("release", help="write the students' notebooks")
    assigning = commands.add_parser("assign", help="write what to upload for one exercise")
    assigning.add_argument("name", help="such as ex03")
    assigning.add_argument("folder", type=Path)
    commands.add_parser("try", help="try known answers").add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.command == "release":
        release()
    elif options.command == "assign":
        assign(named(options.name), options.folder)
    else:
        try_answers(options.names)


if __name__ == "__main__":
    main()
