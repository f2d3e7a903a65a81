"""Checks the built pages without a network: links, anchors, pictures, and what a page loads.

Run ``python docs/check_site.py docs/_build/html``; ``make docs`` does. It prints one line for each
link that leads nowhere, each address that is not one, each picture without a description, and each
script, picture or style that a browser would have to fetch from elsewhere.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

# What a browser loads together with a page, and where its address is.
LOADED = {"img": "src", "script": "src", "source": "src", "iframe": "src", "object": "data"}
LOADED_LINKS = {"stylesheet", "icon", "preload", "modulepreload"}
HOST = re.compile(r"[\w-]+(\.[\w-]+)+(:\d+)?", re.ASCII)
IN_STYLES = re.compile(r"""(?:url\(\s*|@import\s+)["']?([^"')\s;]+)""")


class Reference(NamedTuple):
    """An address in a page.

    :param line: where it stands.
    :param address: as it is written.
    :param loaded: whether the page is incomplete without it.
    """

    line: int
    address: str
    loaded: bool


class Page(HTMLParser):
    """The anchors, the references and the undescribed pictures of a page.

    :param text: the HTML.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.references: list[Reference] = []
        self.undescribed: list[Reference] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag refers to; called by the parser."""
        given = {name: value or "" for name, value in attrs}
        line = self.getpos()[0]
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        if tag in LOADED and LOADED[tag] in given:
            self.references.append(Reference(line, given[LOADED[tag]], True))
        elif tag == "a" and "href" in given:
            self.references.append(Reference(line, given["href"], False))
        elif tag == "link" and "href" in given:
            loaded = bool(LOADED_LINKS & set(given.get("rel", "").split()))
            self.references.append(Reference(line, given["href"], loaded))
        if tag == "img" and not given.get("alt"):
            self.undescribed.append(Reference(line, given.get("src", ""), True))


def wrong_address(address: str, loaded: bool) -> str:
    """Return what is wrong with an address that leads out of the site, or ''.

    :param address: with a scheme, or beginning with two slashes.
    :param loaded: whether the page is incomplete without it.
    """
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018 (it raises if the port is no number)
    except ValueError as error:
        return str(error)
    if parts.scheme in ("mailto", "data", "javascript"):
        return ""
    if loaded:
        return "would have to be fetched from a network"
    if parts.scheme not in ("http", "https"):
        return "has a scheme that is neither http nor https"
    if not HOST.fullmatch(parts.netloc):
        return "names no host"
    if re.search(r"[\s<>\"{}|\\^`]", address):
        return "has characters that no address may have"
    return ""


def check(site: Path) -> list[str]:
    """Return a line for each thing that is wrong.

    :param site: folder of the built pages.
    :raises FileNotFoundError: if there is no page.
    """
    pages = {path.resolve(): Page(path.read_text("utf-8")) for path in sorted(site.rglob("*.html"))}
    if not pages:
        raise FileNotFoundError(f"{site} was expected to have HTML files, and has none")
    root = site.resolve()
    found: list[str] = []

    def look(path: Path, reference: Reference, page: Page | None) -> None:
        where = f"{path.relative_to(root)}:{reference.line}: {reference.address}"
        address = reference.address
        if re.match(r"[a-zA-Z][\w+.-]*:|//", address):
            if wrong := wrong_address(address, reference.loaded):
                found.append(f"{where} {wrong}")
            return
        parts = urlsplit(address)
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not target.is_file():
            found.append(f"{where} leads to no file")
        elif parts.fragment and page is not None:
            there = pages.get(target)
            if there is not None and unquote(parts.fragment) not in there.anchors:
                found.append(f"{where} leads to no anchor of {target.relative_to(root)}")

    for path, page in pages.items():
        for reference in page.references:
            look(path, reference, page)
        found += [
            f"{path.relative_to(root)}:{line}: {address} has no alternative text"
            for line, address, _ in page.undescribed
        ]
    for path in sorted(root.rglob("*.css")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            for address in IN_STYLES.findall(line):
                if not address.startswith(("data:", "#")):
                    look(path, Reference(number, address, True), None)
    return found


def main(site: Path) -> int:
    """Print what is wrong, and how much was looked at.

    :param site: folder of the built pages.
    :return: 1 if anything is wrong.
    """
    found = check(site)
    print("\n".join(found) if found else f"{site}: all links, anchors and pictures are there")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
