"""Lets MathJax set the formulas from a file of the built pages, so that they need no network.

The package ``sphinx-mathjax-offline`` carries MathJax 3 (Apache licence). Of its 24 MB one file is
enough: all of TeX's extensions, and glyphs as SVG paths in place of fonts.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

from sphinx.errors import ExtensionError
from sphinx.util.fileutil import copy_asset_file

PACKAGE = "sphinx-mathjax-offline"
FILE = "tex-svg-full.js"


def source() -> Path:
    """Return MathJax's file in the installed package.

    :raises ExtensionError: if there is none.
    """
    try:
        path = Path(str(metadata.distribution(PACKAGE).locate_file(
            f"{PACKAGE}/static/mathjax/{FILE}"
        )))
    except metadata.PackageNotFoundError as error:
        raise ExtensionError(
            f"the formulas need {PACKAGE}, which is not installed: pip install '.[docs]'"
        ) from error
    if not path.is_file():
        raise ExtensionError(f"{PACKAGE} was expected to have {path}, and has not")
    return path


def _configure(app: Any, config: Any) -> None:
    source()  # say what is missing at once, and not after a minute
    config.mathjax_path = f"mathjax/{FILE}"
    # The menu would load files that are not there.
    config.mathjax3_config = {"options": {"enableMenu": False}}


def _copy(app: Any, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        folder = Path(app.outdir) / "_static" / "mathjax"
        folder.mkdir(parents=True, exist_ok=True)
        copy_asset_file(source(), folder / FILE)


def setup(app: Any) -> dict[str, bool]:
    """Register; Sphinx calls this."""
    app.connect("config-inited", _configure)
    app.connect("build-finished", _copy)
    return {"parallel_read_safe": True}
