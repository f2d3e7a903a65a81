"""Draws the picture of the tutorial on topic models: documents, and the topics that were found.

Run ``python docs/pictures/topic_model.py docs/_static/images/topic_model.png``. What it shows is
what the page itself computes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from pages import names_of

mpl.use("Agg")
import matplotlib.pyplot as plt


def main(path: Path) -> None:
    """Write the picture.

    :param path: of the PNG file.
    """
    names = names_of("tutorials/topic_model.rst")
    side, topics = names["side"], names["found"][np.argsort(names["nearest"])]
    figure, rows = plt.subplots(2, len(topics), figsize=(8.5, 2.0), layout="constrained")
    for axes_row, pictures in zip(rows, (names["x_train"], topics)):
        for axes, picture in zip(axes_row, pictures):
            axes.imshow(picture.reshape(side, side), cmap="gray_r", vmin=0)
            axes.set(xticks=[], yticks=[])
    rows[0, 0].set_ylabel("documents", fontsize=8)
    rows[1, 0].set_ylabel("topics", fontsize=8)
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
