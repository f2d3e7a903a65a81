"""What a row of the table of transforms is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jittor as jt
import numpy as np

from zhusuan import transforms as zt


@dataclass(frozen=True)
class Case:
    """One transform.

    :ivar build: makes it.
    :ivar truth: y for one event of x, in NumPy: a function of the transform, x and the context;
        elementwise for numbers.
    :ivar event: shape of an event of x.
    :ivar free: the entries of an event of y that its volume is measured in.
    :ivar columns: the entries of x, flattened, that are free; by default all.
    :ivar domain: moves normal numbers to where x may lie.
    :ivar context: one event of the context.
    :ivar extremes: inputs at which y, log-determinant and gradients must be finite.
    """

    name: str
    build: Callable[[], zt.Transform]
    truth: Callable[..., Any]
    event: tuple[int, ...] = ()
    free: Callable[[Any], Any] = np.ravel
    columns: Any = Ellipsis
    domain: Callable[[Any], Any] = np.asarray
    context: Any = None
    extremes: tuple[float, ...] = (-80.0, -30.0, 0.0, 30.0, 80.0)


def plain(function):
    """Ignore what most truths do not depend on."""
    return lambda transform, x, context: function(x)


CONTEXT = np.array([0.5, -1.0])


def randomised(transform):
    """Give a net weights that are far from the identity that it starts at."""
    generator = np.random.default_rng(5)
    for p in transform.parameters():
        p.assign(jt.array(generator.normal(0, 0.6, size=tuple(p.shape)).astype("float32")))
    jt.sync(transform.parameters())
    return transform
