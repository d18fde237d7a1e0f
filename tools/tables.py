"""Tables that a spreadsheet can open without running what stands in them."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

# What a spreadsheet takes for a formula at the start of a cell; or of a line or behind a semicolon,
# where one that splits at other signs than commas sees a cell begin.
FORMULA = r"[=+\-@\t\r＝＋－＠]"
STARTS = re.compile(rf"(?<![^\n\r;])('*{FORMULA})")
GUARDED = re.compile(rf"(?<![^\n\r;])'('*{FORMULA})")


def guarded(text: str) -> str:
    """``text`` with an apostrophe before all that a spreadsheet would run."""
    return STARTS.sub(r"'\1", text)


def restored(text: str) -> str:
    """What was :func:`guarded`."""
    return GUARDED.sub(r"\1", text)


def write_table(
    path: Path, names: list[str], rows: Iterable[Mapping], encoding: str = "utf-8-sig"
) -> None:
    """Write a CSV with the columns ``names``, each cell :func:`guarded`.

    Excel wants the mark that begins ``utf-8-sig``; what a platform reads goes without.
    """
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for row in rows:
            writer.writerow({name: guarded(str(value)) for name, value in row.items()})


def read_table(path: Path, *columns: str) -> list[dict[str, str]]:
    """The lines of a CSV as spreadsheets save it, with commas or semicolons; none without a file.

    Raises :class:`SystemExit` if one of ``columns`` is missing.
    """
    if not path.exists():
        return []
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        text = path.read_bytes().decode("cp1252")
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    missing = [name for name in columns if rows and name not in rows[0]]
    if missing:
        raise SystemExit(f"{path} has no column {missing[0]!r}; it has {', '.join(rows[0])}")
    return [{name: restored(value or "") for name, value in row.items() if name} for row in rows]
