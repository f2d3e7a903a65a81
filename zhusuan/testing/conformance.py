"""Runs all checks on one distribution."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from zhusuan import random
from zhusuan.distributions.base import Distribution
from zhusuan.testing import checks
from zhusuan.testing.checks import Run
from zhusuan.testing.report import ConformanceError, Failure, Mismatch, Report, Skip
from zhusuan.testing.subject import Subject

_SHAPES = {
    "sample shapes": checks.sample_shapes,
    "log_prob shapes": checks.log_prob_shapes,
}
_OTHERS = {
    "group_ndims": checks.group_ndims,
    "dtypes": checks.dtypes,
    "precision": checks.precision,
    "reproducible samples": checks.reproducible,
    "support": checks.support,
    "outside the support": checks.outside_the_support,
    "prob": checks.prob,
    "normalisation": checks.normalisation,
    "samples follow log_prob": checks.samples_follow_log_prob,
    "gradients of log_prob": checks.gradients,
    "reparameterisation": checks.reparameterisation,
    "mean": checks.mean,
    "variance": checks.variance,
    "entropy": checks.entropy,
    "mode": checks.mode,
    "cdf": checks.cdf,
    "gradients of the cdf": checks.cdf_gradients,
    "icdf": checks.icdf,
    "errors": checks.errors,
    "parameters untouched": checks.parameters_untouched,
}

CHECKS = (*_SHAPES, *_OTHERS)
"""Names of all checks, in the order in which they are made."""


def check_distribution(
    d: Distribution,
    *,
    value: Any = None,
    outside: Sequence[Any] | None = None,
    n_samples: int = 4000,
    seed: int = 0,
    skip: Collection[str] = (),
    build: Callable[..., Distribution] | None = None,
) -> Report:
    r"""Check that a distribution keeps the promises of its base class.

    Shapes, ``group_ndims`` and dtypes; samples against ``support`` and against ``log_prob``;
    the integral of the density; gradients of ``log_prob``, ``cdf`` and samples against finite
    differences in float64; ``mean``, ``variance``, ``entropy``, ``mode``, ``cdf`` and ``icdf``
    where the family has them; errors for wrong calls. What a family does not have is skipped.

    The kit looks at the distribution from outside: it can tell that samples, densities and
    moments belong together, not that they are those of the family that was meant. For that,
    compare ``log_prob`` with a reference.

    Statistical checks fail beyond five standard errors; with the fixed ``seed`` a distribution
    always passes or always fails. A density with jumps inside its support is integrated badly.

    :param d: the distribution, with a batch of a few members with different parameters.
    :param value: values inside the support at which densities and gradients are looked at, which
        broadcast to ``batch_shape + value_shape``; by default a sample.
    :param outside: values outside the support, where ``log_prob`` must be -inf; by default some
        beyond the bounds of a univariate support. An empty list if there are none.
    :param n_samples: how many samples the statistical checks draw.
    :param seed: seed of the samples; the library's own stream of random numbers goes on as if
        nothing had happened.
    :param skip: names of checks to leave out, of :data:`CHECKS`.
    :param build: called with parameters and options by name, makes a distribution of the same
        kind. By default the class, whose arguments other than its parameters are read from
        attributes of the same name.
    :return: the checks that were made and those that did not apply; ``print`` it.
    :raises ConformanceError: if any check fails, with what was found and what was expected.
    :raises TypeError: if ``d`` is no distribution, or if it can't be made again without ``build``.
    :raises ValueError: for an unknown name in ``skip``.
    """
    if not isinstance(d, Distribution):
        got = f"the class {d.__name__}" if isinstance(d, type) else f"{type(d).__name__}: {d!r}"
        raise TypeError(f"check_distribution takes a distribution, got {got}")
    unknown = [name for name in skip if name not in CHECKS]
    if unknown:
        raise ValueError(f"no check is called {unknown[0]!r}; there are {', '.join(CHECKS)}")
    subject = Subject(d, build, n_samples, np.random.default_rng(seed))
    run = Run(subject, value, outside, seed)
    report = Report(repr(d))
    failures: list[Failure] = []
    with random.stream(seed):
        for group in (_SHAPES, _OTHERS):
            for name, check in group.items():
                if name not in skip:
                    _make(name, check, run, report, failures)
            if failures:  # with wrong shapes, all else fails too
                break
    if failures:
        raise ConformanceError(subject.name, failures)
    return report


def _make(
    name: str,
    check: Callable[[Run], str],
    run: Run,
    report: Report,
    failures: list[Failure],
) -> None:
    try:
        report.passed[name] = check(run)
    except Skip as reason:
        report.skipped[name] = str(reason)
    except Mismatch as mismatch:
        failures.append(Failure(name, mismatch.found, mismatch.expected))
    except Exception as error:
        text = " ".join(str(error).split())
        failures.append(Failure(name, f"{type(error).__name__}: {text[:300]}", "no error"))
