"""What helps to read a page: cards for its terms and sources, lines of code that wrap, and on top
its time, its exercises, its notebook and the day it last changed.
"""

import copy
import re
import subprocess
from collections.abc import Iterable, Iterator
from datetime import date
from html import escape
from os.path import relpath
from pathlib import Path
from urllib.parse import urldefrag

from bs4 import BeautifulSoup, NavigableString, Tag
from drawings import chapter_of
from pybtex.database import Entry
from pybtex.plugin import register_plugin
from pybtex.style.formatting.unsrt import Style
from pybtex.style.labels import BaseLabelStyle
from sphinx.application import Sphinx
from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle

COLAB = "https://colab.research.google.com/"
TIME = re.compile(r"about (?:an?|[\w-]+) (?:hours?|minutes)(?: to read)?")
COLUMNS = re.compile(r"^.*\S {2,}\S.*\n.*\S {2,}\S", re.MULTILINE)
SPEED = 220  # words a minute
LOOKED_UP = ("explorer", "glossary", "references", "try")  # nobody reads these from end to end
PHONE = 30  # letters of code in a line
MARKUP = re.compile(r"<[^>]+>")
# Spaces at which no line should break, and the minus sign of a number in a table.
CLOSE = re.compile(
    r"(?<=\d) (?=%|[×±] \d|(?:min|ms|px|kB|MB|GB|MiB|GiB)\b)|(?<=\d [×±]) (?=\d)|(?<=\d) (?=· )"
    r"|(?<=\b[Cc]hapter) (?=\d)|(?<=\bFigure) (?=\d)|(?<=\bExercise) (?=\d)|(?<=\bTable) (?=\d)"
)
MINUS = re.compile(r"(?<![\w.-])-(?=\d)")
NO_WORDS = {"pre", "code", "svg", "math", "script", "style", "textarea"}
EXERCISE = re.compile(r"Exercise\s[\d.]*\d")
STOPS = re.compile(r"[.,;:!?)\]’”]+")


class AuthorYearLabels(BaseLabelStyle):
    """Labels of the list of references that read as citations do in the text."""

    def format_labels(self, sorted_entries: Iterable[Entry]) -> Iterator[str]:
        style = AuthorYearReferenceStyle()
        names = style.person.author_or_editor_or_title(full=False)
        for entry in sorted_entries:
            who = names.format_data({"entry": entry, "style": style})
            yield f"{who}, {entry.fields['year']}"


class AuthorYear(Style):
    default_sorting_style = "author_year_title"
    default_label_style = AuthorYearLabels


def without_links(part: Tag) -> str:
    """Its content as text that may stand elsewhere a second time."""
    part = copy.copy(part)
    for extra in part.select(".headerlink, .label"):
        extra.decompose()
    for link in part.find_all("a"):
        link.unwrap()
    for named in part.find_all(id=True):
        del named["id"]
    return part.decode_contents().strip()


def cards(pages: dict[Path, BeautifulSoup]) -> dict[str, str]:
    """What each term of the glossary and each reference says, by its address."""
    found = {}
    for path, page in pages.items():
        for term in page.select("dl.glossary > dt[id]"):
            says = f"<strong>{without_links(term)}</strong> {without_links(term.find_next('dd'))}"
            found[f"{path}#{term['id']}"] = says
        for source in page.select(".citation[id]"):
            found[f"{path}#{source['id']}"] = without_links(source)
    return found


def address_in(path: Path, link: str) -> str:
    """The file and the place that a link on the page ``path`` leads to."""
    file, place = urldefrag(link)
    return f"{(path.parent / file).resolve() if file else path}#{place}"


def add_cards(page: BeautifulSoup, path: Path, says: dict[str, str]) -> None:
    """Links to terms and sources are described by a card, which reading.js shows beside them."""
    for old in page.select(".reading-cards"):
        old.decompose()
    used = {}
    for link in page.select("article a.reference[href*='#']"):
        address = address_in(path, link["href"])
        if address in says:
            place = address.partition("#")[2]
            used[place] = says[address]
            link["aria-describedby"] = f"card-{place}"
            link.attrs.pop("title", None)
    drawn = "".join(
        f'<div class="reading-card" id="card-{place}" popover="manual" role="tooltip">{text}</div>'
        for place, text in used.items()
    )
    if drawn:
        holder = f'<div class="reading-cards">{drawn}</div>'
        page.find("main").append(BeautifulSoup(holder, "html.parser"))


def hang_lines(page: BeautifulSoup) -> None:
    """A line too long for the screen goes on beneath itself, deeper than it began."""
    for block in page.select("article pre"):
        text = block.get_text()
        lines = block.decode_contents().rstrip("\n").split("\n")
        whole = all(line.count("<span") == line.count("</span") for line in lines)
        if block.find(class_="line") or not whole:
            continue
        if block.find_parent(class_="cell_output") and COLUMNS.search(text):
            block["class"], block["tabindex"] = "in-columns", "0"
        drawn = ""
        for line in lines:
            plain = MARKUP.sub("", line)
            indent = len(plain) - len(plain.lstrip(" "))
            style = f' style="--indent:{indent}ch"' if indent else ""
            drawn += f'<span class="line"{style}>{line}\n</span>'
        parsed = BeautifulSoup(f"<pre>{drawn}</pre>", "html.parser")  # only there, spaces stay
        block.clear()
        block.extend(list(parsed.pre.children))


def break_long_words(page: BeautifulSoup) -> None:
    """A word of code that is wider than a phone may break; a short one never does."""
    for word in page.select("article code .pre"):
        if len(word.get_text()) > PHONE:
            word["class"] = ["pre", "long-word"]


def sentences(part: Tag) -> Iterator[NavigableString]:
    """The pieces of text that are read as words, not as code, formulas or drawings."""
    for child in part.children:
        if isinstance(child, Tag):
            if child.name not in NO_WORDS:
                yield from sentences(child)
        else:
            yield child


def keep_together(page: BeautifulSoup) -> None:
    """A number stays with its unit or its name, and a stop with the formula before it."""
    for text in list(sentences(page.find("article"))):
        kept = CLOSE.sub("\u00a0", text)
        if MINUS.search(kept) and text.find_parent("table"):
            kept = MINUS.sub("−", kept)
        if kept != text:
            text.replace_with(kept)
    for formula in page.select("article span.math"):
        after = formula.next_sibling
        stop = STOPS.match(after) if isinstance(after, str) else None
        if stop:
            after.replace_with(after[stop.end() :])
            formula.wrap(page.new_tag("span", attrs={"class": "kept"})).append(stop[0])


def number_exercises(pages: dict[Path, BeautifulSoup]) -> None:
    """Exercises are numbered within their chapter, as figures are, where they stand and where they
    are named.
    """
    names = {}
    for path, page in pages.items():
        numbers = page.select(".exercise[id] > .admonition-title > .caption-number")
        for place, number in enumerate(numbers, 1):
            number.string = f"Exercise {chapter_of(page)}.{place}"
            names[f"{path}#{number.find_parent(id=True)['id']}"] = number.string
    for path, page in pages.items():
        for link in page.select("article a.reference[href*='#']"):
            name = names.get(address_in(path, link["href"]))
            if name and EXERCISE.search(link.get_text()):
                text = link.find(string=EXERCISE)
                text.replace_with(EXERCISE.sub(name, text))


def mend_titles(page: BeautifulSoup) -> None:
    """In "Solution to Exercise 3" the space is no part of the link."""
    for link in page.select(".solution > .admonition-title > a"):
        text = link.find(string=True)
        if text and text.startswith(" "):
            text.replace_with(text.lstrip())
            link.insert_before(" ")


def last_change(file: Path) -> date | None:
    """The day of the last commit that touched the file, where git knows all of its history."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=file.parent, capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    try:
        whole = git("rev-parse", "--is-shallow-repository") == "false"
        day = whole and git("log", "-1", "--format=%cs", "--", file.name)
    except OSError:  # no git here
        return None
    return date.fromisoformat(day) if day else None


def partner(path: Path, out: Path) -> Path:
    """A chapter's page of exercises, or the chapter of a page of exercises."""
    chapter = path.stem.removeprefix("ex")
    if path.stem != chapter:
        return out / "notebooks" / f"{chapter}.html"
    number = chapter.partition("_")[0]
    return out / "notebooks" / "exercises" / f"ex{number}" / f"ex{chapter}.html"


def about(
    page: BeautifulSoup, path: Path, out: Path, source: Path, pages: dict[Path, BeautifulSoup]
) -> Iterator[str]:
    """What stands below the title of a page: chapters and exercises state their own time."""
    text = page.find("article").get_text()
    if source.suffix == ".ipynb":
        yield from (time[0].capitalize() for time in [TIME.search(text)] if time)
    elif source.stem not in LOOKED_UP:
        minutes = round(len(text.split()) / SPEED) or 1
        yield f"About {minutes} minute{'s' if minutes > 1 else ''} to read"
    other = partner(path, out)
    if other in pages:
        chapter = pages[other].find("article").h1.find(string=True)
        name = f"Chapter {chapter}" if path.stem.startswith("ex") else "Exercise notebook"
        yield f'<a href="{relpath(other, path.parent)}">{escape(name)}</a>'
    file = out / "_sources" / source
    if file.suffix == ".ipynb" and file.is_file():
        address = relpath(file, path.parent)
        yield f'<a download="{file.name}" href="{address}">Download the notebook</a>'
    if colab := page.select_one(f'a[href^="{COLAB}"]:not(.about-page a)'):
        yield f'<a href="{escape(colab["href"])}">Open in Colab</a>'


def add_about(
    page: BeautifulSoup, path: Path, out: Path, source: Path, pages: dict[Path, BeautifulSoup]
) -> None:
    for old in page.select(".about-page"):
        old.decompose()
    names = [path.relative_to(out).with_suffix(kind) for kind in (".ipynb", ".md")]
    own = next((name for name in names if (source / name).is_file()), None)
    if own is None or own.stem == "index":
        return
    items = list(about(page, path, out, own, pages))
    if day := last_change(source / own):
        written = f"{day.day} {day:%B %Y}"
        items.append(f'Last changed <time datetime="{day}">{written}</time>')
    drawn = "".join(f"<li>{item}</li>" for item in items)
    line = f'<ul class="about-page d-print-none">{drawn}</ul>'
    page.find("article").h1.insert_after(BeautifulSoup(line, "html.parser"))


def add_letters(page: BeautifulSoup) -> None:
    """Above a glossary, links to the first term of each letter."""
    for old in page.select(".letters"):
        old.decompose()
    for glossary in page.select("dl.glossary"):
        firsts = {}
        for term in glossary.find_all("dt", id=True):
            letter = term.get_text()[0].upper()
            firsts.setdefault(letter if letter.isalpha() else "0–9", term["id"])
        links = "".join(f'<li><a href="#{at}">{letter}</a></li>' for letter, at in firsts.items())
        drawn = f'<nav class="letters d-print-none" aria-label="Letters"><ul>{links}</ul></nav>'
        glossary.insert_before(BeautifulSoup(drawn, "html.parser"))


def finish(pages: dict[Path, BeautifulSoup], out: Path, source: Path) -> None:
    number_exercises(pages)
    articles = {path: page for path, page in pages.items() if page.find("article")}
    for page in articles.values():
        mend_titles(page)
        keep_together(page)
    says = cards(articles)
    for path, page in articles.items():
        add_cards(page, path, says)
        hang_lines(page)
        break_long_words(page)
        add_letters(page)
        add_about(page, path, out, source, pages)


def setup(app: Sphinx) -> dict[str, bool]:
    register_plugin("pybtex.style.formatting", "author_year", AuthorYear)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
