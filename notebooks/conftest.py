"""``pytest --nbval`` compares what a cell prints; this, what it draws."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))
import notebooks

FROM_DATA = "picture-of-data"  # tags cells that draw something else for others
FAULT = (
    "The picture is not the one that is stored: look at both, and run "
    "'make execute' if the new one is right, or tag the cell "
    f"{FROM_DATA!r} if the picture depends on the images"
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    item.parent.skip_compare += ("image/svg+xml",)  # compared here instead
    result = yield
    tags = item.cell.metadata.get("tags", [])
    if item.options["check"] and FROM_DATA not in tags:
        before = notebooks.pictures(item.cell.outputs)
        now = notebooks.pictures(item.test_outputs)
        if len(before) != len(now) or not all(
            map(notebooks.alike, before, now)
        ):
            item.raise_cell_error(FAULT)
    return result
