"""The start page's drawing and its count of parameters are those of the table of layers."""

import math
import re
import sys
from pathlib import Path

import matplotlib
import pytest

from alexnet_course.architectures import ARCHITECTURES
from alexnet_course.arithmetic import layer_table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import notebooks  # noqa: E402  (tools/ is no package)

PAGE = (ROOT / "book" / "index.md").read_text(encoding="utf-8")
FACTORS = r"(\d+) × \((\d+(?: × \d+)*) \+ 1\)"


def number(text):
    return int(text.replace(",", ""))


def product(factors):
    return math.prod(map(int, factors.split(" × ")))


def parameters(name):
    return layer_table(ARCHITECTURES[name]).set_index("name")["parameters"]


@pytest.mark.skipif(
    f"matplotlib=={matplotlib.__version__}\n" not in (ROOT / "requirements.txt").read_text(),
    reason="stored drawings are those of the version in requirements.txt",
)
def test_the_drawing_is_what_the_table_draws_now():
    stored = notebooks.DRAWN.read_text(encoding="utf-8")
    assert notebooks.alike(stored, notebooks.drawing()), "run 'tools/notebooks.py drawing'"


def test_the_parameters_are_counted_as_the_page_says():
    """Each line's product is its number and the table's, and the lines add up to the headline."""
    lines = re.findall(rf"\| (\w+) \| {FACTORS} \| ([\d,]+) \|", PAGE)
    counted = {name: int(n) * (product(reads) + 1) for name, n, reads, _ in lines}
    assert counted == {name: number(total) for name, _, _, total in lines}
    table = parameters("alexnet-2012")
    assert counted == table[table > 0].drop("total").to_dict()
    total = sum(counted.values())
    assert PAGE.count(f"{total:,}") == 2 and f"**{total:,}** parameters" in PAGE
    share = 100 * sum(counted[name] for name in ("fc6", "fc7", "fc8")) / total
    assert f"parameters, {share:.0f} % of them in the last three layers" in PAGE
    assert f"others count {parameters('torchvision')['total']:,}" in PAGE
