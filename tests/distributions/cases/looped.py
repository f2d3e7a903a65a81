"""SciPy's multivariate distributions, which have no batches, looped over a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

BATCH = (2, 3)


class Looped:
    """One frozen SciPy distribution for each member of the batch (2, 3).

    :param freeze: function of one member's parameters that makes the distribution.
    :param parameters: pairs of a parameter, whose batch broadcasts to (2, 3), and the number of
        its trailing dims that are no batch.
    :param value_ndims: trailing dims of a value.
    :param of_value: makes what SciPy accepts of one value.
    :param moments: ``mean``, ``var``, ``entropy``, ...: functions of a frozen distribution.
    """

    def __init__(
        self,
        freeze: Callable[..., Any],
        *parameters: tuple[np.ndarray, int],
        value_ndims: int,
        of_value: Callable[[np.ndarray], np.ndarray] = lambda x: x,
        **moments: Callable[[Any], Any],
    ) -> None:
        full = [np.broadcast_to(p, BATCH + p.shape[p.ndim - n :]) for p, n in parameters]
        self._frozen = {m: freeze(*(p[m] for p in full)) for m in np.ndindex(*BATCH)}
        self._value_ndims, self._of_value = value_ndims, of_value
        for name, moment in moments.items():
            setattr(self, name, lambda moment=moment: self._stacked(moment))

    def _stacked(self, of: Callable[[Any], Any]) -> np.ndarray:
        members = np.array([of(frozen) for frozen in self._frozen.values()], dtype=float)
        return members.reshape(BATCH + members.shape[1:])

    def logpdf(self, x: Any) -> np.ndarray:
        value_shape = np.shape(x)[-self._value_ndims :]
        lead = np.broadcast_shapes(np.shape(x)[: -self._value_ndims], BATCH)
        x = np.broadcast_to(x, lead + value_shape).astype(float)
        result = np.empty(lead)
        for place in np.ndindex(*lead):
            if np.isnan(x[place]).any():  # a mode that does not exist; SciPy raises
                result[place] = np.nan
                continue
            frozen = self._frozen[place[-len(BATCH) :]]
            result[place] = np.squeeze(frozen.logpdf(self._of_value(x[place])))
        return result
