"""Learning platforms: how each names what it hands over, lists a class, and takes back.

Written by Moodle's code (``mod/assign/feedback``: ``offline``, ``file``), by Canvas's
(``lib/gradebook_importer.rb``) and by Brightspace's help page *Importing grades*.
"""

import re
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tables import read_table, write_table


@dataclass(frozen=True)
class Platform:
    """A learning platform.

    ``names`` matches the names of what it hands over; ``key`` there tells namesakes apart, and
    ``date`` there is when it was handed in, in the form of the field of this name. A list of the
    class is this platform's if it has the columns ``has``. An import knows people by the columns
    ``ids``, has the points in ``column`` and ends with the cells ``ends``.
    """

    names: re.Pattern[str]
    date: str = ""
    has: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    column: str = "{}"
    ends: tuple[tuple[str, str], ...] = ()
    returns: bool = False  # whether it takes feedback in the folders that it gave


PLATFORMS = {
    "Moodle": Platform(
        re.compile(r"^(?P<name>.+?)_(?P<key>\d+)_assignsubmission_[a-z]+(_|$)"),
        has=("Email address",),
        ids=("First name", "Last name", "Surname", "ID number", "Username", "Email address"),
        returns=True,
    ),
    "Brightspace": Platform(
        re.compile(r"^(?P<key>\d+)-\d+ - (?P<name>.+) - (?P<date>[^-]*\d{4}[^-]*)$"),
        date="%b %d, %Y %I%M %p",
        has=("End-of-Line Indicator",),
        ids=("OrgDefinedId", "Username"),
        column="{} Points Grade",
        ends=(("End-of-Line Indicator", "#"),),
        returns=True,
    ),
    "Blackboard": Platform(
        re.compile(r"^[^_]+_(?P<name>.+?)(?P<key>)_attempt_(?P<date>[\d-]*)"),
        date="%Y-%m-%d-%H-%M-%S",
    ),
    "Canvas": Platform(
        re.compile(r"^(?P<name>.+?)(_LATE)?_(?P<key>\d{3,})_\d{3,}_"),
        has=("Student", "ID", "Section"),
        ids=(
            *("Student", "ID", "SIS User ID", "SIS Login ID", "Integration ID", "Root Account"),
            "Section",
        ),
    ),
}
# Columns of a list of the class, in small letters: identifiers, and whole names.
WHO = (
    *("id", "id number", "sis user id", "sis login id", "integration id", "orgdefinedid"),
    *("username", "email", "email address"),
)
NAMES = ("student", "full name")
POINTS_ROW = "Points Possible"  # the line below the head of Canvas's list
MOST = re.compile(r"MaxPoints:([\d.]+)")  # in the head of a column of Brightspace's
SHOWN = 5  # names in a sentence
Row = Mapping[str, str]
Way = tuple[Callable[[str], set[str]], Callable[[Row], set[str]]]


def handed_over(parts: Iterable[str]) -> tuple[str, re.Match[str]] | None:
    """The platform that gave a path's names, and the match of the part that shows it."""
    for part in parts:
        for platform, about in PLATFORMS.items():
            if found := about.names.match(part):
                return platform, found
    return None


def came_from(
    platform: str, came_as: Mapping[tuple[str, str], str]
) -> dict[tuple[str, str], re.Match[str]]:
    """Of the names of files those that ``platform`` gave, by student and exercise."""
    given = {place: handed_over([name]) for place, name in came_as.items()}
    return {place: one[1] for place, one in given.items() if one and one[0] == platform}


def some(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    first = sorted(names)
    more = f" and {len(first) - SHOWN} more" if len(first) > SHOWN else ""
    return ", ".join(first[:SHOWN]) + more


def _exactly(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split()).lstrip("#")


def _loosely(text: str) -> str:
    """A name without blanks and punctuation, which file names and platforms change."""
    return "".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold()))


class ClassList:
    """The people of a class, from a table such as platforms export.

    Raises :class:`SystemExit` if no column tells who somebody is, or a number is none.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise SystemExit(f"{path} does not exist; name a table of the class, such as an export")
        rows = read_table(path)
        self.path, self.columns = path, list(rows[0] if rows else [])
        self._called = {name.strip().casefold(): name for name in self.columns}
        if rows and not set(self._called) & {*WHO, *NAMES, "first name"}:
            raise SystemExit(
                f"{path} has no column that says who somebody is, such as 'student', "
                f"'Email address' or 'OrgDefinedId'; it has {', '.join(self.columns)}"
            )
        heads = [row for row in rows if self._cell(row, "student").strip() == POINTS_ROW]
        self._points = heads[0] if heads else {}
        self.rows = [row for row in rows if row not in heads and any(row.values())]
        self.platform = next(
            (
                name
                for name, about in PLATFORMS.items()
                if about.has and {one.casefold() for one in about.has} <= set(self._called)
            ),
            "",
        )
        self.numbered = "number" in self._called
        for row in self.rows:
            if self.numbered and not self.number(row).isdecimal():
                raise SystemExit(
                    f"{path}: the number of {self.shown(row)} is {self.number(row)!r}; expected a "
                    "whole one"
                )

    def number(self, row: Mapping[str, str]) -> str:
        """The student's number, empty if the table has none."""
        return self._cell(row, "number").strip()

    def shown(self, row: Mapping[str, str]) -> str:
        """What to call a line of the table."""
        return next(iter([*self._names(row), *self._ids(row)]), "a line without a name")

    def column(self, called: re.Pattern[str]) -> str:
        """The one column whose head holds an exercise's name; empty if there is none or several."""
        found = [name for name in self.columns if called.search(name)]
        if self.platform == "Brightspace":
            found = [name for name in found if "Points Grade" in name]
        return found[0] if len(found) == 1 else ""

    def most(self, column: str) -> float | None:
        """The points that the platform gives at most in a column, if the table says so."""
        said = MOST.search(column)
        try:
            return float(said[1] if said else self._points.get(column, ""))
        except ValueError:
            return None

    def lines(
        self, people: Mapping[str, set[str]], came_as: Mapping[tuple[str, str], str]
    ) -> tuple[dict[str, Row], dict[str, list[str]]]:
        """The line of each student; and of those without one, what tells the lines that may be it.

        ``people`` has the names that each student goes by, ``came_as`` those of their files, by
        student and exercise. What fits best goes first: Canvas's number in a file's name, an
        identifier, a name, a name but for its punctuation. A line that fits two students is
        neither's, and a student whom two lines fit has none.
        """
        found: dict[str, Row] = {}
        open_: dict[str, list[str]] = {}
        for of_student, of_row in self._ways(people, came_as):
            taken = {id(row) for row in found.values()}
            free = [(row, of_row(row)) for row in self.rows if id(row) not in taken]
            fitting = {
                student: [row for row, said in free if said & of_student(student) - {""}]
                for student in people
                if student not in found and student not in open_
            }
            claims = Counter(id(row) for rows in fitting.values() for row in rows)
            for student, rows in fitting.items():
                if len(rows) == 1 and claims[id(rows[0])] == 1:
                    found[student] = rows[0]
                elif rows:
                    open_[student] = [", ".join(self._ids(row)) or self.shown(row) for row in rows]
        return found, {one: open_.get(one, []) for one in people if one not in found}

    def _ways(
        self, people: Mapping[str, set[str]], came_as: Mapping[tuple[str, str], str]
    ) -> list[Way]:
        """How a student and a line can fit, the surest first: what either must have in common."""

        named = {student: set(names) for student, names in people.items()}
        keys: dict[str, set[str]] = defaultdict(set)  # Canvas's numbers of people
        for (student, _), name in came_as.items():
            if student in named and (given := handed_over([name])):
                named[student].add(given[1]["name"])
                if given[0] == "Canvas":
                    keys[student].add(given[1]["key"])

        def exact(student: str) -> set[str]:
            return {_exactly(name) for name in named[student]}

        def loose(student: str) -> set[str]:
            return {_loosely(name) for name in (student, *named[student])}

        def login(row: Row) -> set[str]:
            return {_loosely(cell.partition("@")[0]) for cell in self._ids(row)}

        ways: list[Way] = [
            (exact, lambda row: {_exactly(cell) for cell in self._ids(row)}),
            (exact, lambda row: {_exactly(name) for name in self._names(row)}),
            (loose, lambda row: login(row) | {_loosely(name) for name in self._names(row)}),
        ]
        if self.platform == "Canvas":
            ways.insert(0, (lambda one: keys[one], lambda row: {self._cell(row, "id")}))
        return ways

    def _cell(self, row: Row, column: str) -> str:
        return row.get(self._called.get(column, ""), "")

    def _ids(self, row: Row) -> list[str]:
        cells = (self._cell(row, column) for column in WHO)
        return [cell for cell in cells if cell.strip("# ")]

    def _names(self, row: Row) -> list[str]:
        """All that a line calls a person: *First Last* and the reverse, too."""
        first = self._cell(row, "first name")
        last = self._cell(row, "last name") or self._cell(row, "surname")
        found = [f"{first} {last}", f"{last} {first}"] if first and last else [first or last]
        for column in NAMES:
            name = self._cell(row, column)
            before, comma, behind = name.partition(",")
            found += [name, f"{behind} {before}"] if comma else [name]
        return [name for name in found if name.strip()]


@dataclass(frozen=True)
class Result:
    """What a student has for an exercise; ``final`` if no written answer waits for points."""

    student: str
    exercise: str
    points: float
    most: float
    final: bool


@dataclass(frozen=True)
class Exercise:
    """An exercise's title, such as *Exercise 3*, and how names show which one it is."""

    title: str
    called: re.Pattern[str]


@dataclass(frozen=True)
class Returning:
    """Writes what one platform takes back, and says in sentences what an instructor must know."""

    platform: str
    folder: Path  # of the whole grading
    came: Mapping[tuple[str, str], re.Match[str]]  # from this platform, by student and exercise
    listed: ClassList | None  # this platform's
    lines: Mapping[str, Row]  # of that list, by student

    @property
    def _into(self) -> Path:
        return self.folder / f"for-{self.platform.casefold()}"

    def exercise(self, name: str, about: Exercise, results: list[Result]) -> Iterator[str]:
        """Write an exercise's tables and archive; of a student with final points only."""
        final = [one for one in results if one.exercise == name and one.final]
        if why := self._another_maximum(about, final):
            yield why
            final = []
        points = self._points(about, final)
        worksheet = self._worksheet(name, final) if self.platform == "Moodle" else {}
        self._write(f"{name}-points.csv", points, self._head(about, final))
        self._write(f"{name}-worksheet.csv", worksheet)
        if PLATFORMS[self.platform].returns:
            came = {one.student: self.came.get((one.student, name)) for one in final}
            self._feedback(name, {student: match[0] for student, match in came.items() if match})
        expected = {one.student for one in final if self.listed or (one.student, name) in self.came}
        if missing := expected - {*points, *worksheet}:
            needed = (
                "" if self.listed else f"; it takes {self.platform}'s list of the class (CLASS=)"
            )
            yield f"{name}, no points in {self._into.name}: {some(missing)}{needed}"

    def _column(self, about: Exercise) -> str:
        there = self.listed.column(about.called) if self.listed else ""
        return there or PLATFORMS[self.platform].column.format(about.title)

    def _another_maximum(self, about: Exercise, final: list[Result]) -> str:
        """What to say if the platform's points would mean something else than those here."""
        there = self.listed.most(self._column(about)) if self.listed else None
        here = max((one.most for one in final), default=None)
        if there in (None, here) or here is None:
            return ""
        return (
            f"{about.title} has {there:g} points in {self.platform} and {here:g} here: change that "
            f"there and name a new export; until then nothing of it is in {self._into.name}"
        )

    def _points(self, about: Exercise, final: list[Result]) -> dict[str, Row]:
        """Lines for the platform's gradebook, by student. Canvas can do without a list."""
        ids, ends = PLATFORMS[self.platform].ids, dict(PLATFORMS[self.platform].ends)
        keys = {student: match for (student, _), match in self.came.items()}
        rows: dict[str, Row] = {}
        for one in final:
            match = self.came.get((one.student, one.exercise)) or keys.get(one.student)
            if line := self.lines.get(one.student):
                who = {name: line[name] for name in ids if name in line}
            elif self.platform == "Canvas" and match:
                who = {"Student": match["name"], "ID": match["key"], "Section": ""}
            else:
                continue
            rows[one.student] = who | {self._column(about): f"{one.points:g}"} | ends
        return rows

    def _head(self, about: Exercise, final: list[Result]) -> list[Row]:
        """The line below the head of Canvas's table."""
        if self.platform != "Canvas" or not final:
            return []
        return [{"Student": f"    {POINTS_ROW}", self._column(about): f"{final[0].most:g}"}]

    def _worksheet(self, name: str, final: list[Result]) -> dict[str, Row]:
        """Lines of Moodle's grading worksheet, which knows people by the numbers in names.

        A number that came with several exercises is an assignment's in which several were handed
        in: no points of one alone are right there.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        exercises: dict[str, set[str]] = defaultdict(set)
        for (_, exercise), given in self.came.items():
            exercises[given["key"]].add(exercise)
        rows: dict[str, Row] = {}
        for one in final:
            if (match := self.came.get((one.student, name))) and exercises[match["key"]] == {name}:
                rows[one.student] = {
                    "Identifier": f"Participant {match['key']}",
                    "Full name": match["name"],
                    "Grade": f"{one.points:g}",
                    "Maximum grade": f"{one.most:g}",
                    "Last modified (grade)": now,
                }
        return rows

    def _write(self, name: str, rows: dict[str, Row], head: Iterable[Row] = ()) -> None:
        path = self._into / name
        path.unlink(missing_ok=True)
        if rows:
            path.parent.mkdir(exist_ok=True)
            longest = max(rows.values(), key=len)
            write_table(path, list(longest), [*head, *rows.values()], encoding="utf-8")

    def _feedback(self, exercise: str, named: Mapping[str, str]) -> None:
        """An archive of the students' pages, each in the folder that the platform gave."""
        path = self._into / f"{exercise}-feedback.zip"
        path.unlink(missing_ok=True)
        pages = [
            (f"{name}/{page.name}", page)
            for student, name in named.items()
            for page in (self.folder / "feedback" / student / exercise).glob("*.html")
        ]
        if pages:
            path.parent.mkdir(exist_ok=True)
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, page in pages:
                    archive.write(page, name)


def give_back(
    folder: Path,
    results: list[Result],
    exercises: Mapping[str, Exercise],
    came_as: Mapping[tuple[str, str], str],
    listed: ClassList | None,
    people: Mapping[str, set[str]],
) -> Iterator[str]:
    """Write ``for-moodle`` and its like: points to import, and feedback in one archive.

    ``came_as`` has the name that a platform gave to a student's file, by student and exercise,
    ``people`` the names that each student goes by. Points that are not final are left out.
    """
    for platform, about in PLATFORMS.items():
        came = came_from(platform, came_as)
        its_list = listed if listed and listed.platform == platform else None
        if about.ids and (came or its_list):
            lines = its_list.lines(people, came_as)[0] if its_list else {}
            one = Returning(platform, folder, came, its_list, lines)
            for name in sorted({result.exercise for result in results}):
                yield from one.exercise(name, exercises[name], results)
