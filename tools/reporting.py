"""The tables, pages of feedback and returns of a grading, and the points given by hand."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from nbgrader.api import Grade, Gradebook, SubmittedAssignment
from nbgrader.utils import determine_grade

from collecting import pattern_of
from course import Course, answer_of, digest, digest_of
from mending import graded
from platforms import Exercise, Result, give_back
from tables import read_table, write_table

WAITING = "written answers to grade"
PLACE = ("student", "exercise", "cell")  # where a written answer is
Place = tuple[str, str, str]
LONGEST = 32_000  # characters of an answer in a table; spreadsheets hold 32,767 in a cell


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
            places[name], digests[name] = (student, exercise), digest(*map(str.encode, shown))
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
    if ready := sorted(str(one) for one in course.folder.glob("for-*") if any(one.iterdir())):
        print(f"for your platform to take back: {', '.join(ready)}")


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
                    found[place] = _Written(place, grade, answer_of(cells, grade))
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
