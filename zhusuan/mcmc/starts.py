"""Where chains begin: points at which the log-density and its gradient are finite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zhusuan.mcmc.target import Target
from zhusuan.random.source import generator

# Stan's: uniform between -2 and 2 on the real scale, a hundred times (Stan Development Team,
# reference manual, "Initialization").
WIDTH = 2.0
N_TRIES = 100


def starting_position(
    target: Target, n_chains: int, init: Mapping[str, Any] | np.ndarray | None = None
) -> np.ndarray:
    """Return real coordinates of all chains, [n_chains, D].

    Coordinates that ``init`` leaves open are drawn, for each chain anew until its log-density and
    the gradient of that are finite.

    :param target: the log-density.
    :param n_chains: number of chains.
    :param init: name -> values on the support, of all or some latents; or an array
        [n_chains, D] of real coordinates; None for nothing.
    :raises ValueError: if no finite start is found; the message names the node that is to blame.
    """
    if init is None:
        given = np.full((n_chains, target.dim), np.nan)
    elif isinstance(init, Mapping):
        given = target.from_support(init, n_chains)
    else:
        given = np.asarray(init, np.float64)
        if given.shape != (n_chains, target.dim):
            raise ValueError(
                f"init must be a dict of names and values or real coordinates of shape "
                f"{[n_chains, target.dim]}, got shape {list(given.shape)}"
            )
    is_open = np.isnan(given)
    position = given.copy()
    bad = np.ones(n_chains, bool)
    n_tries = N_TRIES if is_open.any() else 1
    for _ in range(n_tries):
        drawn = generator().uniform(-WIDTH, WIDTH, given.shape)
        position = np.where(bad[:, None] & is_open, drawn, position)
        log_prob, gradient = target.log_prob_and_grad(position)
        bad = ~(np.isfinite(log_prob) & np.isfinite(gradient).all(1))
        if not bad.any():
            return position
    how = f"in {n_tries} tries" if n_tries > 1 else "at the values of init"
    raise ValueError(
        f"no finite start was found for {int(bad.sum())} of {n_chains} chains {how}: "
        f"{target.blame(position[bad])}. Give values inside the support, init={{name: value}}"
    )
