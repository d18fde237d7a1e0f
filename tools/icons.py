"""Draws the pictures of the site that must be PNG from its SVG ones: ``python tools/icons.py``.

``icon.png`` is what a telephone shows on its first screen, ``card.png`` what a message shows beside
a link. They are stored, since only this needs a browser; run it when a drawing has changed.
"""

from pathlib import Path

from playwright.sync_api import sync_playwright

from browser import chromium

STATIC = Path(__file__).resolve().parent.parent / "book" / "_static"
ICON = """<style>body {{ margin: 18px }} svg {{ display: block; width: 144px }}</style>{}"""
CARD = """<style>
body {{ color: #222832; font-family: sans-serif; margin: 65px 0; text-align: center }}
svg {{ height: 320px }} b {{ display: block; font-size: 84px }}
p {{ font-size: 36px; margin: 20px }}
</style>{}<b>Learn AlexNet</b><p>Layer by layer, in PyTorch, with every number checked</p>"""
PICTURES = {
    "icon.png": (180, 180, ICON, "favicon.svg"),
    "card.png": (1200, 630, CARD, "logo.svg"),
}


def draw(name: str) -> bytes:
    """One of ``PICTURES``, as a PNG."""
    width, height, html, drawing = PICTURES[name]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = running.new_page(viewport={"width": width, "height": height})
        page.set_content(html.format((STATIC / drawing).read_text(encoding="utf-8")))
        return page.screenshot()


def main() -> None:
    for name in PICTURES:
        (STATIC / name).write_bytes(draw(name))


if __name__ == "__main__":
    main()
