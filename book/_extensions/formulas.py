"""Formulas as MathML, made when the book is built: pages need no script to show them."""

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

# TeX sets a thin space behind "ln" and "tanh²" unless a bracket follows.
NAME = r"<mi>[a-z]{2,}</mi>"
FUNCTION = re.compile(
    rf"((?<!<msup>)(?<!<msub>){NAME}|<(msu[bp])>{NAME}<m[no][^>]*>[^<]*</m[no]></\2>)"
    r"(?=<m(?:i|n|sqrt|frac)\b)"
)
OPERATOR = re.compile(r"<mo>(max|min)</mo>")  # as wide apart from "(" as a plus sign would be


def mathml(formula: str, display: str) -> str:
    named = OPERATOR.sub(r"<mi>\1</mi>", convert(formula, display=display))
    return FUNCTION.sub(r'\1<mspace width="0.167em"/>', named)


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    self.body.append(f'<span class="math">{mathml(node.astext(), "inline")}</span>')
    raise nodes.SkipNode


def visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    formula = mathml(node.astext(), "block")
    self.body.append(f'<div class="math" tabindex="0">{formula}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
