"""Charts stand in the page itself: their words are found and read aloud, their colours are the
page's, light or dark, and each has its data folded beneath it.
"""

import json
import re
from html import escape, unescape
from pathlib import Path

from bs4 import BeautifulSoup, Tag

# The colours of alexnet_course.figures, by the names that course.css gives them.
COLOURS = {
    "#fefefe": "none",
    "#ffffff": "var(--pst-color-background)",
    "#000000": "currentColor",
    "#0072b2": "var(--drawing-blue)",
    "#e69f00": "var(--drawing-orange)",
    "#009e73": "var(--drawing-green)",
    "#cc79a7": "var(--drawing-pink)",
    "#56b4e9": "var(--drawing-sky)",
    "#d55e00": "var(--drawing-red)",
    "#767676": "var(--drawing-grey)",
    "#c8c8c8": "var(--drawing-shade)",
    "#dddddd": "var(--drawing-grid)",
    "#ececec": "var(--drawing-grid)",
}
COLOUR = re.compile(rf"({'|'.join(COLOURS)})\b")
STYLE = re.compile(r"\s*<style>.*?</style>", re.DOTALL)  # would hold for the whole page
METADATA = re.compile(r"\s*<metadata>(.*?)</metadata>", re.DOTALL)
NUMBER = re.compile(r"-?\d+\.\d{5,}|-?\d+(?:\.\d+)?e[-+]\d+")  # too long for a reader
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SIZE = re.compile(r'(<svg[^>]*?) width="([\d.]+)pt" height="[\d.]+pt"')


def readable(cell: str) -> str:
    """``1.9e-07`` as ``1.9 × 10⁻⁷`` and ``1.918e+04`` as ``19,180``, all to four digits."""
    if not NUMBER.fullmatch(cell):
        return cell
    value = float(cell)
    if 1e-3 <= abs(value) < 1e6 or not value:
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    digits, power = f"{value:.3e}".split("e")
    return f"{float(digits):g} × 10{str(int(power)).translate(RAISED)}".replace("-", "−")


def data_table(data: dict[str, list]) -> str:
    """The folded table of what a chart shows."""
    head, *names = data["headings"]
    corner = f'<th scope="col">{escape(head)}</th>' if head else "<td></td>"
    columns = corner + "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{escape(readable(label))}</th>'
        + "".join(f"<td>{escape(readable(cell))}</td>" for cell in cells)
        + "</tr>"
        for label, *cells in data["rows"]
    )
    return (
        '<details class="drawing-data"><summary>The data of this figure</summary>'
        f'<table class="dataframe"><thead><tr>{columns}</tr></thead>'
        f"<tbody>{rows}</tbody></table></details>"
    )


def drawing(svg: str, alt: str) -> str:
    """An SVG file as an element of a page, and the table of its data."""
    svg = svg[svg.index("<svg") :]
    held = METADATA.search(svg)
    svg = STYLE.sub("", METADATA.sub("", svg))
    width = SIZE.search(svg)
    if width:
        look = f'class="drawing" style="max-width:{float(width[2]) / 12:.1f}em"'
        svg = SIZE.sub(rf'\1 {look} role="img" aria-label="{escape(alt)}"', svg, count=1)
    svg = COLOUR.sub(lambda found: COLOURS[found[0]], svg)
    return svg + (data_table(json.loads(unescape(held[1]))) if held else "")


def chapter_of(page: BeautifulSoup) -> str:
    """The number of a chapter, or the letter of an appendix, that begins the page's title."""
    title = page.select_one("article h1")
    found = re.match(r"(\d+|[A-Z])\s·", title.get_text()) if title else None
    return found[1] if found else ""


def number(page: BeautifulSoup, path: Path) -> None:
    """Figures are numbered within their chapter."""
    for place, number in enumerate(page.select(".cell_output .caption-number"), 1):
        number.string = f"Figure {chapter_of(page)}.{place}. "


def inline(page: BeautifulSoup, path: Path) -> None:
    image: Tag
    for image in page.select("article img[src$='.svg']"):
        file = path.parent / image["src"]
        text = drawing(file.read_text(encoding="utf-8"), image.get("alt", ""))
        image.replace_with(BeautifulSoup(text, "html.parser"))
