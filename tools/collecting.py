"""From what students hand in to notebooks that nbgrader can grade: whose a file is, which exercise
it answers, and which of its cells is which.
"""

import contextlib
import difflib
import os
import re
import time
import unicodedata
import zipfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode

SYSTEM = re.compile(r"^\.|^__MACOSX$|^Thumbs\.db$")
NOTEBOOK = re.compile(r"(?i)\.ipynb(\.txt|\.json)?$")
COPY = re.compile(r"(?i)\b(copy of|kopie von|copie de|copia de)\b")
FORBIDDEN = re.compile(r'[\s/\\:*?"<>|\[\]]+')  # in the name of a file, or in a pattern for names
# How learning platforms name what they hand over; ``key`` tells apart people of the same name.
MOODLE = re.compile(r"^(?P<student>.+?)_(?P<key>\d+)_assignsubmission_file_?$")
CANVAS = re.compile(r"^(?P<student>.+?)(_LATE)?_(?P<key>\d+)_\d+_")
BLACKBOARD = re.compile(r"^.+?_(?P<student>[^_]+)(?P<key>)_attempt_")
LEAST_IN_COMMON = 0.3  # of an exercise's own cells, below which a file is not that exercise
ALIKE = 0.6  # of two texts, from which one counts as the other one changed


@dataclass(frozen=True)
class Handed:
    """A file that holds a student's answers to an exercise."""

    student: str
    key: str
    exercise: str
    path: Path
    notebook: NotebookNode
    worked_in: bool


@dataclass(frozen=True)
class Refused:
    """A file that could not be graded."""

    student: str
    file: str
    why: str


def tidy(name: str) -> str:
    """A student's name as it is used here, with a hyphen for all that a file name may not hold."""
    return FORBIDDEN.sub("-", unicodedata.normalize("NFC", name)).strip("-_. ")


def unpacked(path: Path, folder: Path) -> Path:
    """``path`` itself, or what the archive ``path`` holds, unpacked into ``folder``."""
    if path.is_dir():
        return path
    if not zipfile.is_zipfile(path):
        raise SystemExit(f"{path} is neither a folder nor a .zip: name what students handed in")
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            when = time.mktime((*entry.date_time, 0, 0, -1))
            if not entry.flag_bits & 0x800:  # not said to be UTF-8, but it often is
                with contextlib.suppress(UnicodeError):
                    entry.filename = entry.filename.encode("cp437").decode("utf-8")
            made = Path(archive.extract(entry, folder))
            os.utime(made, (when, when))
    return folder


def collect(folder: Path, releases: dict[str, NotebookNode]) -> tuple[list[Handed], list[Refused]]:
    """One notebook of every student for every exercise in ``folder``; and all that is left over.

    A student is the first folder on the way to the file (folders named after an exercise, or
    around everything, don't count), or, for files that lie in ``folder`` itself, what their name
    has before the exercise's. Of several files one that was worked in counts, then the newest.
    """
    exercise = re.compile(
        rf"(?i)(?<![a-z0-9])({'|'.join(re.escape(name) for name in releases)})(?![0-9])"
    )
    top = _top(folder, exercise)
    found: dict[str, list[Handed]] = defaultdict(list)
    refused: list[Refused] = []
    for path in sorted(path for path in top.rglob("*") if path.is_file()):
        parts = path.relative_to(top).parts
        if any(SYSTEM.search(part) for part in parts):
            continue
        student, key = _owner(parts, exercise)
        try:
            name, notebook = _read(path, releases, exercise, student)
        except ValueError as error:
            refused.append(Refused(student, str(path.relative_to(folder)), str(error)))
            continue
        given = {_text(cell) for cell in releases[name].cells}
        worked_in = any(_text(cell) not in given for cell in notebook.cells)
        found[student].append(Handed(student, key, name, path, notebook, worked_in))
    chosen: dict[tuple[str, str], Handed] = {}
    for student, files in found.items():
        several = len({one.key for one in files}) > 1
        for one in files:
            who = f"{student}-{one.key}" if several and one.key else student
            other = chosen.get((who, one.exercise))
            best = one if other is None or _rank(one) > _rank(other) else other
            if other is not None:
                left = other if best is one else one
                why = f"is an earlier file than {best.path.name}, or a blank one; that was graded"
                refused.append(Refused(who, str(left.path.relative_to(folder)), why))
            chosen[who, one.exercise] = replace(best, student=who)
    return list(chosen.values()), refused


def _rank(one: Handed) -> tuple[bool, float, int]:
    again = re.search(r"\((\d+)\)", one.path.name)  # as browsers number a file that is there
    return one.worked_in, one.path.stat().st_mtime, int(again[1]) if again else 0


def _top(folder: Path, exercise: re.Pattern[str]) -> Path:
    """Below folders that only hold one folder in which the students' lie."""
    while True:
        inside = [path for path in folder.iterdir() if not SYSTEM.search(path.name)]
        if len(inside) != 1 or not inside[0].is_dir():
            return folder
        within = [path for path in inside[0].iterdir() if not SYSTEM.search(path.name)]
        students = {_owner((path.name,), exercise)[0] for path in within if path.is_file()} - {""}
        if len(students) < 2 and not any(path.is_dir() for path in within):
            return folder
        folder = inside[0]


def _owner(parts: tuple[str, ...], exercise: re.Pattern[str]) -> tuple[str, str]:
    """Whose the file at ``parts`` is, and the platform's key for that person if it has one."""
    *folders, file = parts
    folders = [name for name in folders if not exercise.fullmatch(name)]
    if folders:
        known = MOODLE.match(folders[0])
        return (tidy(known["student"]), known["key"]) if known else (tidy(folders[0]), "")
    if known := CANVAS.match(file) or BLACKBOARD.match(file):
        return tidy(known["student"]), known["key"]
    named = exercise.search(file)
    before = file[: named.start()] if named else NOTEBOOK.sub("", file)
    return tidy(COPY.sub("", before).strip(" -_")), ""


def _read(
    path: Path, releases: dict[str, NotebookNode], exercise: re.Pattern[str], student: str
) -> tuple[str, NotebookNode]:
    """The exercise and the notebook in a file; a :class:`ValueError` that says what is wrong."""
    if not NOTEBOOK.search(path.name):
        raise ValueError("is no notebook: its name does not end in .ipynb")
    if not student:
        raise ValueError("names no student: put it into a folder named after the student")
    try:
        notebook = nbformat.reads(path.read_bytes().decode("utf-8-sig"), as_version=4)
        shares = {name: in_common(notebook, release) for name, release in releases.items()}
    except Exception as error:
        raise ValueError(
            f"can't be read as a notebook ({type(error).__name__}): ask for it again"
        ) from error
    best = max(shares, key=shares.__getitem__)
    named = exercise.search(path.name)
    by_name = {name.lower(): name for name in releases}
    name = by_name[named[1].lower()] if named else best
    if shares[name] < LEAST_IN_COMMON:
        why = f"holds {shares[name]:.0%} of the cells of {name}"
        if shares[best] >= LEAST_IN_COMMON:
            why += f": it is {best}, under another name"
        raise ValueError(f"{why}; ask for the right file")
    return name, notebook


def _text(cell: NotebookNode) -> tuple[str, str]:
    return cell.cell_type, "".join(cell.source.split())


def graded(cell: NotebookNode) -> dict:
    """nbgrader's label of a cell; empty where there is none."""
    return cell.metadata.get("nbgrader") or {}


def in_common(notebook: NotebookNode, release: NotebookNode) -> float:
    """The share of the release's fixed cells that ``notebook`` still holds."""
    held = {_text(cell) for cell in notebook.cells}
    fixed = [_text(cell) for cell in release.cells if not graded(cell).get("solution")]
    return sum(text in held for text in fixed) / len(fixed)


def mend(notebook: NotebookNode, release: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """The student's notebook with every cell of the release known again, and what was done.

    Cells are known by nbgrader's name for them, by their id, or by their place among cells that
    have not been changed (editors drop the first two). A cell that is missing is put back where
    it was, and tests are put right; all else stays as the student left it. Text beside a written
    answer that was left blank becomes the answer.
    """
    place = _places(notebook, release)
    cells, notes = [NotebookNode(cell) for cell in notebook.cells], []
    for cell in cells:
        cell.metadata.pop("nbgrader", None)
    for position, theirs in place.items():
        ours = release.cells[position]
        cells[theirs].id = ours.id
        if graded(ours):
            cells[theirs].metadata["nbgrader"] = graded(ours)
        if graded(ours).get("grade") and not graded(ours).get("solution"):
            cells[theirs].source = ours.source
    taken = {cell.id for cell in release.cells} | {""}
    behind = {theirs: position for position, theirs in place.items()}
    for number, cell in enumerate(cells):
        if number not in behind and cell.get("id", "") in taken:
            cell.id = f"added-{number}"
    for position, ours in enumerate(release.cells):
        if ours.cell_type == "markdown" and graded(ours).get("grade") and position in place:
            answer = cells[place[position]]
            beside = _beside(cells, behind, release, place[position])
            if beside and _text(answer) == _text(ours):
                answer.source = "\n\n".join(beside)
                notes.append(f"{graded(ours)['grade_id']}: the text beside it was taken")
    result: list[NotebookNode] = []
    waiting = [position for position in range(len(release.cells)) if position not in place]
    for number, cell in enumerate(cells):
        while waiting and waiting[0] < behind.get(number, 0):
            result.append(NotebookNode(release.cells[waiting.pop(0)]))
        result.append(cell)
    result += [NotebookNode(release.cells[position]) for position in waiting]
    for position, ours in enumerate(release.cells):
        if position not in place and (name := graded(ours).get("grade_id")):
            notes.append(f"{name} was missing and put back")
    return nbformat.v4.new_notebook(cells=result, metadata=release.metadata), notes


def _beside(
    cells: list[NotebookNode], behind: dict[int, int], release: NotebookNode, answer: int
) -> list[str]:
    """Texts of the student's in the question before the cell ``answer``, and in cells after it."""
    found = []
    if answer and (before := behind.get(answer - 1)) is not None:
        question = release.cells[before]
        if question.cell_type == "markdown" and _text(cells[answer - 1]) != _text(question):
            found.append(cells[answer - 1].source)
    for number in range(answer + 1, len(cells)):
        if number in behind:
            break
        if cells[number].cell_type == "markdown" and cells[number].source.strip():
            found.append(cells[number].source)
    return found


def _places(notebook: NotebookNode, release: NotebookNode) -> dict[int, int]:
    """Which cell of ``notebook`` each cell of ``release`` has become, by position."""
    place: dict[int, int] = {}

    def take(position: int, candidates: Iterable[int]) -> None:
        kind = release.cells[position].cell_type
        for theirs in candidates:
            if theirs not in place.values() and notebook.cells[theirs].cell_type == kind:
                place.setdefault(position, theirs)
                return

    keys = (lambda cell: graded(cell).get("grade_id"), lambda cell: cell.get("id"))
    for key in keys:
        for position, ours in enumerate(release.cells):
            if position not in place and key(ours):
                same = [n for n, cell in enumerate(notebook.cells) if key(cell) == key(ours)]
                # Of a cell and its copy, the one that was worked in.
                same.sort(key=lambda n, ours=ours: _text(notebook.cells[n]) == _text(ours))
                take(position, same)
    texts = [[_text(cell) for cell in one.cells] for one in (release, notebook)]
    blocks = difflib.SequenceMatcher(None, *texts, autojunk=False).get_opcodes()
    for tag, a, b, c, d in blocks:
        for position in range(a, b):
            ours = release.cells[position]
            if position in place:
                continue
            if tag == "equal":
                take(position, [c + position - a])
            elif graded(ours).get("solution"):
                # A function is known by its name, any other answer by its place alone.
                named = re.match(r"(def|class) \w+\b", ours.source)
                wanted = named[0] if named else ""
                take(position, [n for n in range(c, d) if wanted in notebook.cells[n].source])
            elif not graded(ours):
                alike = [
                    n
                    for n in range(c, d)
                    if difflib.SequenceMatcher(None, ours.source, notebook.cells[n].source).ratio()
                    >= ALIKE
                ]
                take(position, alike)
    return place
