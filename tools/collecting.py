"""From what students hand in to notebooks that nbgrader can grade: which exercise a file answers,
whose it is, and which of several files counts.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from nbformat import NotebookNode

import mending
from archives import LARGEST, NOTEBOOK, Found, Gathered
from owners import LEFT_OUT, Roll, ask_about, clues, date_of, owners, tidy
from platforms import handed_over

LEAST_IN_COMMON = 0.3  # of an exercise's own cells, below which a file is not that exercise
MANY = 3  # files of a student that are no notebooks, up to which each is listed by itself
OURS = re.compile(r"### (BEGIN|END) (SOLUTION|HIDDEN TESTS)|course-canary")  # in sources alone
SOURCES = ("exercises", "source")
NO_NOTEBOOK = "is no notebook: its name does not end in .ipynb"


@dataclass(frozen=True)
class Handed:
    """A mended notebook that holds a student's answers to an exercise."""

    student: str
    exercise: str
    file: str
    notebook: NotebookNode
    notes: list[str]
    worked_in: bool
    came_as: str = ""  # the name that a learning platform gave it


@dataclass(frozen=True)
class Refused:
    """A file that could not be graded."""

    student: str
    file: str
    why: str


@dataclass(frozen=True)
class _Answers:
    """A file that answers an exercise."""

    found: Found
    exercise: str
    notebook: NotebookNode
    notes: list[str]
    worked_in: bool

    @property
    def rank(self) -> tuple[bool, float, int]:
        """Of two files the one that ranks higher counts."""
        again = re.search(r"\((\d+)\)", self.found.parts[-1])  # as browsers number what is there
        when = date_of(self.found.parts) or self.found.when
        return self.worked_in, when, int(again[1]) if again else 0


class _Unreadable(ValueError):
    """A file is no notebook in spite of its name."""


def collect(
    gathered: Gathered, releases: dict[str, NotebookNode], roll: Roll
) -> tuple[list[Handed], list[Refused]]:
    """One notebook of every student for every exercise; and all that is left over.

    Of several files one that was worked in counts, then the newest. Where names leave open whose
    a file is, ``roll`` asks (``roll.asked``), and the file is in neither list.
    """
    clones = _clones(gathered.files)
    read, left = _sorted(gathered, clones, releases)
    called = pattern_of(releases)
    others = [one.parts for one in gathered.files if one not in read]
    students = owners({one: found.exercise for one, found in read.items()}, others, called, roll)
    for one, who in students.items():
        if who == "" and read[one].worked_in and len(one.parts) > 1:
            who = students[one] = ask_about(one, roll)
        if who == "":
            left[one.parts] = "names no student: put it into a folder named after the student"
        elif who == LEFT_OUT:
            left[one.parts] = f"is left out: who.csv has {LEFT_OUT!r} for it"
    for root in clones:
        taken = sorted({a.exercise for one, a in read.items() if _lies_in(one, root)})
        why = "is a copy of this course; graded of it, since worked in: "
        left[root or (".",)] = why + (", ".join(taken) or "nothing")
    whose = _labels(students, called, roll)
    owned = [(who, read[one]) for one, who in students.items() if who and who != LEFT_OUT]
    handed, refused = _chosen(owned)
    return handed, refused + _listed({parts: (whose(parts), why) for parts, why in left.items()})


def _sorted(
    gathered: Gathered, clones: list[tuple[str, ...]], releases: dict[str, NotebookNode]
) -> tuple[dict[Found, _Answers], dict[tuple[str, ...], str]]:
    """The files that answer an exercise, and why the others don't, by path.

    Of a copy of the course only those that were worked in; nothing is said of its other files.
    """
    read: dict[Found, _Answers] = {}
    left = dict(gathered.left)
    for one in gathered.files:
        in_clone = any(_lies_in(one, root) for root in clones)
        try:
            answers = _read(one, releases)
        except ValueError as error:
            if not in_clone or isinstance(error, _Unreadable):
                left[one.parts] = str(error)
            continue
        if answers.worked_in or not in_clone:
            read[one] = answers
    return read, left


def _lies_in(one: Found, root: tuple[str, ...]) -> bool:
    return one.parts[: len(root)] == root


def _clones(files: Iterable[Found]) -> list[tuple[str, ...]]:
    """Where a copy of this course's repository lies: the folder with ``exercises/source``."""
    roots = set()
    for one in files:
        for at in range(len(one.parts) - len(SOURCES)):
            if one.parts[at : at + len(SOURCES)] == SOURCES:
                roots.add(one.parts[:at])
    return sorted(roots)


def _read(one: Found, releases: dict[str, NotebookNode]) -> _Answers:
    """The exercise and the notebook in a file; a :class:`ValueError` that says what is wrong."""
    name = one.parts[-1]
    if not NOTEBOOK.search(name):
        raise ValueError(NO_NOTEBOOK)
    if one.path.stat().st_size > LARGEST:
        raise ValueError(f"is larger than {LARGEST // 2**20} MB: ask for it without outputs")
    try:
        notebook = mending.read(one.path.read_bytes())
        shares = {key: mending.in_common(notebook, ours) for key, ours in releases.items()}
    except Exception as error:
        raise _Unreadable(
            f"can't be read as a notebook ({type(error).__name__}): ask for it again"
        ) from error
    if any(OURS.search(cell.source) for cell in notebook.cells):
        raise ValueError("holds this course's own solutions or tests: ask for the student's file")
    best = max(shares, key=shares.__getitem__)
    named = _named(map(re.escape, releases)).search(name)
    by_name = {key.lower(): key for key in releases}
    exercise = by_name[named[1].lower()] if named else best
    if shares[exercise] < LEAST_IN_COMMON:
        why = f"holds {shares[exercise]:.0%} of the cells of {exercise}"
        if shares[best] >= LEAST_IN_COMMON:
            why += f": it is {best}, under another name"
        raise ValueError(f"{why}; ask for the right file")
    mended, notes = mending.mend(notebook, releases[exercise])
    worked_in = mending.worked_in(mended, releases[exercise])
    return _Answers(one, exercise, mended, notes, worked_in)


def _named(either: Iterable[str], title: str = "") -> re.Pattern[str]:
    return re.compile(rf"(?i)(?<![a-z0-9])({'|'.join(either)})(?![0-9]){title}")


def pattern_of(releases: dict[str, NotebookNode]) -> re.Pattern[str]:
    """What exercises are called in names of files: *ex03*, *Exercise 3*, and a title behind it."""
    names, titles = [re.escape(name) for name in releases], set()
    for release in releases.values():
        if heading := re.match(r"# *([^\W\d]+) (\d+)(?: · (.+))?", release.cells[0].source):
            names.append(rf"{heading[1]}[\W_]*0*{heading[2]}")
            titles.add(r"[\W_]*".join(re.findall(r"[^\W_]+", heading[3] or "")))
    title = "|".join(sorted(titles - {""}, key=len, reverse=True))
    return _named(names, rf"(?:[\W_]*(?:{title})(?![^\W_]))?" if title else "")


def _labels(
    students: dict[Found, str | None], called: re.Pattern[str], roll: Roll
) -> Callable[[tuple[str, ...]], str]:
    """Whose a file or folder is that is not graded: a function of its path, for the lists only."""
    below: dict[str, set[str]] = defaultdict(set)
    for one, who in students.items():
        for count in range(1, len(one.parts) + 1):
            below["/".join(one.parts[:count])].add(who or "")

    def whose(parts: tuple[str, ...]) -> str:
        for clue in clues(parts, called):
            owners_here = below.get(clue.at, set())
            if len(owners_here) == 1:
                return next(iter(owners_here))
            if not owners_here:
                return roll.known.get(clue.name, tidy(clue.name))
        return ""

    return whose


def _chosen(owned: list[tuple[str, _Answers]]) -> tuple[list[Handed], list[Refused]]:
    """Of each student's files for an exercise the one that counts, and why not the others."""
    files: dict[tuple[str, str], list[_Answers]] = defaultdict(list)
    for who, answers in owned:
        files[who, answers.exercise].append(answers)
    handed, refused = [], []
    for (who, exercise), several in files.items():
        *others, best = sorted(several, key=lambda one: one.rank)
        shown, given = "/".join(best.found.parts), handed_over(best.found.parts)
        came_as = given[1][0] if given else ""
        handed.append(
            Handed(who, exercise, shown, best.notebook, best.notes, best.worked_in, came_as)
        )
        why = f"is an earlier file than {shown}, or a blank one; that was graded"
        refused += [Refused(who, "/".join(one.found.parts), why) for one in others]
    return handed, refused


def _listed(left: dict[tuple[str, ...], tuple[str, str]]) -> list[Refused]:
    """A line for each file, but one for all of a student's that are no notebooks if many are."""
    refused, others = [], defaultdict(list)
    for parts, (who, why) in left.items():
        if why == NO_NOTEBOOK:
            others[who].append("/".join(parts))
        else:
            refused.append(Refused(who, "/".join(parts), why))
    for who, names in others.items():
        if len(names) > MANY:
            why = f"and {len(names) - 1} others are no notebooks: their names don't end in .ipynb"
            refused.append(Refused(who, names[0], why))
        else:
            refused += [Refused(who, name, NO_NOTEBOOK) for name in names]
    return refused
