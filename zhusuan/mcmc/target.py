"""What is sampled from: a log-density of real coordinates, of all chains at once."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jittor as jt
import numpy as np

from zhusuan._tensor import Shape, Var, as_var, host_view, shape_of
from zhusuan.framework.latents import Latent
from zhusuan.mcmc.evaluator import Evaluator
from zhusuan.mcmc.team import Team
from zhusuan.runtime.native import address_of
from zhusuan.runtime.replay import Replay

# Numbers that are mapped to their support at once.
_CHUNK = 1_000_000


@dataclasses.dataclass(frozen=True)
class Coordinates:
    """Where the coordinates of one latent variable are, and what they stand for.

    :param name: of the latent variable.
    :param shape: of its value.
    :param free_shape: of its real coordinates.
    :param start: of its coordinates in the vector of all D.
    """

    name: str
    shape: Shape
    free_shape: Shape
    start: int

    @property
    def stop(self) -> int:
        """End of its coordinates in the vector."""
        return self.start + math.prod(self.free_shape)


class Target(ABC):
    r"""The log-density of all latent variables, on the real scale.

    Each latent variable of bounded support is a function :math:`x = f(u)` of real coordinates,
    :func:`zhusuan.transforms.transform_to`, and the density of :math:`u` is
    :math:`\log p(f(u)) + \log|\det f'(u)|` (Kucukelbir et al. 2017, sec. 2.3). All coordinates
    together are a vector of D numbers; chains are a leading axis.

    :param latents: the latent variables.
    :param observed: name -> value of what is given.
    :param chain_method: ``'vectorized'``, all chains in one evaluation; or ``'sequential'``, one
        after the other and without the leading axis, for models that can't broadcast.
    :raises ValueError: for another method.
    :raises TypeError: if ``observed`` is no dict.
    """

    changes = False
    """Whether the density is another at each step, as an estimate from a minibatch is."""

    def __init__(
        self,
        latents: Sequence[Latent],
        observed: Mapping[str, Any] | None = None,
        chain_method: str = "vectorized",
    ) -> None:
        if chain_method not in ("vectorized", "sequential"):
            raise ValueError(
                f"chain_method must be 'vectorized' or 'sequential', got {chain_method!r}"
            )
        self._latents = tuple(latents)
        self._chain_method = chain_method
        self._observed = uploaded(observed)
        self._replays: dict[Shape, Replay] | None = None
        self._evaluators: dict[int, Evaluator] = {}
        self._team: Team | None = None
        self._columns: list[tuple[slice, Shape]] | None = None

    # -- what a target writes

    @abstractmethod
    def _log_density(self, values: Mapping[str, Var]) -> Var:
        """Return the log-density of values on their support, of all chains."""

    @abstractmethod
    def _terms(self, values: Mapping[str, Var]) -> dict[str, Var]:
        """Return what the log-density is the sum of, under names for messages."""

    def with_observed(self, observed: Mapping[str, Any]) -> Target:
        """Return this target with other data, such as the next minibatch.

        The latents stay what they are; observations that are not named stay, too.

        :param observed: name -> value.
        :return: a copy of this target.
        :raises TypeError: if ``observed`` is no dict.
        """
        other = copy.copy(self)
        other._observed = {**self._observed, **uploaded(observed)}
        other._replays, other._evaluators = None, {}
        return other

    # -- the coordinates

    @property
    def dim(self) -> int:
        """D, the number of real coordinates."""
        return self._latents[-1].stop

    @property
    def latents(self) -> tuple[Coordinates, ...]:
        """The latent variables, and their places in the vector of coordinates."""
        return tuple(Coordinates(n.name, n.shape, n.free_shape, n.start) for n in self._latents)

    def split(self, position: Any) -> dict[str, Any]:
        """Return the coordinates of each latent variable, ``[...] + free_shape``.

        :param position: array or Var of shape [..., D].
        :return: name -> coordinates of shape ``[...] + free_shape``.
        """
        lead = shape_of(position)[:-1]
        return {
            n.name: position[..., n.start : n.stop].reshape([*lead, *n.free_shape])
            for n in self._latents
        }

    def to_support(self, position: np.ndarray) -> dict[str, np.ndarray]:
        """Return values on their support, name -> ``[...] + shape``, float32.

        :param position: real coordinates, shape [..., D].
        :return: name -> values of shape ``[...] + shape``.
        """
        lead = position.shape[:-1]
        rows = position.reshape([-1, self.dim])
        n_rows = max(1, _CHUNK // self.dim)
        values = {}
        for latent in self._latents:
            free = rows[:, latent.start : latent.stop].astype(np.float32)
            free = free.reshape([-1, *latent.free_shape])
            if not latent.is_real:
                parts = [np.zeros((0, *latent.shape), np.float32)]
                for i in range(0, len(free), n_rows):
                    with jt.no_grad():
                        parts.append(latent.from_free(_leaf(free[i : i + n_rows])).numpy())
                free = np.concatenate(parts)
            values[latent.name] = free.reshape([*lead, *latent.shape])
        return values

    def from_support(self, values: Mapping[str, Any], n_chains: int) -> np.ndarray:
        """Return the real coordinates of values, [n_chains, D]; NaN for latents that are left out.

        :param values: name -> array of the latent's shape, for all chains, or
            ``[n_chains] + shape``.
        :param n_chains: number of chains.
        :return: float64, shape [n_chains, D].
        :raises ValueError: for an unknown name, another shape, or a value outside of the support
            or on its boundary.
        """
        unknown = sorted(set(values) - {latent.name for latent in self._latents})
        if unknown:
            raise ValueError(
                f"init has a value for {unknown[0]!r}, which is no latent variable; those are "
                f"{[latent.name for latent in self._latents]}"
            )
        position = np.full((n_chains, self.dim), np.nan)
        for latent in self._latents:
            if latent.name in values:
                what = f"init of {latent.name!r}"
                free = latent.free_of(values[latent.name], (n_chains,), what)
                position[:, latent.start : latent.stop] = free.reshape(n_chains, -1)
        return position

    # -- the density

    def log_prob(self, free: Mapping[str, Var]) -> Var:
        """Return the log-density on the real scale, shape [n_chains], as part of Jittor's graph.

        :param free: name -> Var of real coordinates, ``[n_chains] + free_shape``; see
            :meth:`split`.
        :return: Var of shape [n_chains], in nats.
        :raises ValueError: if the log-density of the model has another shape.
        """
        n_chains = int(next(iter(free.values())).shape[0])
        if self._chain_method == "vectorized":
            return self._of_batch(free, n_chains)
        rows = [{name: u[i] for name, u in free.items()} for i in range(n_chains)]
        return jt.concat([self._of_batch(row, None) for row in rows])

    def _of_batch(self, free: Mapping[str, Var], n_chains: int | None) -> Var:
        values, log_dets = {}, []
        for latent in self._latents:
            u = free[latent.name]
            if n_chains is None:  # indexing may have made [1] of a number
                u = u.reshape(list(latent.free_shape))
            values[latent.name], log_det = latent.from_free_and_log_det(u)
            if log_det is not None:
                log_dets.append(log_det)
        total = self._log_density(values)
        expected = (1,) if n_chains is None else (n_chains,)
        if shape_of(total) != expected:
            total = self._reshaped(total, expected, n_chains, values)
        for log_det in log_dets:
            total = total + log_det.reshape(list(expected))
        return total

    def _reshaped(
        self, total: Var, expected: Shape, n_chains: int | None, values: Mapping[str, Var]
    ) -> Var:
        shape = shape_of(total)
        if math.prod(shape) == expected[0] and shape[0] in (1, expected[0]):
            return total.reshape(list(expected))
        terms = {name: list(shape_of(term)) for name, term in self._terms(values).items()}
        chains = "one chain" if n_chains is None else f"{n_chains} chains"
        raise ValueError(
            f"the log-density of {chains} must have shape {list(expected)}, got {list(shape)}; its "
            f"terms have shapes {terms}. Latents have the chains as a leading axis: sum over the "
            "others with group_ndims or reduce_sum_dims; or use chain_method='sequential' if the "
            "model can't take that axis"
        )

    def log_prob_and_grad(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-density and its gradient, as float64 arrays [n_chains] and [n_chains, D].

        Coordinates that are not finite have a log-density of minus infinity and a gradient of NaN;
        the model never sees them.

        :param position: shape [n_chains, D].
        :return: log-densities in nats, shape [n_chains], and gradients, shape [n_chains, D].
        """
        if self._team is None and len(position) in self._evaluators:
            position = np.ascontiguousarray(position, np.float64)
            log_prob, gradient = np.empty(len(position)), np.empty(position.shape)
            arrays = map(address_of, (position, log_prob, gradient))
            if self._evaluators[len(position)](*arrays):
                return log_prob, gradient
        return self._by_numpy(position)

    def _by_numpy(self, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n_chains = len(position)
        with np.errstate(over="ignore", invalid="ignore"):
            narrow = position.astype(np.float32)
            # A sum that is finite has finite terms, and is found in half the time.
            total = np.add.reduce(narrow, None)
        escaped = None
        if not math.isfinite(total) and not np.isfinite(narrow).all():
            escaped = ~np.isfinite(narrow).all(1)
            narrow = np.where(escaped[:, None], np.float32(0.0), narrow)
        places = self._places()
        arrays = [narrow[:, columns].reshape(n_chains, *shape) for columns, shape in places]
        if self._team is None:
            log_prob, *parts = self._evaluated(arrays)
        else:
            log_prob, *parts = self._evaluated_by_all(self._team, arrays, total)
        gradient = np.empty(position.shape)
        for (columns, _), part in zip(places, parts):
            gradient[:, columns] = part.reshape(n_chains, -1)
        log_prob = log_prob.astype(np.float64)
        if escaped is not None:
            log_prob[escaped], gradient[escaped] = -np.inf, np.nan
        return log_prob, gradient

    def evaluation(
        self, position: np.ndarray, log_prob: np.ndarray, gradient: np.ndarray
    ) -> Callable[[], None]:
        """Return a function that evaluates what is in one array, and writes to two others.

        For loops of many evaluations, to which :meth:`log_prob_and_grad` adds 5 us each.

        :param position: coordinates, contiguous float64 of shape [n_chains, D].
        :param log_prob: where log-densities go, in nats, float64 of shape [n_chains].
        :param gradient: where gradients go, contiguous float64 of shape [n_chains, D].
        :return: the function; it uses the arrays as long as it lives.
        """
        n_chains = len(position)
        at = tuple(map(address_of, (position, log_prob, gradient)))

        def evaluate() -> None:
            evaluator = self._evaluators.get(n_chains) if self._team is None else None
            if evaluator is None or not evaluator(*at):
                log_prob[:], gradient[:] = self.log_prob_and_grad(position)

        return evaluate

    def _places(self) -> list[tuple[slice, Shape]]:
        """Return the columns and the shape of the coordinates of each latent."""
        if self._columns is None:
            self._columns = [(slice(n.start, n.stop), n.free_shape) for n in self._latents]
        return self._columns

    def _evaluated(self, parts: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
        """Return the log-density, and the gradient with respect to each latent.

        They may be views of memory that the next evaluation writes to.
        """
        if self._replays is None:
            return jt.fetch_sync(self._value_and_grad([_leaf(part) for part in parts]))
        shape = parts[-1].shape  # whatever the number of chains is, it is in all shapes
        if shape not in self._replays:
            self._replays[shape] = Replay(self._value_and_grad, copies=False)
        replay, n_chains = self._replays[shape], len(parts[0])
        if n_chains not in self._evaluators and Evaluator.suits(replay):
            columns = [c for c, _ in self._places()]
            self._evaluators[n_chains] = Evaluator(replay, columns, n_chains, self.dim)
        return replay(*parts)

    def _evaluated_by_all(
        self, team: Team, arrays: Sequence[np.ndarray], total: float
    ) -> Sequence[np.ndarray]:
        """Return what :meth:`_evaluated` does; each rank evaluates its rows."""
        places = self._places()

        def fill(rows: slice, table: np.ndarray) -> None:
            log_prob, *parts = self._evaluated([array[rows] for array in arrays])
            table[:, 0] = log_prob
            for (columns, _), part in zip(places, parts):
                table[:, 1 + columns.start : 1 + columns.stop] = part.reshape(len(table), -1)

        table, _ = team.evaluate((len(arrays[0]), 1 + self.dim), "float32", total, fill)
        return [table[:, 0], *(table[:, 1 + c.start : 1 + c.stop] for c, _ in places)]

    def _value_and_grad(self, leaves: Sequence[Var]) -> list[Var]:
        # Each latent is a leaf of its own: cutting up one Var, and the gradients of that, would be
        # several kernels more.
        names = (latent.name for latent in self._latents)
        with jt.enable_grad():
            total = self.log_prob(dict(zip(names, leaves)))
            return [total, *jt.grad(total, list(leaves))]

    @contextlib.contextmanager
    def fixed(self) -> Iterator[None]:
        """Take the model to be the same all along: its weights and data do not change meanwhile.

        Gradients are then taken by ``zhusuan.runtime.replay.Replay``, many times as fast
        for a small model.
        """
        before = self._replays, self._evaluators
        if self._replays is None and not self.changes:
            self._replays, self._evaluators = {}, {}
        try:
            yield
        finally:
            self._replays, self._evaluators = before

    @property
    def team(self) -> Team | None:
        """The ranks that evaluate this target together; None if there is this process only."""
        return self._team

    @contextlib.contextmanager
    def shared(self, team: Team) -> Iterator[None]:
        """Let the ranks evaluate the log-density together, each its part of the chains.

        All of them must ask for the same, at the same time.

        :param team: the ranks.
        """
        before, self._team = self._team, (team if team.size > 1 else None)
        try:
            yield
        finally:
            self._team = before

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Let this process evaluate the log-density alone, in the midst of :meth:`shared`."""
        before, self._team = self._team, None
        try:
            yield
        finally:
            self._team = before

    # -- checks

    def blame(self, position: np.ndarray) -> str:
        """Say which part of the log-density, or of its gradient, is not finite.

        :param position: shape [n, D].
        :return: text; empty if all is finite.
        """
        position = np.asarray(position, np.float64)
        for row in position:
            text = self._blame_one(row[None])
            if text:
                return text
        return ""

    def _blame_one(self, row: np.ndarray) -> str:
        if not np.isfinite(row).all():
            return "the coordinates are not finite"
        free = {name: _leaf(u) for name, u in self.split(row.astype(np.float32)).items()}
        values = {}
        with jt.no_grad():
            for latent in self._latents:
                u = free[latent.name]
                values[latent.name], log_det = latent.from_free_and_log_det(
                    u.reshape(list(latent.free_shape)) if self._is_sequential else u
                )
                if log_det is not None and not np.isfinite(host_view(log_det)).all():
                    return f"the transform of {latent.name!r} has a volume that is not finite"
            for name, term in self._terms(values).items():
                array = host_view(term)
                if not np.isfinite(array).all():
                    worst = array[~np.isfinite(array)].flat[0]
                    return f"the log-density of {name} is {worst:g}"
        log_prob, gradient = self.log_prob_and_grad(row)
        if not np.isfinite(log_prob).all():
            return f"the log-density is {log_prob[0]:g}"
        for name, part in self.split(gradient).items():
            if not np.isfinite(part).all():
                return f"the gradient of the log-density with respect to {name!r} is not finite"
        return ""

    @property
    def _is_sequential(self) -> bool:
        return self._chain_method == "sequential"

    def check_independent(self, position: np.ndarray) -> None:
        """Check that moving one chain leaves the log-density of the others as it was.

        :param position: shape [n_chains, D], where the log-density is finite.
        :raises ValueError: if it does not: the model mixes up its axes.
        """
        if len(position) == 1 or self._is_sequential:
            return
        before, _ = self.log_prob_and_grad(position)
        moved = position.copy()
        moved[0] = position[1]
        after, _ = self.log_prob_and_grad(moved)
        # Sums in another order differ in the last digits of float32.
        tolerance = 1e-4 * (1.0 + np.abs(before[1:]))
        wrong = np.abs(after[1:] - before[1:]) > tolerance
        if wrong.any():
            i = int(wrong.argmax()) + 1
            raise ValueError(
                f"the log-density of chain {i} changes from {before[i]:g} to {after[i]:g} when "
                "chain 0 moves: the model uses the leading axis of its latents, the chains, for "
                "something else; sum and multiply over the trailing axes only, or use "
                "chain_method='sequential'"
            )

    def __repr__(self) -> str:
        names = ", ".join(f"{n.name} {list(n.shape)}" for n in self._latents)
        return f"<{type(self).__name__} of {names}: {self.dim} real coordinates>"


def uploaded(observed: Mapping[str, Any] | None) -> dict[str, Var]:
    """Return observations as Vars that are there once for all evaluations.

    :param observed: name -> number, array or Var; None for nothing.
    :raises TypeError: if it is no dict.
    """
    given = {} if observed is None else observed
    if not isinstance(given, Mapping):
        raise TypeError(
            f"observed must be a dict of names and values, got {type(given).__name__}"
        )
    uploaded = {name: as_var(v, what=f"observed[{name!r}]") for name, v in given.items()}
    jt.sync(list(uploaded.values()))
    return uploaded


def _leaf(array: np.ndarray) -> Var:
    leaf = jt.array(np.ascontiguousarray(array, np.float32))
    if array.size == 1:
        leaf.sync()  # else a value of 0, 1 or 2 would be compiled into the kernels
    return leaf
