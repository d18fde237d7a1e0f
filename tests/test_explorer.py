"""The rules of layers that pages have, in JavaScript, against those of the package."""

import json

import pytest

from alexnet_course.arithmetic import layer_rows
from alexnet_course.explorer import kinds_of_layers, networks, schema
from alexnet_course.layers import SpecError
from built import ROOT
from networks_at_random import built, many

RULES = ROOT / "book" / "_static" / "explorer" / "layers.js"
ASK = """given => given.map(network => {
  try {
    return {rows: rules.table(network)};
  } catch (error) {
    if (!(error instanceof rules.SpecError)) throw error;
    return {error: error.message};
  }
})"""


@pytest.fixture(scope="module")
def in_page(browser):
    """What the page's rules say of networks in plain data: rows, or an error."""
    page = browser.new_page()
    page.add_script_tag(path=RULES)
    page.evaluate("schema => { window.rules = layerRules(schema); }", schema())
    yield lambda given: page.evaluate(ASK, given)
    page.close()


def in_python(given):
    try:
        rows = layer_rows(built(given))
    except SpecError as error:
        return {"error": str(error)}
    return {"rows": json.loads(json.dumps(rows))}


def test_every_kind_of_layer_is_described():
    assert set(schema()["layers"]) == set(kinds_of_layers()) > {"Conv", "LRN", "Parallel"}
    assert all(words["words"] for kind in schema()["layers"].values() for words in kind["fields"])


def test_every_network_of_the_course_has_the_same_table_in_a_page(in_page):
    given = list(networks().values())
    assert in_page(given) == [in_python(network) for network in given]


@pytest.mark.parametrize("seed", range(5))
def test_random_networks_and_edits_have_the_same_rows_and_errors(in_page, seed):
    given = many(2_000, seed)
    expected = [in_python(network) for network in given]
    kinds = ["rows" in answer for answer in expected]
    assert 400 < sum(kinds) < 1_600  # sound ones and others
    for network, ours, theirs in zip(given, expected, in_page(given), strict=True):
        assert theirs == ours, network
