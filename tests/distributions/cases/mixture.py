"""Rows of mixtures: one family with a component dim, and a list of several families."""

from __future__ import annotations

import numpy as np
from scipy import stats

from tests.distributions.cases.case import Case
from zhusuan import distributions as zd


class _Mixed:
    def __init__(self, weights, components):
        self.weights = np.asarray(weights)
        self.components = components

    def _sum(self, values):
        return sum(self.weights[..., k] * v for k, v in enumerate(values))

    def logpdf(self, x):
        return np.log(self._sum([c.pdf(x) for c in self.components]))

    def cdf(self, x):
        return self._sum([c.cdf(x) for c in self.components])

    def ppf(self, p):
        ends = np.stack([c.ppf(p) + np.zeros((2, 3)) for c in self.components])
        low, high = ends.min(0), ends.max(0)
        for _ in range(200):
            middle = 0.5 * (low + high)
            below = self.cdf(middle) < p
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return high

    def mean(self):
        return self._sum([c.mean() for c in self.components])

    def var(self):
        return self._sum([c.var() + c.mean() ** 2 for c in self.components]) - self.mean() ** 2


class _OfNormals(Case):
    def build(self, parameters=None, **options):
        p = parameters or self.parameters
        return zd.Mixture(zd.Normal(p["mean"], p["std"]), probs=p["probs"], **options)


class _OfFamilies(Case):
    def build(self, parameters=None, **options):
        p = parameters or self.parameters
        components = [zd.Normal(p["mean"], 1.0), zd.Logistic(0.0, p["scale"])]
        return zd.Mixture(components, logits=p["logits"], **options)


def _normals(p):
    weights = p["probs"] / p["probs"].sum(-1, keepdims=True)
    return _Mixed(weights, [stats.norm(p["mean"][..., k], p["std"][..., k]) for k in range(2)])


def _families(p):
    weights = np.exp(p["logits"]) / np.exp(p["logits"]).sum(-1, keepdims=True)
    return _Mixed(weights, [stats.norm(p["mean"], 1.0), stats.logistic(0.0, p["scale"])])


_POINTS = np.array([[-3.0, -0.3, 0.0], [0.7, 2.5, 6.0]])

CASES = [
    _OfNormals(
        "mixture-normals",
        zd.Mixture,
        {
            "mean": np.array([[[0.5, 4.0]], [[-1.0, 1.0]]]) + np.zeros((2, 3, 1)),
            "std": np.array([[0.2, 1.0], [1.0, 2.0], [0.5, 0.7]]),
            "probs": np.array([0.3, 0.7]),
        },
        _normals,
        _POINTS,
    ),
    _OfFamilies(
        "mixture-families",
        zd.Mixture,
        {
            "mean": np.array([[0.5], [-1.0]]),
            "scale": np.array([0.2, 1.0, 3.0]),
            "logits": np.array([0.0, 1.0]),
        },
        _families,
        _POINTS,
    ),
]
