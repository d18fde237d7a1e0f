"""Lighthouse on the pages of the built book, on a slow phone and on a desk: ``make lighthouse``.

The phone is Lighthouse's own: 1.6 Mbit/s, 150 ms to the server, a processor four times slower.
Needs Chromium and npx, which fetches Lighthouse. What misses its target is marked with an asterisk.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from browser import VARIABLE, chromium, served

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "_build" / "html"
VERSION = "lighthouse@12.8.2"
SCORES = ("performance", "accessibility", "best-practices")
PERFORMANCE = {"mobile": 90, "desktop": 98}
FIRST_PAINT, SHIFT = 1.5, 0.05  # seconds; of the layout
HEAD = ("page", "form", *SCORES, "first paint", "layout shift")


def report(address: str, form: str) -> dict:
    """Lighthouse's report on one page; ``form`` is mobile or desktop."""
    command = [
        *("npx", "--yes", VERSION, address, "--quiet", "--output=json"),
        "--chrome-flags=--headless --no-sandbox",
        f"--only-categories={','.join(SCORES)}",
        *(["--preset=desktop"] if form == "desktop" else []),
    ]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        environment = os.environ | {"CHROME_PATH": str(chromium())}
        subprocess.run([*command, f"--output-path={out}"], env=environment, check=True)
        return json.loads(out.read_text())


def measured(report: dict) -> list[float]:
    """The three scores (to 100), the first paint in seconds, and the layout's shift."""
    audits = report["audits"]
    return [
        *(round(100 * (report["categories"][name]["score"] or 0)) for name in SCORES),
        audits["first-contentful-paint"]["numericValue"] / 1000,
        audits["cumulative-layout-shift"]["numericValue"],
    ]


def met(values: list[float], form: str) -> list[bool]:
    """Whether each value of :func:`measured` meets its target."""
    performance, accessibility, practices, paint, shift = values
    return [
        performance >= PERFORMANCE[form],
        accessibility == 100,
        practices == 100,
        paint < FIRST_PAINT,
        shift < SHIFT,
    ]


def pages(wanted: list[str]) -> list[str]:
    """The addresses of pages with an article, those that hold one of the words if there are any."""
    found = [
        path.relative_to(BOOK).as_posix()
        for path in sorted(BOOK.rglob("*.html"))
        if "_static" not in path.parts and "<article" in path.read_text(encoding="utf-8")
    ]
    return [page for page in found if not wanted or any(word in page for word in wanted)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("words", nargs="*", help="only pages whose address holds one of these")
    words = parser.parse_args().words
    if not chromium() or not shutil.which("npx"):
        sys.exit(f"Needs npx and Chromium (on PATH, or named by {VARIABLE}).")
    missed = 0
    print(f"| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
    with served(BOOK) as address:
        for page in pages(words):
            for form in PERFORMANCE:
                values = measured(report(address + page, form))
                good = met(values, form)
                missed += good.count(False)
                texts = [f"{value:.3g}{'' if ok else ' *'}" for value, ok in zip(values, good)]
                print(f"| {page} | {form} | {' | '.join(texts)} |", flush=True)
    if missed:
        sys.exit(f"{missed} targets are missed.")


if __name__ == "__main__":
    main()
