"""Pieces of HTML for notebooks. All text that comes in is escaped here."""

from __future__ import annotations

import html
from collections.abc import Collection, Iterable, Sequence

_WRONG = " style='color:#b00020'"
_LEFT = " style='text-align:left'"


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    caption: str = "",
    wrong: Collection[int] = (),
    numbers: bool = False,
) -> str:
    """Return a table.

    :param head: a heading for each column.
    :param rows: the cells of each row, as text.
    :param caption: a line above it; '' for none.
    :param wrong: numbers of the rows, from 0, that are marked as wrong.
    :param numbers: whether the cells are numbers, which stand on the right; words on the left.
    """
    align = "" if numbers else _LEFT

    def line(cells: Sequence[str], tag: str, style: str = "") -> str:
        inside = "".join(f"<{tag}{align}>{html.escape(cell)}</{tag}>" for cell in cells)
        return f"<tr{style}>{inside}</tr>"

    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    body = "".join(
        line(cells, "td", _WRONG if i in wrong else "") for i, cells in enumerate(rows)
    )
    return f"<table>{title}<thead>{line(head, 'th')}</thead><tbody>{body}</tbody></table>"


def paragraph(lines: Iterable[str]) -> str:
    """Return lines of text below each other; nothing for none.

    :param lines: the lines.
    """
    inside = "<br>".join(html.escape(line) for line in lines)
    return f"<p>{inside}</p>" if inside else ""


def warning(text: str) -> str:
    """Return a paragraph that catches the eye.

    :param text: what is wrong.
    """
    return f"<p{_WRONG}>{html.escape(text)}</p>"


def folded(title: str, text: str) -> str:
    """Return text, its line breaks kept, that opens at a click on its title.

    :param title: what shows.
    :param text: what is hidden.
    """
    return (
        f"<details><summary>{html.escape(title)}</summary>"
        f"<pre>{html.escape(text)}</pre></details>"
    )


def shape_text(shape: Iterable[int] | None) -> str:
    """Return a shape as people write it, ``[64, 40]``; a dash for none.

    :param shape: the shape.
    """
    return "-" if shape is None else str(list(shape))
