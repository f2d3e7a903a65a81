"""How Sphinx builds these pages. ``make docs`` runs it, with warnings as errors, offline."""

import re
import sys
from pathlib import Path

# The API pages are made from the docstrings of the imported library, so Jittor is really there.
from zhusuan._version import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "ZhuSuan on Jittor"
author = "The ZhuSuan on Jittor authors"
copyright = f"2026, {author}"
release = version = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinxcontrib.bibtex",
    # Ours, in _ext:
    "benchmark_tables",
    "family_tables",
    "gallery",
    "offline_math",
    "source_links",
]
exclude_patterns = ["_build"]
highlight_language = "python"
nitpicky = True  # a reference that leads nowhere is a warning, and so an error
nitpick_ignore_regex = [
    # What belongs to Python, numpy and Jittor: looking it up would need a network.
    ("py:.*", r"(collections|contextlib|enum|inspect|numpy|np|os|jittor|jt|pathlib|typing)\..*"),
    ("py:class", r"Any|Callable|Iterator|Mapping|Path|Sequence|Unpack|nn\.Module|Var"),
    ("py:class", r"abc\.ABC|function|module|property|optional"),
    ("py:exc", r"[A-Z]\w*Error|RuntimeWarning"),
]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {"Var": "jittor.Var", "Shape": "tuple[int, ...]"}
autodoc_preserve_defaults = True

bibtex_bibfiles = ["refs.bib"]
bibtex_default_style = "plain"
bibtex_reference_style = "author_year"

html_theme = "furo"
html_title = f"{project} {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css", "families.css", "gallery.css"]
html_copy_source = False


def setup(app):
    """Write signatures as a person would: ``Var``, not how Sphinx came to know the alias."""

    def readable(app, what, name, obj, options, signature, returned):
        texts = (
            re.sub(r"TypeAliasForwardRef\('([^']*)'\)", r"\1", text).replace("<factory>", "...")
            if text else text
            for text in (signature, returned)
        )
        return tuple(texts)

    app.connect("autodoc-process-signature", readable)
