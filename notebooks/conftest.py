"""``pytest --nbval`` compares what a cell prints; this compares what it draws."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
import notebooks

FROM_DATA = "picture-of-data"  # tags a cell whose picture differs where the images differ
FAULT = (
    "The picture is not the one that is stored: look at both, and run 'make execute' if the new "
    f"one is right, or tag the cell {FROM_DATA!r} if the picture depends on the images"
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    item.parent.skip_compare += ("image/svg+xml",)  # not by nbval, to the letter
    result = yield
    if item.options["check"] and FROM_DATA not in item.cell.metadata.get("tags", []):
        stored, drawn = map(notebooks.pictures, (item.cell.outputs, item.test_outputs))
        if len(stored) != len(drawn) or not all(map(notebooks.alike, stored, drawn)):
            item.raise_cell_error(FAULT)
    return result
