"""One step of training, without a new graph each time."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jittor as jt
import numpy as np

from zhusuan import random
from zhusuan._tensor import Var, as_var, host_view
from zhusuan.checkpoint.states import states
from zhusuan.distributed import all_reduce, do_all, world_size
from zhusuan.distributed.collectives import Together
from zhusuan.distributed.gradients import gradient_weight
from zhusuan.distributions.constraints import Constraint
from zhusuan.distributions.validation import collected, validation
from zhusuan.optim.adam import Adam, AdamW
from zhusuan.optim.fused import FusedStep, InPlaceUpdate
from zhusuan.optim.sgd import SGD
from zhusuan.random.uploads import Make, noting_uploads
from zhusuan.runtime.recording import Program, is_possible, leaf, record
from zhusuan.variational.snapshots import Snapshot, Trained

_ATTEMPTS = 4
"""New kernels are compiled in the first steps, and a recording must not compile any."""

_NOTHING_SUMMED_UP = "_Optimizer__zero_grad"
"""An attribute of Jittor's optimizers: whether no gradients wait from an earlier ``backward``."""

_LONGEST_WAIT = 256
_MOST_SHAPES = 4
_MOST_FAILURES = 3

Key = tuple[tuple[str, tuple[int, ...]], ...]


class TrainStep:
    """A step of an optimizer on an objective, as fast as its kernels.

    ::

        model = zs.variational.ELBO(generator, variational)
        step = zs.variational.TrainStep(model, zs.optim.Adam(model.parameters(), 1e-3))
        for x in batches:
            loss = step({"x": x})

    The first step is ``optimizer.step(objective(observed))``. In the second, what Jittor runs is
    recorded, and from the third on it is run again on new data and with new random numbers, the
    very ones that the objective would have drawn: no graph is built, nothing is decided anew, and
    the weights are changed in place. The recording is compared with the objective at the first
    two steps and then at ever longer distances, at most 256 steps; if it gives another loss or
    other gradients, it is made anew, and after three times given up. It is not used at all on
    CUDA, for optimizers other than Adam, AdamW and SGD (of ``zs.optim`` or ``jt.optim`` itself),
    where the objective reads values while it is built, or where modules change Vars of their own,
    as batch norms do: then all steps are as the first.

    So an objective whose Python does something else from step to step (a weight that is turned up,
    a counter) is noticed where its numbers change: call :meth:`recheck` after such a change, as
    :func:`~zhusuan.variational.fit` does before each epoch.

    Under ``mpirun`` each rank gives its part of the batch, see
    :func:`zhusuan.distributed.batch_part`, and all make the step together: as a recording if all
    have one. The loss is that of the whole batch.

    :param objective: an objective of this library, a ``jt.Module`` or a function, from a dict of
        observations to a loss, a Var of shape [1].
    :param optimizer: whose parameters are trained.
    :ivar problem: why steps are not replayed; empty as long as nothing speaks against it.
    :ivar n_replayed: steps that were made by a recording.
    """

    def __init__(self, objective: Callable[[dict[str, Var]], Var], optimizer: Any) -> None:
        self._objective, self._optimizer = objective, optimizer
        self._trained = Trained(objective, optimizer)
        self._fused = _fused(optimizer)
        self._shapes: dict[Key, _Recorded] = {}
        self._n_failures = self.n_replayed = 0
        self.problem = ""
        if not is_possible():
            self.problem = "replays need the CPU"
        elif self._fused is None:
            self.problem = f"{type(optimizer).__name__} is not one of those that are known"

    @property
    def is_replaying(self) -> bool:
        """Whether there is a recording that steps use."""
        return any(recorded.program is not None for recorded in self._shapes.values())

    def __call__(self, observed: Mapping[str, Any]) -> float:
        """Make one step.

        :param observed: name -> array or Var, of any shape; each set of shapes is recorded by
            itself.
        :return: the loss before the step.
        :raises TypeError: if a value is not numeric.
        """
        given = {name: as_var(v, what=f"observed[{name!r}]") for name, v in observed.items()}
        value = self.attempt(given)
        if value is None:
            loss = self._objective(given)
            self._optimizer.step(loss)
            jt.sync_all()
            value = whole_loss(float(loss.item()))
        return value

    def recheck(self) -> None:
        """Compare the recordings with the objective at the next step."""
        for recorded in self._shapes.values():
            recorded.check_at = 0

    def attempt(self, observed: Mapping[str, Var]) -> float | None:
        """Make one step by a recording; None, and nothing is changed, if that is not possible.

        It is not if the loss or a gradient is not finite, either: a step by the graph, with the
        same random numbers, then shows where this comes from.

        :param observed: name -> Var, as for a call.
        :return: the loss before the step, or None.
        """
        found = self._replayed(observed)
        if not do_all(found is not None, "all can replay a step"):
            if found is not None:
                random.set_state(found[1])
            return None
        assert found is not None
        recorded, before = found
        if world_size() > 1:
            recorded.share()
        if not recorded.update():
            if world_size() == 1:
                random.set_state(before)
                return None
            self._step_along(recorded.shared[1:])  # the others have taken this step
        self.n_replayed += 1
        return float(recorded.shared[0][0])

    def _replayed(self, observed: Mapping[str, Var]) -> tuple[_Recorded, random.State] | None:
        """Run a recording; return it and the random state before, or None if nothing was done."""
        if self.problem or not getattr(self._optimizer, _NOTHING_SUMMED_UP, True):
            return None
        if world_size() > 1 and self._optimizer.n_step % self._optimizer.param_sync_iter == 0:
            return None  # the optimizer shares its parameters anew
        arrays = [host_view(var) for var in observed.values()]
        key = tuple((name, array.shape) for name, array in zip(observed, arrays))
        recorded = self._shapes.get(key)
        if recorded is None:
            if len(self._shapes) < _MOST_SHAPES:
                self._shapes[key] = _Recorded(list(observed))
            return None
        before = random.get_state()
        outputs = self._outputs(recorded, arrays)
        if outputs is None or not _all_finite(outputs):
            random.set_state(before)
            return None
        return recorded, before

    def _step_along(self, gradients: Sequence[np.ndarray]) -> None:
        """Let the optimizer make its own step along gradients."""
        remaining = iter(gradients)
        for group in self._optimizer.param_groups:
            for var, gradient in zip(group["params"], group["grads"]):
                if not var.is_stop_grad():
                    gradient.update(jt.array(next(remaining), dtype="float32").stop_grad())
        self._optimizer.n_step += 1
        self._optimizer.step()
        jt.sync_all()

    def _outputs(self, recorded: _Recorded, arrays: list[np.ndarray]) -> list[np.ndarray] | None:
        """Return the loss and the gradients, or None."""
        if recorded.program is None or not recorded.is_current():
            return self._record(recorded, arrays)
        before = random.get_state() if recorded.is_due else None
        outputs = recorded.run(arrays)
        if not recorded.is_valid:
            return None
        if before is not None:
            after = random.get_state()
            random.set_state(before)
            with validation(False):
                leaves = [leaf(array) for array in arrays]
                expected = self._loss_and_gradients(leaves, recorded.names)
            same = _same(outputs, jt.fetch_sync(expected)) and random.get_state() == after
            if not same:
                recorded.program = None
                self._fail("the objective gives other numbers than its recording")
                return None
            del expected
            if not self._bind(recorded):
                return None
            recorded.wait()
        return outputs

    def _record(self, recorded: _Recorded, arrays: list[np.ndarray]) -> list[np.ndarray] | None:
        leaves = [leaf(array) for array in arrays]
        before, own = Snapshot(self._trained), self._own_vars()
        with noting_uploads() as uploads, collected() as checks:

            def run() -> list[Var]:
                found = self._loss_and_gradients(leaves, recorded.names)
                return found + [var for _, var, _ in checks]

            program, _ = record(run, leaves, lambda: [upload.var for upload in uploads])
        if self._own_vars() != own:
            self._give_up("modules keep something that changes from step to step")
            before.restore()
            return None
        if program.problem:
            recorded.n_tried += 1
            if program.reads_values or recorded.n_tried == _ATTEMPTS:
                self._give_up(program.problem)
            return None
        if not self._bind(recorded):
            return None
        recorded.begin(
            program,
            [upload.make for upload in uploads],
            [constraint for _, _, constraint in checks],
            self._parameters(),
        )
        return recorded.outputs if recorded.is_valid else None

    def _bind(self, recorded: _Recorded) -> bool:
        """Let the recording update the weights, as long as nobody else comes to use their memory.

        Those who do now, such as the graph of the last run, which a net keeps, are computed.
        """
        assert self._fused is not None
        jt.sync_all()
        update = self._fused._in_place()
        if update is None:
            self._fail("the optimizer can't update these parameters in place")
            return False
        recorded.in_place = update
        return True

    def _loss_and_gradients(self, leaves: Sequence[Var], names: list[str]) -> list[Var]:
        with jt.enable_grad():
            loss = self._objective(dict(zip(names, leaves)))
            return [loss, *jt.grad(loss, self._parameters())]

    def _parameters(self) -> list[Var]:
        groups = self._optimizer.param_groups
        return [var for group in groups for var in group["params"] if not var.is_stop_grad()]

    def _own_vars(self) -> list[Any]:
        kept = [var.id for var in self._trained.weights.values()]
        return [kept, repr(states(self._trained.root))]

    def _fail(self, problem: str) -> None:
        self._n_failures += 1
        if self._n_failures == _MOST_FAILURES:
            self._give_up(problem)

    def _give_up(self, problem: str) -> None:
        self.problem = problem
        self._shapes.clear()


class _Recorded:
    """The recording of a step for observations of certain shapes.

    :param names: of the observations, in the order in which arrays are given.
    """

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.program: Program | None = None
        self.in_place: InPlaceUpdate | None = None
        self.n_tried = self.check_at = self._n_runs = 0
        self.outputs: list[np.ndarray] = []
        self.shared: list[np.ndarray] = []
        self._checks: list[tuple[Constraint, np.ndarray]] = []
        self._makes: list[Make] = []
        self._parameters: list[Var] = []
        self._ids: list[int] = []

    def begin(
        self,
        program: Program,
        makes: list[Make],
        constraints: list[Constraint],
        parameters: list[Var],
    ) -> None:
        """Use a program from now on.

        :param program: whose outputs are the loss, the gradients, and the values to check.
        :param makes: draw what the program takes beside the observations.
        :param constraints: what the values to check must fulfil.
        :param parameters: whose memory it reads.
        """
        self.program, self._makes, self._parameters = program, makes, parameters
        n = len(program.outputs) - len(constraints)
        self.outputs = program.outputs[:n]
        self._checks = list(zip(constraints, program.outputs[n:]))
        self._ids = [var.id for var in parameters]
        self._n_runs = self.check_at = 0
        self._together = Together(self.outputs) if world_size() > 1 else None
        self.shared = self.outputs if self._together is None else self._together.sums
        gradients = [memory.ctypes.data for memory in self.shared[1:]]
        self._gradients = (ctypes.c_int64 * len(gradients))(*gradients)

    def share(self) -> None:
        """Take the mean of the loss and the gradients over the ranks, into :attr:`shared`."""
        assert self._together is not None
        self._together.add_up(self.outputs, gradient_weight(), "the loss and its gradients")

    def update(self) -> bool:
        """Step along the gradients of the last run; False, and nothing is done, if that is unsafe.

        It is if somebody else uses the memory of a weight by now, and would see it change.
        """
        return self.in_place is not None and self.in_place(self._gradients)

    def is_current(self) -> bool:
        """Whether the parameters still are the Vars whose memory the program reads."""
        return self._ids == [var.id for var in self._parameters]

    @property
    def is_valid(self) -> bool:
        """Whether the values that the objective checks, such as a scale, are what they must be."""
        return all(constraint.violation(memory) is None for constraint, memory in self._checks)

    @property
    def is_due(self) -> bool:
        """Whether the program is to be compared now."""
        return self._n_runs >= self.check_at

    def wait(self) -> None:
        """Choose when to compare the next time."""
        wait = 1 if self._n_runs < 2 else min(self._n_runs, _LONGEST_WAIT)
        self.check_at = self._n_runs + wait

    def run(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        """Return views of the outputs for new observations and new random numbers."""
        assert self.program is not None
        self._n_runs += 1
        for memory, array in zip(self.program.inputs, _chain(arrays, self._makes)):
            memory[...] = array
        self.program.run()
        return self.outputs


def whole_loss(loss: float) -> float:
    """Return the loss of a whole batch, given that of this rank's part.

    :param loss: the mean over the part.
    """
    if world_size() == 1:
        return loss
    return float(all_reduce(np.float64(loss * gradient_weight())))


def _chain(arrays: list[np.ndarray], makes: list[Make]) -> Iterator[np.ndarray]:
    yield from arrays
    for make in makes:
        yield make()


def _fused(optimizer: Any) -> FusedStep | None:
    """Return the optimizer, or one of this package's with the same state."""
    if isinstance(optimizer, FusedStep):
        return optimizer
    for ours, theirs in ((Adam, jt.optim.Adam), (AdamW, jt.optim.AdamW), (SGD, jt.optim.SGD)):
        if type(optimizer) is theirs:
            twin = ours.__new__(ours)
            twin.__dict__ = optimizer.__dict__
            return twin
    return None


def _all_finite(arrays: Sequence[np.ndarray]) -> bool:
    return all(np.isfinite(np.dot(array.ravel(), array.ravel())) for array in arrays)


def _same(found: Sequence[np.ndarray], expected: Sequence[np.ndarray]) -> bool:
    # The same kernels on the same inputs: threads may only change the order of sums.
    return all(
        np.allclose(a, b, rtol=1e-4, atol=1e-5 * float(np.abs(b).max(initial=0.0)), equal_nan=True)
        for a, b in zip(found, expected)
    )
