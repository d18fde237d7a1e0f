"""The book to take away: ``pdf`` makes one PDF of all pages, ``zip`` one archive of the site.

``python tools/take_away.py pdf`` (or ``zip``), once the book is built; ``make`` does both steps.
Both files then lie in the site, and its start page links to them.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pikepdf
from bs4 import BeautifulSoup, Tag

from browser import VARIABLE, chromium

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "book" / "_extensions"))
import website  # noqa: E402
from website import NOT_FOUND, PDF, SITE_MAP, START, ZIP, description  # noqa: E402

SITE = ROOT / "_build" / "html"
SOLUTIONS = "solutions"
GLOSSARY = "book/glossary.html"  # the solutions come before it
# What has no use on paper: buttons, the cards of chapters, and where answers are to be typed.
SCREEN = (
    ".headerlink, .take-away, script, button, .about-page, section:has(> .doors), "
    "section:has(> .chapters), .start-row a, p:has(> em:-soup-contains-own('Your answer here.'))"
)
LEFT_OUT = {PDF, ZIP, NOT_FOUND, SITE_MAP}  # what only a web host has a use for
# What the site's sheets do not know: the cover, the contents, and a running head for each page.
# Contents as wide as the page are read letter by letter in Chromium's viewer. And `widows` doesn't
# keep a last line from standing alone.
STYLE = """
@page { size: A4 }
@page front { @bottom-center { content: none } @top-right { content: none } }
.front { page: front }
.front, article { break-after: page }
.cover { padding-top: 60mm; text-align: center }
.cover img { width: 120mm }
.cover p { margin: 1em auto; max-width: 110mm; text-wrap: balance }
.contents { list-style: none; max-width: 130mm; padding: 0 }
.contents li.caption { font-weight: bold; margin-top: 0.8em }
.contents a { align-items: baseline; color: inherit; display: flex; gap: 0.6em }
.contents a:any-link { text-decoration: none }
.contents a i { border-bottom: 1px dotted #999; flex: 1 }
.solution { break-inside: avoid }
section > p:last-child { break-inside: avoid }
"""
HEAD = "@page {key} {{ @top-right {{ content: '{title}'; color: #555; font: 9pt sans-serif }} }}\n"
DOCUMENT = """<!DOCTYPE html>
<html lang="en" data-theme="light"><head><meta charset="utf-8"><title>{title}</title>
<link rel="stylesheet" href="../html/_static/book.css"><style>{style}</style></head>
<body><main class="bd-main"><div class="bd-content"><div class="bd-article-container">
<div class="front cover"><img src="../html/_static/logo.svg" alt=""><h1>{title}</h1>
<p>{about}</p><p>{edition}</p><p>{copyright}</p></div>
<div class="front"><h2>Contents</h2><ul class="contents">{contents}</ul></div>
{articles}</div></div></main></body></html>
"""


def read(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def key(address: str) -> str:
    """The id of a page in the joined book: ``notebooks-06_lrn``, of ``notebooks/06_lrn.html``."""
    return re.sub(r"[^\w-]+", "-", address.removesuffix(".html"))


def words(part: Tag) -> str:
    return " ".join(part.get_text().split())


def entries(start: BeautifulSoup) -> Iterator[tuple[str, str]]:
    """The sidebar of the start page: each page's address and title; a part's caption has none."""
    for entry in start.select("#pst-primary-sidebar nav :is(p.caption, a.reference.internal)"):
        address = urljoin(START, str(entry["href"])) if entry.name == "a" else ""
        yield urldefrag(address)[0], words(entry)


def joined_address(address: str, pages: set[str], home: str) -> str:
    """What an address in the site is in the joined book; "" where there is nothing to lead to."""
    file, fragment = urldefrag(address)
    if urlsplit(address).scheme:
        return address
    if file in pages:
        return f"#{key(file)}--{unquote(fragment)}" if fragment else f"#{key(file)}"
    return home and urljoin(home, address)


def join_article(article: Tag, address: str, pages: set[str], home: str) -> None:
    """Make of a page's article a part of the book: its own ids, all open, links within the book."""
    for part in article.select(SCREEN):
        part.decompose()
    for part in article.select("details"):
        part["open"] = ""
    for part in article.find_all(id=True):
        if not part.find_parent("svg"):
            part["id"] = f"{key(address)}--{part['id']}"
    for picture in article.select("img[src]"):
        picture["src"] = urljoin(f"../html/{address}", str(picture["src"]))
    for link in article.select("a[href]"):
        link["href"] = joined_address(urljoin(address, str(link["href"])), pages, home)
        if not link["href"]:
            link.unwrap()
    article["id"], article["style"] = key(address), f"page: {key(address)}"


def gather_solutions(
    articles: dict[str, Tag], pages: dict[str, str], numbers: dict[str, int]
) -> Tag:
    """The exercises' solutions as an article of their own, each with its page left in its place."""
    gathered = Tag(name="article", attrs={"class": "bd-article", "id": SOLUTIONS})
    gathered["style"] = f"page: {SOLUTIONS}"
    gathered.append(BeautifulSoup("<h1>Solutions</h1>", "html.parser"))
    for address, article in articles.items():
        found = article.select(".solution")
        if found:
            gathered.append(BeautifulSoup(f"<h2>{escape(pages[address])}</h2>", "html.parser"))
        for number, solution in enumerate(found, 1):
            place = solution["id"] = f"{SOLUTIONS}-{key(address)}-{number}"
            page = f"page {numbers[place]}" if place in numbers else "at the end"
            link = f'<p><a href="#{place}">Solution: {page}</a></p>'
            solution.replace_with(BeautifulSoup(link, "html.parser"))
            gathered.append(solution)
    return gathered


def line(address: str, title: str, numbers: dict[str, int]) -> str:
    """An entry of the contents."""
    if not address:
        return f'<li class="caption">{escape(title)}</li>'
    number = f"<i></i><span>{numbers.get(key(address), '')}</span>"
    return f'<li><a href="#{key(address)}">{escape(title)} {number}</a></li>'


def newest(articles: Iterable[Tag]) -> str:
    """The day on which the page that changed last did so, as pages say it; "" if none does."""
    days = [day for article in articles for day in article.select(".about-page time")]
    return words(max(days, key=lambda day: str(day["datetime"]))) if days else ""


def joined(site: Path, numbers: dict[str, int]) -> str:
    """The whole book as one page; ``numbers`` are those of the contents, by the ids of pages."""
    start = read(site / START)
    listed = list(entries(start))
    pages = {address: title for address, title in listed if address}
    home = "".join(str(link["href"]) for link in start.select("link[rel=canonical]"))
    articles = {address: read(site / address).select("article")[0] for address in pages}
    edition = [newest(articles.values()), home.removesuffix(START)]
    for address, article in articles.items():
        join_article(article, address, set(articles), home.removesuffix(START))
    articles[SOLUTIONS] = gather_solutions(articles, pages, numbers)
    pages[SOLUTIONS] = "Solutions"
    glossary = [address for address, title in listed].index(GLOSSARY)
    listed.insert(glossary, (SOLUTIONS, pages[SOLUTIONS]))
    heads = [
        HEAD.format(key=key(address), title=title.replace("'", "’"))
        for address, title in pages.items()
    ]
    return DOCUMENT.format(
        title=escape(pages[START]),
        about=escape(description(start)),
        edition=escape(" · ".join(filter(None, edition))),
        copyright=escape(words(start.select(".copyright")[0])),
        style=STYLE + "".join(heads),
        contents="\n".join(line(address, title, numbers) for address, title in listed),
        articles="\n".join(str(articles[address]) for address, title in listed if address),
    )


def print_page(page: Path, pdf: Path, *options: str) -> None:
    """Print a page as Chromium does."""
    pdf.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        done = subprocess.run(
            [
                str(chromium()),
                "--headless",
                "--no-sandbox",  # it opens our own pages only, and root has no other way
                "--disable-gpu",
                "--no-pdf-header-footer",
                *options,
                f"--user-data-dir={profile}",
                f"--print-to-pdf={pdf}",
                page.as_uri(),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode or not pdf.is_file():
        raise SystemExit(f"{chromium()} did not print {page}:\n{done.stderr}")


def page_numbers(pdf: pikepdf.Pdf) -> dict[str, int]:
    """On which page of a PDF each place lies that a link within it leads to."""
    numbers = {page.obj.objgen: number for number, page in enumerate(pdf.pages, start=1)}
    places = dict(pdf.Root.Dests.items())
    return {name.lstrip("/"): numbers[place[0].objgen] for name, place in places.items()}


def make_pdf(site: Path) -> Path:
    """Print the book, and again with the numbers of pages that the first time has shown.

    Only the second PDF has what the first can do without: an outline, and marks for screen readers.
    """
    if not chromium():
        raise SystemExit(
            "The PDF needs Chromium or Chrome, and none was found: install one (Debian: "
            f"'apt install chromium') or give its path in the variable {VARIABLE}"
        )
    folder = site.parent / "pdf"
    folder.mkdir(exist_ok=True)
    page, printed = folder / "book.html", folder / PDF
    page.write_text(joined(site, {}), encoding="utf-8")
    print_page(page, printed, "--disable-pdf-tagging")
    with pikepdf.open(printed) as pdf:
        page.write_text(joined(site, page_numbers(pdf)), encoding="utf-8")
    print_page(page, printed, "--generate-pdf-document-outline")
    with pikepdf.open(printed) as pdf:
        pdf.Root.PageMode = pikepdf.Name.UseOutlines
        pdf.save(site / PDF, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return site / PDF


def make_zip(site: Path) -> Path:
    """All that the pages need, in one folder; its start page offers no PDF and no archive."""
    start = read(site / START)
    website.withdraw(start)
    made = site.parent / ZIP
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(site.rglob("*")):
            name = path.relative_to(site).as_posix()
            inside = f"{Path(ZIP).stem}/{name}"
            if name == START:
                archive.writestr(inside, str(start))
            elif path.is_file() and name not in LEFT_OUT and path.suffix != ".map":
                archive.write(path, inside)
    return made.replace(site / ZIP)


def offer(site: Path) -> None:
    """Link the start page to what has been made."""
    start = read(site / START)
    website.offer(start, site)
    (site / START).write_text(str(start), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["pdf", "zip"])
    if not (SITE / START).is_file():
        raise SystemExit(f"{SITE / START} is missing: run 'make book' first")
    made = {"pdf": make_pdf, "zip": make_zip}[parser.parse_args().what](SITE)
    offer(SITE)
    print(f"{made}: {made.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
