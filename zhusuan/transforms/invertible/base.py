"""The base of invertible maps under ZhuSuan-Jittor's name."""

from __future__ import annotations

from zhusuan.transforms.base import Transform

InvertibleTransform = Transform
"""The same class: a transform is invertible, and says so by name where it can't be inverted."""
