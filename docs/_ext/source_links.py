"""Mends the way back from the pages of source code that ``sphinx.ext.viewcode`` makes.

Viewcode takes for granted that all of a file is documented under one package. Here the classes that
users meet are documented as ``zhusuan.mcmc.NUTS``, and others of the same file as
``zhusuan.mcmc.chees.ChEESState``: some of its links lead to anchors that don't exist. It also lists
modules that it has no source of, and keeps a page whose module is as old as it, although what
it links to has moved.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

BACK = re.compile(r'<a class="viewcode-back" href="(?P<page>[^"#]*)#(?P<anchor>[^"]*)">.*?</a>')
LISTED = re.compile(r'<li><a href="builtins.html">builtins</a></li>\s*')


def anchor_of(anchor: str, module: str, known: dict[str, Any]) -> str | None:
    """Return the anchor at which something is documented, or None if there is none.

    :param anchor: what viewcode took for it.
    :param module: the module of the source.
    :param known: what is documented: entries of Sphinx's Python domain by name.
    """
    parts = anchor.split(".")
    names = [anchor, *(".".join([module, *parts[i:]]) for i in range(len(parts)))]
    return next((known[name].node_id for name in names if name in known), None)


def _mend(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    if not page.startswith("_modules/"):
        return
    module = page[len("_modules/") :].replace("/", ".")
    known = app.env.get_domain("py").objects

    def link(match: re.Match[str]) -> str:
        there = anchor_of(match["anchor"], module, known)
        return match[0].replace(f"#{match['anchor']}", f"#{there}") if there is not None else ""

    context["body"] = BACK.sub(link, LISTED.sub("", context["body"]))


def _forget(app: Any) -> None:
    shutil.rmtree(Path(app.outdir) / "_modules", ignore_errors=True)


def setup(app: Any) -> dict[str, bool]:
    """Register; Sphinx calls this."""
    app.connect("builder-inited", _forget)
    app.connect("html-page-context", _mend)
    return {"parallel_read_safe": True}
