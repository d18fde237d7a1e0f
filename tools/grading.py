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
import hashlib
import json
import os
import re
import shutil
import sqlite3
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Grade, Gradebook, MissingEntry, SubmittedAssignment
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import determine_grade
from sqlalchemy.exc import SAWarning
from traitlets.config import Config

import box
import exercises
from archives import Gathered
from collecting import Handed, Refused, collect, pattern_of
from mending import graded
from owners import LEFT_OUT, Roll, tidy
from platforms import ClassList, Exercise, Result, give_back, some
from running import name_of_test
from tables import read_table, write_table

AUTOGRADED = "autograded"
WAITING = "written answers to grade"
PLACE = ("student", "exercise", "cell")  # where a written answer is
Place = tuple[str, str, str]
Blank = list[tuple[str, str]]  # the code of a release: names of tests or none, and sources
Ran = Sequence[NotebookNode]  # code cells with what they showed
CAME_AS = ("student", "exercise", "name")
NO_BOX = (
    "students' code runs as you. It can read and change your files and this grading, use the "
    "network and leave programs running; book/grade.md tells of a container."
)
LONGEST = 32_000  # characters of an answer in a table; spreadsheets hold 32,767 in a cell


class Course:
    """The exercises, their releases, and the folders of one grading."""

    def __init__(self, folder: Path, config: Config | None = None) -> None:
        # nbgrader starts the command 'alembic', which lies beside this Python.
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.folder, self.database = folder, folder / "gradebook.db"
        folder.mkdir(parents=True, exist_ok=True)
        steps = ("release", "submitted", AUTOGRADED, "feedback")
        config = exercises.settings(config, **{step: folder / step for step in steps})
        config.CourseDirectory.db_url = f"sqlite:///{self.database}"
        self.directory = CourseDirectory(config=config)
        self.api = NbGraderAPI(self.directory, config=config)
        self.sources = exercises.sources(config)

    def gradebook(self) -> Gradebook:
        return Gradebook(self.directory.db_url, self.directory.course_id)

    def cells(self, student: str, exercise: str) -> list[NotebookNode]:
        """The cells of a graded notebook, none if there is none."""
        name = self.sources[exercise].name
        path = self.folder / AUTOGRADED / student / exercise / name
        return nbformat.read(path, as_version=4).cells if path.exists() else []

    def release(self, exercise: str) -> NotebookNode:
        """The notebook that students are given, once :meth:`register` has written it."""
        path = self.folder / "release" / exercise / self.sources[exercise].name
        return nbformat.read(path, as_version=4)

    def blank(self, exercise: str) -> Blank:
        cells = self.release(exercise).cells
        return [(name_of_test(cell), cell.source) for cell in cells if cell.cell_type == "code"]

    def register(self) -> dict[str, NotebookNode]:
        """Enter into the gradebook all exercises that are not there as they are; gives releases."""
        digests = {name: _digest(path.read_bytes()) for name, path in self.sources.items()}
        with self.made_anew("releases", digests) as stale:
            exercises.generate(self.api, stale)
        return {name: self.release(name) for name in self.sources}

    @contextlib.contextmanager
    def made_anew(self, what: str, digests: dict[str, str]) -> Iterator[list[str]]:
        """Names without a digest, or with another one than when ``what`` was made."""
        path = self.folder / "made.json"
        made = json.loads(path.read_text()) if path.exists() and self.database.exists() else {}
        before = made.get(what, {})
        yield [name for name, now in digests.items() if not now or before.get(name) != now]
        path.write_text(json.dumps(made | {what: digests}, indent=1))

    def run(self, one: Handed, number: str, blank: Blank, ran: Ran = ()) -> str:
        """Have nbgrader run a notebook and enter its points; says why if it could not.

        ``ran`` has the code cells as a run before has left them; then nothing is run.
        """
        path = self.folder / "submitted" / one.student / one.exercise
        path.mkdir(parents=True)
        name = self.sources[one.exercise].name
        (path / name).write_text(nbformat.writes(one.notebook), encoding="utf-8")
        self.api.config.Run.update(number=number, blank=blank, ran=list(ran))
        result = self.api.autograde(one.exercise, one.student, force=True)
        return "" if result["success"] else _reason(result.get("log", "") + result.get("error", ""))

    def class_list(self, path: Path | None = None) -> ClassList | None:
        """The class as ``path`` has it, which is kept; without a path as it was given last."""
        kept = self.folder / "class.csv"
        if path is None:
            return ClassList(kept) if kept.exists() else None
        listed = ClassList(path)
        if path.resolve() != kept:
            shutil.copyfile(path, kept)
        return listed

    def people(self) -> dict[str, set[str]]:
        """The names that each student goes by in ``who.csv``."""
        found: dict[str, set[str]] = defaultdict(set)
        for name, student in _who_is_who(self).items():
            if not name.startswith("./"):
                found[student].add(name)
        return found

    def came_as(self) -> dict[tuple[str, str], str]:
        """The name that a learning platform gave to each student's file, where one did."""
        rows = read_table(self.folder / "came_as.csv", *CAME_AS)
        return {(row["student"], row["exercise"]): row["name"] for row in rows}

    def remember(self, one: Handed) -> None:
        """Keep the name that a platform gave to what was graded."""
        if one.came_as:
            found = self.came_as() | {(one.student, one.exercise): one.came_as}
            rows = [
                dict(zip(CAME_AS, (*place, name), strict=True)) for place, name in found.items()
            ]
            write_table(self.folder / "came_as.csv", list(CAME_AS), rows)


def grade(course: Course, source: Path, listed: ClassList | None = None) -> None:
    """Collect, mend and grade all that lies in the folder or .zip ``source``; then :func:`report`.

    Warm-ups must be those of the numbers that the class list ``listed`` has.

    Raises :class:`SystemExit`, with nothing graded, if it is open whose some of it is.
    """
    if why := box.why_not():
        print(f"No box here ({why}): {NO_BOX}")
    releases = course.register()
    with tempfile.TemporaryDirectory() as scratch:
        roll = Roll(_who_is_who(course))
        handed, refused = collect(Gathered(source, Path(scratch)), releases, roll)
    _call(course, roll)
    students = sorted({one.student for one in handed})
    print(f"{len(handed)} notebooks of {len(students)} students: {', '.join(students)}")
    numbers = _numbers(course, handed, listed) if listed else {}
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
            notes[one.student, one.exercise] = "; ".join([*one.notes, *done])
            course.remember(one)
            print(f": {trial.seconds:.0f} s" if trial else ": done")
    write_table(course.folder / "not_graded.csv", ["student", "file", "why"], map(vars, refused))
    report(course, notes)
    print(f"{len(refused)} files not graded: see {course.folder / 'not_graded.csv'}")


def _numbers(course: Course, handed: list[Handed], listed: ClassList) -> dict[str, str]:
    """The number of each student that the class list has one for; says who is not in the list."""
    names = course.people()
    people = {student: names[student] for student in sorted({one.student for one in handed})}
    came_as = course.came_as() | {
        (one.student, one.exercise): one.came_as for one in handed if one.came_as
    }
    lines, unknown = listed.lines(people, came_as)
    for student, may_be in unknown.items():
        fits = f" (or is it {' or '.join(may_be)}?)" if may_be else ""
        print(
            f"{student} is not in the class list{fits}: no number is checked, no line to import "
            "written. To say who it is, add a line to who.csv: as name what the list has for them, "
            "such as an e-mail address, and this student"
        )
    here = {id(row) for row in lines.values()}
    if missing := [listed.shown(row) for row in listed.rows if id(row) not in here]:
        print(f"in the class list, but handed in nothing: {some(missing)}")
    return {student: number for student, row in lines.items() if (number := listed.number(row))}


def _who_is_who(course: Course) -> dict[str, str]:
    rows = read_table(course.folder / "who.csv", "name", "student")
    return {
        row["name"]: row["student"] if row["name"].startswith("./") else tidy(row["student"])
        for row in rows
    }


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
            grade.name: (digest_of(_answer(cells, grade)), grade.manual_score)
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


@contextlib.contextmanager
def _trials(
    course: Course, handed: list[Handed], numbers: dict[str, str]
) -> Iterator[Iterator[_Trial | None]]:
    """A trial of each notebook, in their order, while others run; none if its process died."""

    def outcome(future: Future[_Trial]) -> _Trial | None:
        try:
            return future.result()
        except BrokenExecutor:
            return None

    with tempfile.TemporaryDirectory() as scratch:
        registered = Path(scratch) / "gradebook.db"
        _copy(course.database, registered)
        start = get_context("forkserver" if hasattr(os, "fork") else "spawn")
        pool = ProcessPoolExecutor(box.at_a_time(), start)
        run = functools.partial(_try, registered, course.api.config, dict(os.environ))
        try:
            futures = [
                pool.submit(run, one, numbers.get(one.student, ""), course.blank(one.exercise))
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
                if digest == digest_of(_answer(cells, grade)):
                    grade.manual_score, grade.needs_manual_grade = points, False
                    continue
                grade.manual_score, grade.needs_manual_grade = None, grade.auto_score is None
                if points:
                    given = f"{points:g} of {grade.max_score:g} points"
                    notes.append(f"{grade.name} had {given} for an earlier answer")
        book.db.commit()
    return notes


def _answer(cells: list[NotebookNode], grade: Grade) -> str:
    """What ``grade`` was given for: a written answer, or for a test all code answers."""
    if grade.cell.cell_type == "markdown":
        wanted = [cell for cell in cells if graded(cell).get("grade_id") == grade.name]
    else:
        wanted = [cell for cell in cells if graded(cell).get("solution")]
    return "\n\n".join(cell.source for cell in wanted)


def _digest(*parts: bytes) -> str:
    """What tells whether something was made of these parts, as the course makes it today."""
    course = [exercises.ROOT / name for name in ("nbgrader_config.py", "tools/safe_html.py")]
    whole = hashlib.sha256()
    for part in (*(path.read_bytes() for path in course), *parts):
        whole.update(hashlib.sha256(part).digest())
    return whole.hexdigest()


def digest_of(answer: str) -> str:
    """What tells an answer from another one, whatever a spreadsheet makes of its text."""
    plain = "".join(answer.split())
    return f"id-{hashlib.sha256(plain.encode()).hexdigest()[:12]}"


def _reason(log: str) -> str:
    if found := re.search(r"running\.Tampered: (.*)", log):
        return (
            f"its code changes the checks: at its end, {found[1]} passes them. Read it, then ask "
            "the student (if a blank notebook has points too, the exercise is at fault)"
        )
    if "DeadKernelError" in log or "Kernel died" in log:
        return "its code ends Python itself (or takes all memory): read it, then ask the student"
    if "UnresponsiveKernelError" in log or "CellTimeoutError" in log:
        return (
            "its code runs for ever and can't be stopped, or shows more than can be read: look at "
            "it, then ask the student"
        )
    lines = [line.strip() for line in log.splitlines() if "Error" in line]
    return f"nbgrader could not run it: {lines[-1] if lines else 'no reason given'}"


@dataclass(frozen=True)
class _Written:
    """A written answer, where it is, and what the gradebook holds on it."""

    place: Place
    grade: Grade
    answer: str

    @property
    def digest(self) -> str:
        return digest_of("\n".join([*self.place, self.answer]))

    def is_of(self, line: dict[str, str]) -> bool:
        """Whether a line is about this very answer: by digest, or text if it has none."""
        digest = line.get("digest", "").strip()
        return (
            digest == self.digest if digest else digest_of(line["answer"]) == digest_of(self.answer)
        )


def report(course: Course, notes: dict[tuple[str, str], str] | None = None) -> bool:
    """Take over the points in ``written.csv``; write the tables, the pages of feedback, and what
    learning platforms take back.

    ``False`` if a line of ``written.csv`` could not be taken over; it is printed and kept. Raises
    :class:`SystemExit`, with nothing changed, if points are not those of the graded notebooks.
    """
    written, grades = course.folder / "written.csv", course.folder / "grades.csv"
    kept = {(row["student"], row["exercise"]): row["notes"] for row in read_table(grades)}
    kept |= notes or {}
    with course.gradebook() as book:
        if doubts := _doubts(book, course):
            raise SystemExit("\n".join([*doubts, "No table is written: grade these again."]))
        wrong = _take_over(read_table(written, *PLACE, "points", "answer"), _written(book, course))
        book.db.commit()
        book.db.expire_all()  # sums are made anew
        answers = _written(book, course)
        waiting = Counter(
            place[:2] for place, one in answers.items() if one.grade.needs_manual_grade
        )
        rows: list[dict[str, str]] = [
            {
                "student": student,
                "exercise": exercise,
                "points": f"{submission.score:g}",
                "of": f"{submission.max_score:g}",
                WAITING: str(waiting[student, exercise]),
                "notes": kept.get((student, exercise), ""),
            }
            for student, exercise, submission in _submissions(book)
        ]
        lines = [_line(one, wrong.get(place)) for place, one in answers.items()]
    rows.sort(key=lambda row: (row["student"], row["exercise"]))
    write_table(grades, ["student", "exercise", "points", "of", WAITING, "notes"], rows)
    write_table(written, [*PLACE, "of", "points", "digest", "answer"], lines)
    wide: dict[str, dict[str, str]] = {}
    for row in rows:
        wide.setdefault(row["student"], {"student": row["student"]})[row["exercise"]] = row[
            "points"
        ]
    columns = ["student", *sorted({row["exercise"] for row in rows})]
    write_table(course.folder / "points.csv", columns, wide.values())
    _pages(course)
    _give_back(course, rows)
    print(f"{len(rows)} graded: {grades}; feedback in {course.folder / 'feedback'}")
    if waiting:
        print(f"written answers wait for points in {written}; then run 'make grades'")
    return not wrong


def _pages(course: Course) -> None:
    """Make the pages of feedback whose notebook, points or remarks have changed."""
    places, digests = {}, {}
    with course.gradebook() as book:
        for student, exercise, submission in _submissions(book):
            shown = [str(course.cells(student, exercise))]
            for notebook in submission.notebooks:
                shown += [f"{one.name} {one.score}" for one in notebook.grades]
                shown += [f"{one.name} {one.comment}" for one in notebook.comments]
            name = f"{student}/{exercise}"
            places[name], digests[name] = (student, exercise), _digest(*map(str.encode, shown))
            if not list((course.folder / "feedback" / student / exercise).glob("*.html")):
                digests[name] = ""
    with course.made_anew("pages", digests) as stale:
        for name in stale:
            student, exercise = places[name]
            if not course.api.generate_feedback(exercise, student, force=True)["success"]:
                print(f"no feedback for {student}, {exercise}: grade it again")
                digests[name] = ""


def _give_back(course: Course, rows: list[dict[str, str]]) -> None:
    """Write what learning platforms take back, and print what does not go there."""
    results = [
        Result(
            row["student"],
            row["exercise"],
            float(row["points"]),
            float(row["of"]),
            final=row[WAITING] == "0",
        )
        for row in rows
    ]
    known = {}
    for name in {row["exercise"] for row in rows}:
        release = course.release(name)
        heading = re.match(r"# *([^\W\d]+ \d+)", release.cells[0].source)
        known[name] = Exercise(heading[1] if heading else name, pattern_of({name: release}))
    names = course.people()
    people = {row["student"]: names[row["student"]] for row in rows}
    for words in give_back(
        course.folder, results, known, course.came_as(), course.class_list(), people
    ):
        print(words)


def _submissions(book: Gradebook) -> Iterator[tuple[str, str, SubmittedAssignment]]:
    """Each student and exercise, with what the gradebook holds on them."""
    for assignment in book.assignments:
        for submission in book.assignment_submissions(assignment.name):
            yield submission.student_id, assignment.name, submission


def _doubts(book: Gradebook, course: Course) -> list[str]:
    """Points beyond the maximum, and points that are no longer those of a graded notebook."""
    found = []
    for student, exercise, submission in _submissions(book):
        cells = {graded(cell).get("grade_id"): cell for cell in course.cells(student, exercise)}
        for grade in (grade for notebook in submission.notebooks for grade in notebook.grades):
            given = f"{grade.score:g} of {grade.max_score:g} points"
            place = f"{student}, {exercise}, {grade.name}: {given}"
            if not 0 <= grade.score <= grade.max_score:
                found.append(f"{place} in the gradebook")
            if grade.name in cells:
                points, _ = determine_grade(cells[grade.name])
                if points != grade.auto_score:
                    other = "none" if points is None else f"{points:g}"
                    found.append(f"{place} in the gradebook, but {other} in the graded notebook")
    return found


def _written(book: Gradebook, course: Course) -> dict[Place, _Written]:
    """All written answers."""
    found = {}
    for student, exercise, submission in _submissions(book):
        cells = course.cells(student, exercise)
        for notebook in submission.notebooks:
            for grade in notebook.grades:
                if grade.cell.cell_type == "markdown":
                    place = student, exercise, grade.name
                    found[place] = _Written(place, grade, _answer(cells, grade))
    return found


def _line(one: _Written, wrong: str | None) -> dict[str, str]:
    """The line of ``written.csv`` for an answer, with the points that could not be taken over."""
    points = "" if one.grade.needs_manual_grade else f"{one.grade.score:g}"
    answer = one.answer
    if len(answer) > LONGEST:
        answer = f"{answer[:LONGEST]} … (cut; all {len(answer):,} characters are on the page)"
    return dict(zip(PLACE, one.place, strict=True)) | {
        "of": f"{one.grade.max_score:g}",
        "points": points if wrong is None else wrong,
        "digest": one.digest,
        "answer": answer,
    }


def _take_over(lines: list[dict[str, str]], answers: dict[Place, _Written]) -> dict[Place, str]:
    """Enter the points of ``written.csv``, and print what is wrong; gives points that can't be."""
    wrong = {}
    digests = {one.digest: one for one in answers.values()}
    count = Counter(line.get("digest", "") for line in lines)
    for line in lines:
        if not line["points"].strip():
            continue
        student, exercise, cell = place = tuple(line[name] for name in PLACE)
        digest = line.get("digest", "")
        one = answers.get((student, exercise, cell))
        if one is None and count[digest] == 1:
            one = digests.get(digest)  # a spreadsheet may have changed a name, too
        if one is None:
            why = "nothing was graded under this name; leave the line out"
        elif not one.is_of(line):
            why = _not_given(one.grade, line["points"].strip())
        elif why := _give_points(one.grade, line["points"]):
            wrong[one.place] = line["points"]
        if why:
            print(f"written.csv, {', '.join(place)}: {why}")
    return wrong


def _not_given(grade: Grade, points: str) -> str:
    """What to say of points that were given to an answer which is no longer there."""
    if points == "0":
        return ""
    given = f"{points} of {grade.max_score:g} points were given to another answer"
    return f"{given}; the one there now {'waits' if grade.needs_manual_grade else 'keeps its own'}"


def _give_points(grade: Grade, given: str) -> str:
    """Enter points; gives what is wrong with them, or nothing."""
    try:
        points = float(given.replace(",", "."))
    except ValueError:
        points = -1.0
    if not 0 <= points <= grade.max_score:
        return f"points are {given!r}; expected a number from 0 to {grade.max_score:g}"
    if grade.needs_manual_grade or points != grade.score:
        grade.manual_score, grade.needs_manual_grade = points, False
    return ""


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
