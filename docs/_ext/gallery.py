"""The directive of the gallery: an example with its picture, its figures and how to run it.

.. code-block:: rst

   .. example:: toy_examples/gaussian.py
      :alt: what is to be seen on the picture
      :wide:

      What the example does, and what it gave.

The picture is ``_static/images/gallery/gaussian.png``, beside the text or, with ``:wide:``, above
it; the script is linked to.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive, directives
from docutils.statemachine import StringList
from sphinx.util.nodes import nested_parse_with_titles

PICTURES = "_static/images/gallery"


def card(script: str, alt: str, wide: bool, content: list[str]) -> list[str]:
    """Return the lines of one example.

    :param script: its path below ``examples/``.
    :param alt: what is to be seen on the picture, for those who don't see it.
    :param wide: whether the picture stands above the text.
    :param content: the lines of the text.
    """
    name = script.rpartition("/")[2]
    picture = f"/{PICTURES}/{name.removesuffix('.py')}.png"
    inner = [
        *content, "",
        f"Source: :download:`{name} </../examples/{script}>`", "",
        ".. code-block:: console", "",
        f"   $ python examples/{script}",
    ]
    return [
        f".. container:: example{' example-wide' if wide else ''}", "",
        f"   .. image:: {picture}", f"      :alt: {alt}", "",
        "   .. container:: example-text", "",
        *(f"      {line}" if line else "" for line in inner),
    ]


class Example(Directive):
    """``.. example:: FOLDER/SCRIPT.py``."""

    required_arguments = 1
    option_spec = {"alt": directives.unchanged_required, "wide": directives.flag}  # noqa: RUF012
    has_content = True

    def run(self) -> list[nodes.Node]:  # noqa: D102
        if not self.content or "alt" not in self.options:
            raise self.error("an example needs a text, and :alt: to describe its picture")
        node = nodes.section()
        node.document = self.state.document
        lines = card(
            self.arguments[0], self.options["alt"], "wide" in self.options, list(self.content)
        )
        nested_parse_with_titles(self.state, StringList(lines, source="<example>"), node)
        return node.children


def setup(app: Any) -> dict[str, bool]:
    """Register the directive; Sphinx calls this."""
    app.add_directive("example", Example)
    return {"parallel_read_safe": True}
