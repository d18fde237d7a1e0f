"""The numbers in a chapter's text, and where its code prints them: what keeps the two together.

``tests/prose_numbers.yml`` lists them by chapter, as they are written, each with its source: what
the code prints (``1.46 ± 0.45: 1.464 ± 0.447``), what another chapter's code prints (``05_relu:
1.65 ± 0.19``), or, for what no code prints, words: where it is taken from. ``tools/notebooks.py
numbers`` brings the list up to date.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from bs4 import BeautifulSoup
from nbformat import NotebookNode

IGNORED = "nbval-ignore-output"  # what such a cell prints differs from machine to machine
TO_DO = "?"  # in place of a source, until somebody gives it
Sources = dict[str, str]
SCALES = {"million": 6, "billion": 9, "%": -2}

# Not the digits of conv1 and CIFAR-10.
PLAIN = r"(?<![\w.])(?<![A-Za-z]-)(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[+-]\d\d)?"
TOKEN = re.compile(PLAIN)
NUMBER = re.compile(rf"{PLAIN}(?: (?:million|billion))?(?: ?%)?(?: ± {PLAIN})?")
PRINTED = re.compile(rf"(?:(?P<chapter>\w+): )?(?P<numbers>{PLAIN}(?: ± {PLAIN})?)")
SMALL = re.compile(r"\d")  # like a number word: five layers, a stride of 2

CODE = r"^```.*?^```|`[^`]*`|\\[dt]?frac\d\d"
MARKUP = r"\]\([^)]*\)|^:\w+:.*?$|^#+ \d+ ·"  # a link's target, an option, a chapter's number
ESTIMATE = r"^\*\*Time\*\*.*?$"
SECTIONS = r"[\d.]+(?:(?:, | and |–|-)§?[\d.]+)*"
REFERENCE = rf"§{SECTIONS}|\b[Cc]hapters? {SECTIONS}|\b(?:Section|Figure|Table)s? {SECTIONS}"
YEAR = r"\b(?:19|20)\d\d\b(?![,.]\d)"
ASIDE = re.compile("|".join((CODE, MARKUP, ESTIMATE, REFERENCE, YEAR)), re.MULTILINE | re.DOTALL)


def written(text: str) -> Iterator[tuple[str, str]]:
    """The numbers in Markdown, each with the words around it; no code, references and years."""
    text = ASIDE.sub("…", text.replace("{,}", ","))
    for match in NUMBER.finditer(text):
        if not SMALL.fullmatch(match[0]):
            words = text[max(match.start() - 50, 0) : match.end() + 30]
            yield match[0], " ".join(words.split())


def text(cell: NotebookNode) -> str:
    """What a cell tells in words: its Markdown, or the alt text of its figure."""
    if cell.cell_type == "markdown":
        return cell.source
    return cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")


def printed(cell: NotebookNode) -> list[str]:
    """The lines that a code cell prints; a table's rows are lines."""
    if cell.cell_type != "code" or IGNORED in cell.metadata.get("tags", []):
        return []
    found = []
    for output in cell.outputs:
        data = output.get("data", {})
        if "text/html" in data:
            rows = BeautifulSoup(data["text/html"], "html.parser").find_all("tr")
            found += [row.get_text(" ") for row in rows]
        else:
            found += output.get("text", data.get("text/plain", "")).splitlines()
    return found


@dataclass(frozen=True)
class Chapter:
    """A notebook's numbers: those it tells, and those of each line that it prints or is coded in.

    ``told`` maps a number to the cell and the words where it first stands; ``printed`` and ``code``
    hold pairs of a cell and the numbers of a line.
    """

    told: dict[str, tuple[int, str]]
    printed: list[tuple[int, list[str]]]
    code: list[tuple[int, list[str]]]

    @classmethod
    def of(cls, notebook: NotebookNode) -> "Chapter":
        told: dict[str, tuple[int, str]] = {}
        shown, code = [], []
        for place, cell in enumerate(notebook.cells):
            for number, words in written(text(cell)):
                told.setdefault(number, (place, words))
            shown += [(place, TOKEN.findall(line)) for line in printed(cell)]
            if cell.cell_type == "code":
                code += [(place, TOKEN.findall(line)) for line in cell.source.splitlines()]
        return cls(told, shown, code)

    def lines(self, place: int = 0) -> list[list[str]]:
        """The numbers of each line, the nearest to the cell ``place`` first, code last."""

        def distance(line: tuple[int, list[str]]) -> int:
            return abs(line[0] - place)

        near = *sorted(self.printed, key=distance), *sorted(self.code, key=distance)
        return [tokens for _, tokens in near]


@cache
def value_and_unit(number: str) -> tuple[Decimal, Decimal]:
    """What a number is, and one of its last digit: 7.3 million is 7,300,000 and 100,000."""
    digits, *word = number.replace(",", "").replace("%", " %").split()
    value = Decimal(digits)
    power = sum(SCALES[one] for one in word)
    last = value.as_tuple().exponent
    assert isinstance(last, int)  # no NaN, no infinity
    return value.scaleb(power), Decimal((0, (1,), last + power))


def rounds_to(token: str, number: str) -> bool:
    """Whether ``token``, as printed, is ``number`` or becomes it when it loses digits."""
    (exact, fine), (value, unit) = value_and_unit(token), value_and_unit(number)
    return fine <= unit and abs(exact - value) <= unit / 2


@cache
def says(token: str, number: str) -> bool:
    """:func:`rounds_to`; a percentage may be printed as a share of 1 or of 100."""
    return rounds_to(token, number) or ("%" in number and rounds_to(token, number.rstrip(" %")))


def said(number: str, among: list[list[str]]) -> str:
    """The first numbers of one line that say ``number``: two for one with its ±; or nothing."""
    for tokens in among:
        left = iter(tokens)
        found = [next((t for t in left if says(t, part)), "") for part in number.split(" ± ")]
        if all(found):
            return " ± ".join(found)
    return ""


def holds(numbers: str, among: list[list[str]]) -> bool:
    """Whether some line has these numbers, in this order."""

    def on(tokens: list[str]) -> bool:
        left = iter(tokens)
        return all(part in left for part in numbers.split(" ± "))

    return any(map(on, among))


def source(number: str, chapter: str, place: int, book: dict[str, Chapter]) -> str:
    """Where ``number`` comes from: what this chapter prints, what another prints, or ``TO_DO``.

    Only an estimate with its ± is looked for in other chapters: no other number is telling enough.
    """
    if here := said(number, book[chapter].lines(place)):
        return here
    others = [name for name in book if name != chapter] if "±" in number else []
    quotes = (f"{name}: {there}" for name in others if (there := said(number, book[name].lines())))
    return next(quotes, TO_DO)


def stands(number: str, origin: str, chapter: str, book: dict[str, Chapter]) -> bool:
    """Whether a source is one: numbers must be printed and say it, and words are taken as given."""
    match = PRINTED.fullmatch(origin)
    if not match:
        return origin != TO_DO
    there, numbers = book.get(match["chapter"] or chapter), match["numbers"]
    return (
        there is not None
        and said(number, [numbers.split(" ± ")]) == numbers
        and holds(numbers, there.lines())
    )


def renewed(chapter: str, book: dict[str, Chapter], known: Sources) -> Sources:
    """The sources of a chapter's numbers, in its order: those known that hold, others looked up."""
    new = {}
    for number, (place, _) in book[chapter].told.items():
        kept = known.get(number, TO_DO)
        right = stands(number, kept, chapter, book)
        new[number] = kept if right else source(number, chapter, place, book)
    return new


def faults(chapter: str, book: dict[str, Chapter], known: Sources) -> list[str]:
    """Where a chapter and the sources of its numbers do not agree, a sentence each."""
    told = book[chapter].told
    found = [
        f"{number} is listed, and no longer in the text" for number in known if number not in told
    ]
    for number, (_, words) in told.items():
        origin = known.get(number, TO_DO)
        if origin == TO_DO:
            found.append(f"{number} in {words!r} has no source")
        elif not stands(number, origin, chapter, book):
            found.append(f"{number} in {words!r} was {origin}, which is printed no more")
    return found
