"""What the start page shows of each chapter: its first drawing, and the minutes that it takes."""

import os
import re
from copy import copy
from pathlib import Path

from bs4 import BeautifulSoup, Tag

CARDS = ".chapters li"
MINUTES = re.compile(r"about (\d+) minutes? to read", re.IGNORECASE)


def picture(chapter: Tag) -> Tag | None:
    """The first drawing of a chapter, small and without its words, which would be too small."""
    first = chapter.select_one("svg.drawing")
    if first is None:
        return None
    small = copy(first)
    for word in small.select("text"):
        word.decompose()
    for name in ("style", "role", "aria-label", "width", "height"):
        small.attrs.pop(name, None)
    small["class"], small["aria-hidden"] = ["drawing", "card-picture"], "true"
    small["preserveAspectRatio"] = "xMidYMid slice"
    return small


def minutes(page: BeautifulSoup, chapter: Tag) -> Tag | None:
    stated = MINUTES.search(chapter.get_text(" "))
    if stated is None:
        return None
    note = page.new_tag("span", attrs={"class": "card-minutes"})
    note.string = f"{stated[1]} minutes"
    return note


def fill(pages: dict[Path, BeautifulSoup], out: Path) -> tuple[BeautifulSoup, Path]:
    """Put them into the cards of the start page, each of which links to its chapter; gives it."""
    path = out / "book" / "index.html"
    page = pages[path]
    for old in page.select(".card-picture, .card-minutes"):
        old.decompose()
    for card in page.select(CARDS):
        chapter = pages[Path(os.path.normpath(path.parent / card.a["href"]))].article
        if drawn := picture(chapter):
            card.insert(0, drawn)
        if stated := minutes(page, chapter):
            card.append(stated)
    return page, path
