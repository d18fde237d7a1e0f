"""One small style sheet in place of a dozen: only the rules that some page can use.

The theme's sheets hold all of Bootstrap and a font of 1,400 icons; pages wait for them.
"""

import hashlib
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import tinycss2
from bs4 import BeautifulSoup
from fontTools import subset
from fontTools.ttLib import TTFont
from tinycss2.ast import Node

NAME = re.compile(r"[\w-]+")
THEME = re.compile(r"""\[data-theme=["']?(light|dark)["']?\]""")
ICONS = re.compile(r"font-family:\s*\W?(Font ?Awesome|Material)")
ICON_FONT = "vendor/fontawesome/webfonts/fa-solid-900.*"  # newer themes have it as woff2 only
LETTERS = ((0x41, 0x1D434, 26), (0x61, 0x1D44E, 26), (0x391, 0x1D6E2, 25), (0x3B1, 0x1D6FC, 25))
# In the sheet itself, and unpacked before text is laid out: lines would move if it came later.
UNPACK = "document.fonts.load('1em \"STIX Two Math\"')"
MATH_FONT = Path(__file__).resolve().parent.parent / "math" / "stix-two-math.woff"
# Mathematical italic letters by plain ones, as browsers put them; h has a place of its own.
SLOPING = {chr(at + i): chr(to + i) for at, to, n in LETTERS for i in range(n)} | {"h": "ℎ"}
PRIVATE = re.compile("[\ue000-\uf8ff]")  # where Font Awesome keeps its drawings
SHEET = "book.css"
MERGED = "data-merged"  # which sheets it was made of, for a build that writes no page anew


def possible(selector: list[Node], names: set[str]) -> bool:
    """Whether every class and id that the selector asks for occurs in a page or a script."""
    before = None
    for token in selector:
        wanted = token.type == "hash" or (token.type == "ident" and before == ".")
        if wanted and token.value not in names:
            return False
        before = token.value if token.type == "literal" else None
    return True


def selectors(prelude: Iterable[Node]) -> Iterator[list[Node]]:
    one: list[Node] = []
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            yield one
            one = []
        else:
            one.append(token)
    yield one


def light_on_paper(selectors: list[str], content: str) -> Iterator[str]:
    """A rule as text, which on paper is the light theme's, whatever the screen shows."""
    light = [s for s in selectors if "light" in THEME.findall(s)]
    dark = [s for s in selectors if "dark" in THEME.findall(s)]
    if rest := [s for s in selectors if s not in dark]:
        yield f"{','.join(rest)}{{{content}}}"
    if dark:
        yield f"@media not print{{{','.join(dark)}{{{content}}}}}"
    if light:
        yield f"@media print{{{THEME.sub('[data-theme]', ','.join(light))}{{{content}}}}}"


def usable(rules: Iterable[Node], names: set[str]) -> Iterator[str]:
    """The rules that can apply to something, as text."""
    for rule in rules:
        if rule.type == "qualified-rule":
            kept = [
                tinycss2.serialize(s).strip() for s in selectors(rule.prelude) if possible(s, names)
            ]
            yield from light_on_paper(kept, tinycss2.serialize(rule.content).strip())
        elif rule.type == "at-rule" and rule.lower_at_keyword in ("media", "supports"):
            inner = tinycss2.parse_rule_list(rule.content, skip_comments=True, skip_whitespace=True)
            kept = list(usable(inner, names))
            if kept:
                prelude = tinycss2.serialize(rule.prelude).strip()
                yield f"@{rule.lower_at_keyword} {prelude}{{{''.join(kept)}}}"
        elif rule.type == "at-rule" and rule.lower_at_keyword != "charset":
            text = rule.serialize()
            if not ICONS.search(text):
                yield text


def rules(file: Path) -> Iterator[Node]:
    """The rules of a style sheet and of those that it imports."""
    text = file.read_text(encoding="utf-8")
    for rule in tinycss2.parse_stylesheet(text, skip_comments=True, skip_whitespace=True):
        if rule.type == "at-rule" and rule.lower_at_keyword == "import":
            name = next(part.value for part in rule.prelude if part.type in ("string", "url"))
            yield from rules(file.parent / name)
        else:
            yield rule


def cut_font(source: Path, signs: Iterable[str], features: Iterable[str] = ()) -> bytes:
    """Of a font, what is needed for ``signs``."""
    options = subset.Options(flavor="woff", layout_features=[*features], notdef_outline=True)
    font = TTFont(source, recalcTimestamp=False)  # every build is the same
    small = subset.Subsetter(options)
    small.populate(unicodes={ord(sign) for sign in signs})
    small.subset(font)
    font.flavor = "woff"
    packed = BytesIO()
    font.save(packed)
    return packed.getvalue()


def signs_of_formulas(pages: Iterable[BeautifulSoup]) -> Iterator[str]:
    """All that formulas are set with: a letter alone stands for the sloping one, and no page
    writes out the sign of a root.
    """
    yield "√"
    for page in pages:
        for part in page.select("math :is(mi, mn, mo, mtext)"):
            text = part.get_text()
            yield from text
            if part.name == "mi" and len(text) == 1:
                yield from SLOPING.get(text, "")


def merge(pages: dict[Path, BeautifulSoup], out: Path) -> None:
    """Writes ``_static/book.css`` and its icons, and links each page to it alone."""
    static = out / "_static"
    links = {path: page.find_all("link", rel="stylesheet") for path, page in pages.items()}
    links = {path: found for path, found in links.items() if found}  # a redirection has none
    fresh = {path: found for path, found in links.items() if not found[0].get(MERGED)}
    merged = next((found[0][MERGED] for found in links.values() if found[0].get(MERGED)), "")
    files = dict.fromkeys(
        (path.parent / link["href"].partition("?")[0]).resolve().relative_to(static.resolve())
        for path, found in fresh.items()
        for link in found
    ) | dict.fromkeys(map(Path, merged.split()))  # of pages that were not written anew
    names = set()
    for text in (*map(str, pages.values()), *(p.read_text() for p in static.rglob("*.js"))):
        names |= set(NAME.findall(text))
    text = "".join(rule for file in files for rule in usable(rules(static / file), names))
    icons, formulas = PRIVATE.findall(text), set(signs_of_formulas(pages.values()))
    (static / "icons.woff").write_bytes(cut_font(min(static.glob(ICON_FONT)), icons))
    packed = b64encode(cut_font(MATH_FONT, formulas, ["ssty"])).decode()
    text += (
        f'@font-face{{font-family:"STIX Two Math";src:url(data:font/woff;base64,{packed})}}'
        '@font-face{font-family:"Font Awesome 6 Free";font-weight:900;'
        "font-display:block;src:url(icons.woff) format('woff')}"
    )
    (static / SHEET).write_text(text, encoding="utf-8")
    version = hashlib.sha256(text.encode()).hexdigest()[:8]
    for path, found in links.items():
        for link in found[1:]:
            link.decompose()
        home = "../" * (len(path.relative_to(out).parts) - 1)
        if pages[path].select_one("article math") and not found[0].find_next(
            "script", string=UNPACK
        ):
            found[0].insert_after(pages[path].new_tag("script", string=UNPACK))
        found[0]["href"] = f"{home}_static/{SHEET}?v={version}"
        found[0][MERGED] = " ".join(file.as_posix() for file in files)
