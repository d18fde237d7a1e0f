"""Grades what students hand in, however they hand it in.

``python tools/grading.py grade FOLDER`` (or a .zip) collects the notebooks, mends what can be
mended, runs nbgrader on each and reports; ``report`` takes the points for written answers from
``grading/written.csv`` and reports again. A report is ``grades.csv``, ``points.csv`` (a column an
exercise), ``not_graded.csv`` and ``written.csv`` below ``grading/``, and a page of feedback for
every student and exercise; ``for-moodle``, ``for-canvas`` and ``for-brightspace`` have what these
take back. ``who.csv`` there says whose files are, and asks where that is open.
"""

import argparse
import contextlib
import functools
import os
import shutil
import sqlite3
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import forkserver, get_context
from multiprocessing.context import BaseContext
from pathlib import Path

from nbgrader.api import MissingEntry
from sqlalchemy.exc import SAWarning
from traitlets.config import Config

import box
import exercises
from archives import Gathered
from collecting import Handed, Refused, collect
from course import AUTOGRADED, Blank, Course, Ran, answer_of, digest_of
from owners import LEFT_OUT, Roll
from platforms import ClassList, some
from reporting import report
from tables import write_table

NO_BOX = (
    "students' code runs as you. It can read and change your files and this grading, use the "
    "network and leave programs running; book/grade.md tells of a container."
)


def grade(course: Course, source: Path, listed: ClassList | None = None) -> None:
    """Collect, mend and grade all that lies in the folder or .zip ``source``; then :func:`report`.

    Warm-ups must be those of the numbers that the class list ``listed`` has, or the last that had.

    Raises :class:`SystemExit`, with nothing graded, if it is open whose some of it is.
    """
    if why := box.why_not():
        print(f"No box here ({why}): {NO_BOX}")
    _start()
    releases = course.register()
    with tempfile.TemporaryDirectory() as scratch:
        roll = Roll(course.who_is_who())
        handed, refused = collect(Gathered(source, Path(scratch)), releases, roll)
    _call(course, roll)
    students = sorted({one.student for one in handed})
    print(f"{len(handed)} notebooks of {len(students)} students: {', '.join(students)}")
    numbers = _numbers(course, handed, listed)
    notes = {}
    with _trials(course, handed, numbers) as trials:
        for count, (one, trial) in enumerate(zip(handed, trials, strict=True), start=1):
            print(f"[{count}/{len(handed)}] {one.student}, {one.exercise}", end="", flush=True)
            try:
                done = _autograde(course, one, numbers.get(one.student, ""), trial)
            except Exception as error:  # whatever it is, the others are to be graded
                is_known = isinstance(error, NotGraded)
                why = str(error) if is_known else f"{type(error).__name__}: {error}"
                refused.append(Refused(one.student, one.file, why))
                print(": could not be graded")
                continue
            if numbers and one.student not in numbers:
                done.append("the number was not checked")
            notes[one.student, one.exercise] = "; ".join([*one.notes, *done])
            course.remember(one)
            print(f": {trial.seconds:.0f} s" if trial else ": done")
    write_table(course.folder / "not_graded.csv", ["student", "file", "why"], map(vars, refused))
    report(course, notes)
    print(f"{len(refused)} files not graded: see {course.folder / 'not_graded.csv'}")


def _numbers(course: Course, handed: list[Handed], listed: ClassList | None) -> dict[str, str]:
    """The number of each student for whom there is one; says who is not in the class list."""
    names = course.people()
    people = {student: names[student] for student in sorted({one.student for one in handed})}
    came_as = course.came_as() | {
        (one.student, one.exercise): one.came_as for one in handed if one.came_as
    }
    if listed:
        _call_the_roll(listed, *listed.lines(people, came_as))
    if not (numbered := course.numbers(listed)):
        return {}
    lines, _ = numbered.lines(people, came_as)
    return {student: numbered.number(row) for student, row in lines.items()}


def _call_the_roll(
    listed: ClassList, lines: dict[str, Mapping[str, str]], unknown: dict[str, list[str]]
) -> None:
    """Say who is not in the class list, and who in it handed in nothing."""
    for student, may_be in unknown.items():
        fits = f" (or is it {' or '.join(may_be)}?)" if may_be else ""
        print(
            f"{student} is not in the class list{fits}: no number is checked, no line to import "
            "written. To say who it is, add a line to who.csv: as name what the list has for them, "
            "such as an e-mail address, and this student; then grade again"
        )
    here = {id(row) for row in lines.values()}
    if missing := [listed.shown(row) for row in listed.rows if id(row) not in here]:
        print(f"in the class list, but handed in nothing: {some(missing)}")


def _call(course: Course, roll: Roll) -> None:
    """Write ``who.csv``; stop if there is something to ask."""
    path = course.folder / "who.csv"
    known = {name: student for name, student in roll.known.items() if name not in roll.asked}
    rows = [{"name": name, "student": who} for name, who in (roll.asked | known).items()]
    write_table(path, ["name", "student"], rows)
    for words in roll.apart:
        print(words)
    if roll.asked:
        first, *more = sorted(roll.asked)
        others = f" and {len(more)} more" if more else ""
        raise SystemExit(
            f"nothing is graded yet, since it is open whose {first}{others} is: put the right "
            f"student into each line of {path} that begins with './' ({LEFT_OUT!r} to leave it "
            "out), then run the same command again"
        )


class NotGraded(Exception):
    """A notebook has no new grade; the message says why."""


@dataclass(frozen=True)
class _Standing:
    """What a student has for an exercise: points of tests, and points given by hand."""

    tests: float
    by_hand: dict[str, tuple[str, float]]  # name of the cell: its answer's digest, and points


def _standing(course: Course, one: Handed) -> _Standing | None:
    with course.gradebook() as book:
        try:
            submission = book.find_submission(one.exercise, one.student)
        except MissingEntry:
            return None
        cells = course.cells(one.student, one.exercise)
        grades = [grade for notebook in submission.notebooks for grade in notebook.grades]
        by_hand = {
            grade.name: (digest_of(answer_of(cells, grade)), grade.manual_score)
            for grade in grades
            if grade.manual_score is not None and not grade.needs_manual_grade
        }
        return _Standing(sum(grade.auto_score or 0 for grade in grades), by_hand)


@dataclass(frozen=True)
class _Trial:
    """What came of running a notebook apart: why it can't be graded, or its cells."""

    why: str
    ran: Ran
    seconds: float


def _try(
    registered: Path, config: Config, around: dict[str, str], one: Handed, number: str, blank: Blank
) -> _Trial:
    """Run a notebook in a process and a gradebook of its own."""
    os.environ.clear()
    os.environ.update(around)
    warnings.filterwarnings("ignore", category=SAWarning)  # of nbgrader's own making
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        try:
            course = Course(Path(scratch), config)
            shutil.copyfile(registered, course.database)
            why = course.run(one, number, blank)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
        cells = [] if why else course.cells(one.student, one.exercise)
    ran = [cell for cell in cells if cell.cell_type == "code"]
    return _Trial(why, ran, time.monotonic() - started)


def _start() -> BaseContext:
    """How processes start: if they can, from one that has imported what is slow to import."""
    if not hasattr(os, "fork"):
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(["nbgrader.apps", "alexnet_course.checks"])
    forkserver.ensure_running()  # it imports while others do something else
    return context


@contextlib.contextmanager
def _trials(
    course: Course, handed: list[Handed], numbers: dict[str, str]
) -> Iterator[Iterator[_Trial | None]]:
    """A trial of each notebook, in their order, while others run.

    There is none of one that is blank and changes nothing, and none if its process died.
    """

    def outcome(future: Future[_Trial] | None) -> _Trial | None:
        try:
            return future.result() if future else None
        except BrokenExecutor:
            return None

    with tempfile.TemporaryDirectory() as scratch:
        registered = Path(scratch) / "gradebook.db"
        _copy(course.database, registered)
        pool = ProcessPoolExecutor(box.at_a_time(), _start())
        run = functools.partial(_try, registered, course.api.config, dict(os.environ))
        try:
            futures = [
                pool.submit(run, one, numbers.get(one.student, ""), course.blank(one.exercise))
                if one.worked_in or _standing(course, one) is None
                else None
                for one in handed
            ]
            yield map(outcome, futures)
        finally:
            pool.shutdown(cancel_futures=True)


def _autograde(course: Course, one: Handed, number: str, trial: _Trial | None) -> list[str]:
    """Enter a notebook's points, run if it could not be tried; gives what became of those by hand.

    Raises :class:`NotGraded` if it is blank or fails where an earlier one did not, or can't be
    run; all that stood before then stands as it was.
    """
    before = _standing(course, one)
    if before is not None and not one.worked_in:
        raise NotGraded("is blank; the points of an earlier file stand")
    with _or_as_before(course, one):
        why = trial.why if trial else ""
        if not why:
            ran = trial.ran if trial else ()
            why = course.run(one, number, course.blank(one.exercise), ran)
        after = _standing(course, one)
        if not why and before and before.tests and not (after and after.tests):
            why = "passes no test"
        if why:
            raise NotGraded(why + ("; the points of an earlier file stand" if before else ""))
        return _keep_points(course, one, before.by_hand if before else {})


@contextlib.contextmanager
def _or_as_before(course: Course, one: Handed) -> Iterator[None]:
    """Make room for a new grade; on an error, or Ctrl-C, all is put back as it was."""
    steps = [
        course.folder / step / one.student / one.exercise for step in ("submitted", AUTOGRADED)
    ]
    with tempfile.TemporaryDirectory() as kept:
        _copy(course.database, Path(kept) / "gradebook.db")
        for step in steps:
            if step.exists():
                shutil.move(step, Path(kept) / step.parts[-3])
        try:
            yield
        except BaseException:
            for step in steps:
                shutil.rmtree(step, ignore_errors=True)
                if (Path(kept) / step.parts[-3]).exists():
                    shutil.move(Path(kept) / step.parts[-3], step)
            _copy(Path(kept) / "gradebook.db", course.database)
            raise


def _copy(database: Path, to: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(database)) as source,
        contextlib.closing(sqlite3.connect(to)) as target,
    ):
        source.backup(target)


def _keep_points(course: Course, one: Handed, by_hand: dict[str, tuple[str, float]]) -> list[str]:
    """Leave points given by hand with the answers that they were given to; says which are gone."""
    notes = []
    cells = course.cells(one.student, one.exercise)
    with course.gradebook() as book:
        for notebook in book.find_submission(one.exercise, one.student).notebooks:
            for grade in notebook.grades:
                digest, points = by_hand.get(grade.name, ("", None))
                if digest == digest_of(answer_of(cells, grade)):
                    grade.manual_score, grade.needs_manual_grade = points, False
                    continue
                grade.manual_score, grade.needs_manual_grade = None, grade.auto_score is None
                if points:
                    given = f"{points:g} of {grade.max_score:g} points"
                    notes.append(f"{grade.name} had {given} for an earlier answer")
        book.db.commit()
    return notes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--into", type=Path, default=exercises.ROOT / "grading")
    commands = parser.add_subparsers(dest="command", required=True)
    grading = commands.add_parser("grade", help="collect, mend, grade and report")
    grading.add_argument("folder", type=Path, help="a folder of submissions, or a .zip of one")
    grading.add_argument(
        *("--class", "--numbers"),
        dest="listed",
        type=Path,
        help="a table of the class, as platforms export it; a column 'number' is checked",
    )
    commands.add_parser("report", help="take over written.csv and report again")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=SAWarning)  # of nbgrader's own making
    course = Course(options.into.resolve())
    os.environ |= {"ALEXNET_COURSE_CIFAR10": "stand-in", "ALEXNET_COURSE_SCALE": "quick"}
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # several notebooks run at a time
    print(f"exercises from {next(iter(course.sources.values())).parents[1]}")
    if options.command == "report":
        if not report(course):
            sys.exit(1)
        return
    grade(course, options.folder, course.class_list(options.listed))


if __name__ == "__main__":
    main()
