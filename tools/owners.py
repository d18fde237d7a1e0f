"""Whose a file is, read off the names on the way to it; what they leave open is asked."""

import contextlib
import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from archives import NOTEBOOK, Found
from platforms import PLATFORMS, handed_over

FORBIDDEN = re.compile(r'[\s\x00-\x1f\x7f/\\:*?"<>|\[\]]+')  # in a file's name, or in a pattern
COPY = re.compile(r"(?i)\b(copy of|kopie von|copie de|copia de)\b")
DOWNLOAD = re.compile(r" Download \w+ \d+, \d{4} \d+ [AP]M$")  # as Brightspace names an archive
# A name made of these and of numbers is nobody's.
_NOBODY = """
    abgabe abgaben aktuell all answer answers assignment assignments attempt aufgabe aufgaben
    backup blatt book chapter collected copy course day download downloads draft ex exercise
    exercises final first folder from handed handin hausaufgabe homework homeworks hw in inbox
    kapitel lab late last lesson main master module my neu new notebook notebooks of old or part
    project received repo result results second semaine session sheet solution solutions src
    students submission submissions submitted task tasks the unit untitled up upload
    uploads v version week weeks wk woche work zip
"""
NOBODY = frozenset(_NOBODY.split())
LEFT_OUT = "-"  # in who.csv: nobody's


def tidy(name: str) -> str:
    """A student's name as it is used here, with a hyphen for all that a file name may not hold."""
    plain = FORBIDDEN.sub("-", unicodedata.normalize("NFC", name)).strip("-_. ")
    if len(plain.encode()) <= 100:
        return plain
    return f"{plain[:30]}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"


@dataclass(frozen=True)
class Clue:
    """A name that may be a student's: whose, and the path up to the part that gives it."""

    name: str
    at: str
    sure: bool = True
    platform: str = ""
    key: str = ""


class Roll:
    """Who is who: the student that each name stands for, as ``who.csv`` keeps it.

    A name is one that a folder, file or platform gives; or, from ``./``, the path of a file or
    folder that was asked about.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        self.known = dict(known)
        self.asked: dict[str, str] = {}
        self.apart: list[str] = []  # students who were given another name than theirs

    def enter(self, name: str, wanted: str = "") -> str:
        """The student called ``name``: a new one if nobody was called so before."""
        name = _plain(name)
        if name not in self.known:
            wanted = student = wanted or tidy(name)
            taken = {one.casefold() for one in self._students()}
            count = 1
            while student.casefold() in taken:
                count += 1
                student = f"{wanted}-{count}"
            if count > 1:
                self.apart.append(f"{name} is kept apart from another {wanted} as {student}")
            self.known[name] = student
        return self.known[name]

    def ask(self, at: str, guess: str) -> str | None:
        """What ``who.csv`` says of a path; ``None``, and a question, if it says nothing."""
        said = self.known.get(f"./{at}", "").strip()
        if not said:
            self.asked[f"./{at}"] = guess
            return None
        if said == LEFT_OUT or said in self._students():
            return said
        return self.enter(said)

    def free(self, student: str) -> bool:
        return student.casefold() not in {one.casefold() for one in self._students()}

    def _students(self) -> list[str]:
        return [one for name, one in self.known.items() if not name.startswith("./")]


def clues(parts: tuple[str, ...], exercise: re.Pattern[str]) -> list[Clue]:
    """The names on the way to a file that may be its owner's, outermost first.

    A learning platform's stands alone. ``exercise`` matches how exercises are called, at the
    start or the end of a name or between others.
    """
    found: list[Clue] = []
    for count, part in enumerate(parts, start=1):
        at, is_file = "/".join(parts[:count]), count == len(parts)
        if given := handed_over([part]):
            platform, known = given
            return [Clue(_plain(known["name"]), at, True, platform, known["key"])]
        before, named, after = _around(NOTEBOOK.sub("", part) if is_file else part, exercise)
        if name := before or after:
            # 'ada_ex03.ipynb' and 'ex03-ada/' are customary; 'ex03_ada.ipynb', 'ada.ipynb' not.
            sure = named and bool(before) if is_file else not (before and after)
            if name.casefold() not in {one.name.casefold() for one in found}:
                found.append(Clue(name, at, sure))
    return found


def _around(part: str, exercise: re.Pattern[str]) -> tuple[str, bool, str]:
    """What of a name stands before and after the exercise's, and may be a person's."""
    part = COPY.sub("", DOWNLOAD.sub("", part))
    named = exercise.search(part)
    pieces = (part[: named.start()], part[named.end() :]) if named else (part, "")
    before, after = (_plain(piece) if _may_be_a_name(piece) else "" for piece in pieces)
    return before, named is not None, after


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFC", name).split()).strip("-_. ")


def _may_be_a_name(text: str) -> bool:
    words = re.findall(r"[^\W\d_]+|\d+", text.casefold())
    number = len(words) == 1 and words[0].isdigit() and len(words[0]) > 2
    return number or not all(word in NOBODY or word.isdigit() for word in words)


def date_of(parts: tuple[str, ...]) -> float | None:
    """When a platform says, in a name, that a file was handed in; if it does."""
    given = handed_over(parts)
    if given and (form := PLATFORMS[given[0]].date):
        date = re.sub(r"\b(\d{3} [AP]M)$", r"0\1", given[1]["date"])  # 926 AM
        with contextlib.suppress(ValueError):
            return datetime.strptime(date, form).timestamp()
    return None


def owners(
    files: Mapping[Found, str],
    others: Iterable[tuple[str, ...]],
    exercise: re.Pattern[str],
    roll: Roll,
) -> dict[Found, str | None]:
    """The student of each of ``files``, which are given with the exercise that each answers.

    ``None`` where ``roll`` asks, and an empty name where nothing names anyone. ``others`` are the
    paths of files beside them, which show whose folders there are.
    """
    chains = {one: clues(one.parts, exercise) for one in files}
    given = {one: chain[0] for one, chain in chains.items() if chain and chain[0].platform}
    people = {one: chain for one, chain in chains.items() if chain and one not in given}
    result: dict[Found, str | None] = dict.fromkeys(files, "")
    result |= _by_platform(given, files, roll)
    people = _unwrapped(people, files)
    folders = {chain[0].at for chain in people.values()} | {clue.at for clue in given.values()}
    folders |= {chain[0].at for parts in others if (chain := clues(parts[:-1], exercise))}
    result |= _by_names(people, files, len(folders) == 1, roll)
    return result


def _said(one: Found, roll: Roll) -> str | None:
    """What ``who.csv`` says of a file, or of the innermost folder around it that it knows."""
    paths = ["/".join(one.parts[:count]) for count in range(len(one.parts), 0, -1)]
    known = (at for at in [_very(one), *paths] if roll.known.get(f"./{at}", "").strip())
    at = next(known, None)
    return roll.ask(at, "") if at else None


def _very(one: Found) -> str:
    """The name of this very file: another one may be called the same."""
    return f"{'/'.join(one.parts)} [{hashlib.sha256(one.path.read_bytes()).hexdigest()[:8]}]"


def _several(pairs: Iterable[tuple[str, str]]) -> bool:
    """Whether an exercise (first of a pair) comes with more than one name (second)."""
    names: dict[str, set[str]] = defaultdict(set)
    for exercise, name in pairs:
        names[exercise].add(name)
    return any(len(several) > 1 for several in names.values())


def _unwrapped(
    chains: dict[Found, list[Clue]], files: Mapping[Found, str]
) -> dict[Found, list[Clue]]:
    """The clues without folders that lie around everybody's."""
    while len({chain[0].at for chain in chains.values()}) == 1:
        if any(len(chain) == 1 for chain in chains.values()):
            break
        if not _several((files[one], chain[1].name) for one, chain in chains.items()):
            break
        chains = {one: chain[1:] for one, chain in chains.items()}
    return chains


def _by_names(
    chains: dict[Found, list[Clue]], files: Mapping[Found, str], alone: bool, roll: Roll
) -> dict[Found, str | None]:
    """Owners by folders' and files' own names. A folder is a student's unless it looks shared.

    ``alone``: with no other to compare with, a folder in a folder may be either's.
    """
    heads: dict[str, list[Found]] = defaultdict(list)
    for one, chain in chains.items():
        heads[chain[0].at].append(one)
    inside = {one: chain[1].name for one, chain in chains.items() if len(chain) > 1}
    shared = {
        at
        for at, ones in heads.items()
        if _several((files[one], inside[one]) for one in ones if one in inside)
    }
    result: dict[Found, str | None] = {}
    for one, (first, *more) in chains.items():
        if said := _said(one, roll):
            result[one] = said
        elif first.sure and first.name in roll.known and first.at not in shared:
            result[one] = roll.enter(first.name)
        elif more and (shared or alone):  # if one folder is shared, others may be
            result[one] = _ask(one, more[0], roll)
        elif first.at in shared or not first.sure:
            result[one] = _ask(one, first, roll)
        else:
            result[one] = roll.enter(first.name)
    return result


def _ask(one: Found, clue: Clue, roll: Roll, guess: str | None = None) -> str | None:
    """Ask for the owner of the folder that gives ``clue``, or of the file if the file does.

    The guess is the name, unless another is given: none where it would make one of namesakes.
    """
    at = _very(one) if clue.at == "/".join(one.parts) else clue.at
    return roll.ask(at, tidy(clue.name) if guess is None else guess)


def ask_about(one: Found, roll: Roll) -> str | None:
    """Ask for the owner of a file when nothing names anyone."""
    return _said(one, roll) or roll.ask(_very(one), "")


def _by_platform(
    given: dict[Found, Clue], files: Mapping[Found, str], roll: Roll
) -> dict[Found, str | None]:
    """Owners as learning platforms name them, with namesakes told apart by the platform's key."""
    result: dict[Found, str | None] = {}
    namesakes: dict[tuple[str, str], list[Found]] = defaultdict(list)
    for one, clue in given.items():
        namesakes[clue.platform, clue.name].append(one)
    for (platform, name), ones in namesakes.items():
        keys = {given[one].key for one in ones}
        clash = _several((files[one], given[one].key) for one in ones)
        numbered = any(re.fullmatch(re.escape(name) + r" \d+", known) for known in roll.known)
        for one in ones:
            long = f"{name} {given[one].key}"
            if said := _said(one, roll):
                result[one] = said
            elif platform == "Canvas":  # a person's number, the same in every exercise
                short = tidy(name) if len(keys) == 1 and roll.free(tidy(name)) else tidy(long)
                result[one] = roll.enter(long, short)
            elif platform == "Moodle" and long in roll.known:
                result[one] = roll.enter(long)
            elif platform == "Moodle" and clash and not numbered:
                # Numbers are new in every exercise: with several, they don't tell who is who.
                open_ = len({files[one] for one in ones}) > 1 or name in roll.known
                result[one] = _ask(one, given[one], roll, tidy(long)) if open_ else roll.enter(long)
            elif (platform == "Moodle" and numbered) or clash:
                result[one] = _ask(one, given[one], roll, "")
            else:
                result[one] = roll.enter(name)
    return result
