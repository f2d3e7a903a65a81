"""Draws the graphical models of the VAE example, for :doc:`/tutorials/inspecting`.

    python docs/pictures/vae_graph.py docs/_static/images

It needs graphviz: ``pip install -e '.[render]'`` and ``apt-get install graphviz fonts-liberation``
(with the font, words are as wide where they are laid out as in a browser, and stay centred).
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

import zhusuan as zs  # isort: skip  (before jittor, which it prepares)
import jittor as jt
from variational_autoencoders.vae_mnist import Generator, Variational

from zhusuan.inspection import render

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    x = jt.zeros([64, 784])
    zs.set_seed(1)
    render(Generator(784, 40, 64), {"x": x}, folder / "vae_generator.svg")
    render(Variational(784, 40, 64), {"x": x}, folder / "vae_variational.svg")
