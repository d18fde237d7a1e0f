"""What Jupyter Book's pages lack, added to every page once the book is built.

The theme brings 1.4 MB of script for a dozen icons, a kernel launcher that no page uses, and
tables, buttons and lists that screen readers stumble over. Each function here mends one of these in
a parsed page, and changes nothing when it runs a second time.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import drawings
import reading
import sections
import start
import styles
import website
from bs4 import BeautifulSoup
from PIL import Image
from sphinx.application import Sphinx

ICON = re.compile(r"(?:^|\s)fa-(?!solid\b|regular\b|brands\b|lg\b|fw\b)([a-z0-9-]+)")
UNUSED = re.compile(r"thebe|fontawesome|kernelName = |DOCUMENTATION_OPTIONS\.pagename")
LARGE = 10_000  # bytes of a picture, as text


def drop_unused(page: BeautifulSoup, path: Path) -> None:
    """The icons' script (they are drawn in the page), and what only a live kernel would need."""
    seen = set()
    for script in page.find_all(["script", "link"]):
        address = script.get("src") or script.get("href") or ""
        if script.name == "link" and "sphinx-thebe" in address:
            script.decompose()
        elif script.name == "script":
            text = address or script.string or ""
            if UNUSED.search(text) or (text and text in seen):
                script.decompose()
            seen.add(text)


def defer_scripts(page: BeautifulSoup, path: Path) -> None:
    """Text first: no script that is loaded holds up the page."""
    for script in page.find_all("script", src=True):
        script.attrs.pop("async", None)
        script["defer"] = ""


def settle_colours(page: BeautifulSoup, path: Path) -> None:
    """Light or dark is known before the first paint, and one logo serves both: nothing jumps."""
    for script in page.find_all("script", string=re.compile("dataset.theme = ")):
        script.string = script.string.replace(
            'localStorage.getItem("theme") || "auto"',
            'localStorage.getItem("theme") || '
            '(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")',
        )
    for logo in page.select("img.logo__image"):
        if "only-dark" in logo["class"]:
            logo.decompose()
        else:
            logo["class"] = ["logo__image"]


def draw_icons(icons: Callable[[str], str]) -> Callable[[BeautifulSoup, Path], None]:
    def draw(page: BeautifulSoup, path: Path) -> None:
        for place in page.find_all(["i", "span"], class_=re.compile(r"^fa[srb]?$|^fa-")):
            names = ICON.findall(" ".join(place["class"]))
            if not names:
                continue
            drawn = BeautifulSoup(icons(names[0]), "html.parser").svg
            drawn["class"] = ["svg-inline--fa", *place["class"]]
            if "data-mode" in place.attrs:
                drawn["data-mode"] = place["data-mode"]
            place.replace_with(drawn)

    return draw


def name_controls(page: BeautifulSoup, path: Path) -> None:
    """A button is called what stands on it; one with a picture only, what it does."""
    for folded in page.select("nav li.has-children > details > summary"):
        folded["aria-label"] = f"Pages of {folded.find_previous('a').get_text(strip=True)}"
    for button in page.select(":is(button, summary)[aria-label]"):
        if button.get_text(strip=True):
            del button["aria-label"]
    for button in page.select("button[title]:not([aria-label])"):
        if not button.get_text(strip=True):
            button["aria-label"] = button["title"]


def mark_regions(page: BeautifulSoup, path: Path) -> None:
    """The sidebar is a landmark, and lists are lists to everybody."""
    for side in page.select("#pst-primary-sidebar"):
        side["role"], side["aria-label"] = "region", "Book"
    for one in page.select('[role="doc-biblioentry"], [role="doc-backlink"], .citation-list'):
        del one["role"]


def mend_tables(page: BeautifulSoup, path: Path) -> None:
    """No empty headings; a table that is too wide scrolls inside itself, by keyboard too."""
    for heading in page.select("article th"):
        if not heading.get_text(strip=True):
            heading.name = "td"
    for table in page.select("article table"):
        if "table-scroll" in table.parent.get("class", []):
            continue
        holder = page.new_tag("div", attrs={"class": "table-scroll", "tabindex": "0"})
        table.wrap(holder)


def size_of(file: Path) -> tuple[float, float]:
    """Width and height of a picture as it is shown, in CSS pixels."""
    if file.suffix == ".svg":
        drawn = BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser").svg
        width, height = drawn["viewbox"].split()[2:]
        return float(width), float(height)
    with Image.open(file) as picture:
        scale = 96 / picture.info.get("dpi", (96, 96))[0]
        return picture.width * scale, picture.height * scale


def size_images(page: BeautifulSoup, path: Path) -> None:
    """Width and height, so that what stands by a picture never jumps."""
    for image in page.find_all("img", src=True):
        file = path.parent / image["src"]
        if not image.has_attr("width") and file.suffix in (".png", ".svg") and file.is_file():
            image["width"], image["height"] = map(round, size_of(file))
            image["decoding"] = "async"


def move_pictures(page: BeautifulSoup, path: Path) -> None:
    """Large pictures inside drawings become files of their own, and all that stand on cards of
    the start page: the text doesn't wait for them.
    """
    for image in page.select("svg image"):
        kind, _, data = image.get("xlink:href", "").partition(";base64,")
        small = len(data) < LARGE and not image.find_parent(class_="card-picture")
        if kind != "data:image/png" or small:
            continue
        content = base64.b64decode(data)
        home = page.html["data-content_root"]
        address = f"{home}_images/{hashlib.sha256(content).hexdigest()}.png"
        (path.parent / address).write_bytes(content)
        image["xlink:href"] = address


def icon_drawings(script: Path) -> Callable[[str], str]:
    """Reads Font Awesome's drawings (CC BY 4.0) out of the theme's script, one by one."""
    text = script.read_text(encoding="utf-8")

    @cache
    def drawing(name: str) -> str:
        found = re.search(
            rf'(?<![\w-])"?{re.escape(name)}"?:\[(\d+),(\d+),\[[^\]]*\],"\w+","([^"]+)"\]', text
        )
        if not found:
            raise ValueError(f"Font Awesome has no icon {name!r}")
        width, height, path = found.groups()
        return (
            f'<svg viewBox="0 0 {width} {height}" fill="currentColor" aria-hidden="true">'
            f'<path d="{path}"></path></svg>'
        )

    return drawing


def finish(app: Sphinx, exception: Exception | None) -> None:
    if exception or app.builder.name != "html":
        return
    out = Path(app.outdir)
    icons = icon_drawings(out / "_static" / "scripts" / "fontawesome.js")
    steps = (
        drop_unused,
        defer_scripts,
        settle_colours,
        draw_icons(icons),
        name_controls,
        mark_regions,
        drawings.number,
        drawings.inline,
        mend_tables,
        move_pictures,
        size_images,
    )
    pages = {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")
        for path in sorted(out.rglob("*.html"))
        if "_static" not in path.relative_to(out).parts
    }
    for path, page in pages.items():
        for step in steps:
            step(page, path)
    reading.finish(pages, out, Path(app.srcdir))
    sections.write(pages, out)
    move_pictures(*start.fill(pages, out))
    styles.merge(pages, out)
    website.complete(pages, out, app.config.html_baseurl)
    for path, page in pages.items():
        path.write_text(str(page), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", finish, priority=900)  # once the theme has coloured the code
    return {"parallel_read_safe": True, "parallel_write_safe": True}
