"""A training loop: epochs, batches, early stopping, and a halt where numbers break down."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import jittor as jt
import numpy as np
from jittor import nn
from tqdm import tqdm

from zhusuan import random
from zhusuan._tensor import Var, shape_of
from zhusuan.distributed import PeerError, all_reduce, announce, do_all, is_main, world_size
from zhusuan.distributed.gradients import weighted
from zhusuan.distributed.interrupts import stopping_together
from zhusuan.variational.base import VariationalObjective
from zhusuan.variational.diagnosis import find_cause
from zhusuan.variational.feeding import Batch, Feed
from zhusuan.variational.history import History
from zhusuan.variational.snapshots import BestWeights, Snapshot, Trained
from zhusuan.variational.train_step import TrainStep, whole_loss


class NumericalError(FloatingPointError):
    """Training met a number that is not finite, or a parameter outside of its domain.

    The training is left as it was before the step in question: weights, state of the optimizer,
    and what modules keep, such as moving means.

    :param message: what was met and where.
    :param history: kept as an attribute, as the next two.
    :ivar history: the :class:`~zhusuan.variational.History` until then.
    :ivar epoch: the epoch, from 1.
    :ivar step: the step in that epoch, from 1; None if it was the validation.
    """

    def __init__(self, message: str, history: History, epoch: int, step: int | None) -> None:
        super().__init__(message)
        self.history, self.epoch, self.step = history, epoch, step


def fit(
    objective: Callable[[dict[str, Var]], Var],
    data: Any,
    optimizer: Any,
    epochs: int,
    *,
    batch_size: int | None = None,
    validation: Any = None,
    patience: int | None = None,
    min_delta: float = 0.0,
    shuffle: bool = True,
    drop_last: bool = False,
    seed: int | None = None,
    callback: Callable[[int, History], Any] | None = None,
    progress: bool | None = None,
    replay: bool | None = None,
) -> History:
    """Train: minimise an objective over batches of data.

    ::

        model = zs.variational.ELBO(generator, variational)
        optimizer = jt.optim.Adam(model.parameters(), 1e-3)
        history = zs.variational.fit(model, {"x": x_train}, optimizer, epochs=20, batch_size=64,
                                     validation={"x": x_test}, patience=3)

    In each step the objective is called on a batch and the optimizer makes its step on the loss:
    nothing that a loop of one's own could not do. Beside that,

    * the loss and the weights are looked at after every step. Where one is NaN or infinite, the
      state before the step is put back, bit by bit, and the error names the node that is to blame,
      by :func:`~zhusuan.inspection.check_numerics`;
    * Ctrl-C ends training quietly: ``history.stopped`` is then ``'interrupted'``, and a step that
      was not finished is undone;
    * with ``patience``, the weights of the best epoch are put back at the end, whatever ended
      the training but a :class:`NumericalError`. The state of the optimizer stays that of the
      last step.

    Under ``mpirun`` all ranks call this with the same arguments. Arrays are cut: each rank takes
    its part of every batch and draws from a stream of its own; an iterable gives each rank
    batches of its own, equally many and large. The losses are those of all ranks, who stop
    together; the bar is drawn by rank 0. A step that fails on one rank is undone on all, and each
    raises an error.

    Modules train in the mode they are in: those with ``nn.Dropout``, which Jittor makes in
    evaluation mode, need ``model.train()`` first.

    :param objective: an objective of this library, a ``jt.Module`` or any function, from a dict of
        observations to a loss, a Var of shape [1].
    :param data: name -> array, whose dim 0 counts the data, to be cut into batches; or an
        iterable of batches, dicts of this kind, that can be gone through anew in each epoch; or
        a function of the epoch, from 1, that returns one of these, for data that are drawn anew
        each time. Arrays become float32, as observations do; a Var keeps its dtype.
    :param optimizer: an optimizer of ``jt.optim``, or anything with ``step(loss)``. State that is
        kept otherwise than ``jt.optim`` does it can't be put back.
    :param epochs: how often to go through the data, at least once.
    :param batch_size: data in a batch, for arrays; None for all.
    :param validation: data as above, where a function takes nothing and returns the loss, a number.
        Arrays are cut in the given order. The objective is called on them under ``jt.no_grad``,
        its modules being in evaluation mode.
    :param patience: stop when the validation loss (without validation, the training loss) has not
        come down for so many epochs. By default training goes on.
    :param min_delta: by how much it must come down to count as lower.
    :param shuffle: give arrays a new order in each epoch.
    :param drop_last: leave out the last batch of arrays where it is smaller.
    :param seed: for that order. By default it follows from :func:`zhusuan.set_seed`.
    :param callback: called as ``callback(epoch, history)`` after each epoch; training ends when it
        returns something true.
    :param progress: show a bar with the losses on stderr. By default, if that is a terminal.
    :param replay: make steps by :class:`TrainStep`, which builds no graph anew and does not call
        Python code of the objective in each step. By default, for objectives of this library.
    :return: the losses. A training loss is the mean over an epoch, in which each batch counts by
        its number of data.
    :raises NumericalError: a FloatingPointError, as said above.
    :raises TypeError: if an argument is of a kind that can't be used, or the loss is no Var.
    :raises ValueError: if a number is out of range, arrays differ in length, there is no batch,
        the loss has not shape [1], or data that can be gone through only once are needed again.
    """
    _check_functions(objective, optimizer, callback)
    _check_numbers(epochs, batch_size, patience, min_delta)
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer))):
        raise TypeError(f"fit: seed must be an int, got {seed!r}")
    for name, value in (("progress", progress), ("replay", replay)):
        if value not in (None, True, False):
            raise TypeError(f"fit: {name} must be True, False or None, got {value!r}")
    with random.common_stream():
        generator = np.random.default_rng(random.spawn(1)[0] if seed is None else seed)
    is_cut = not getattr(objective, "spreads_particles", False)
    order = generator if shuffle else None
    feed = Feed(data, "data", epochs, batch_size, order, drop_last, is_cut)
    judge: Feed | Callable[[], Any] | None = validation
    if validation is not None and not callable(validation):
        judge = Feed(validation, "validation", epochs, batch_size, is_cut=is_cut)
    total = None if feed.n_batches is None else feed.n_batches * epochs
    disable = None if progress is None else not progress
    if not is_main():
        disable = True
    with tqdm(total=total, unit="step", disable=disable) as bar:
        if replay is None:
            replay = isinstance(objective, VariationalObjective)
        stepper = TrainStep(objective, optimizer) if replay else None
        training = _Training(objective, optimizer, bar, patience, float(min_delta), stepper)
        with stopping_together() as check:
            return training.run(feed, judge, epochs, callback, check)


def _check_functions(objective: Any, optimizer: Any, callback: Any) -> None:
    if not callable(objective):
        raise TypeError(f"fit: objective must be callable on observations, got {objective!r}")
    if not callable(getattr(optimizer, "step", None)):
        raise TypeError(
            f"fit: optimizer must have step(loss), as those of jt.optim, got {optimizer!r}"
        )
    if callback is not None and not callable(callback):
        raise TypeError(f"fit: callback must be callable, got {callback!r}")


def _check_numbers(epochs: Any, batch_size: Any, patience: Any, min_delta: Any) -> None:
    for name, value in (("epochs", epochs), ("batch_size", batch_size), ("patience", patience)):
        if value is None and name != "epochs":
            continue
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise TypeError(f"fit: {name} must be an int, got {value!r}")
        if value < 1:
            raise ValueError(f"fit: {name} must be at least 1, got {value}")
    if not isinstance(min_delta, (int, float, np.number)):
        raise TypeError(f"fit: min_delta must be a number, got {min_delta!r}")
    if not 0.0 <= min_delta < math.inf:
        raise ValueError(f"fit: min_delta must be finite and not negative, got {min_delta}")


class _Training:
    """One call of :func:`fit`; the arguments are described there."""

    def __init__(
        self,
        objective: Callable[[dict[str, Var]], Var],
        optimizer: Any,
        bar: Any,
        patience: int | None,
        min_delta: float,
        stepper: TrainStep | None,
    ) -> None:
        self._stepper = stepper
        self._objective, self._optimizer, self._bar = objective, optimizer, bar
        self._patience, self._min_delta = patience, min_delta
        self._trained = Trained(objective, optimizer)
        self._before = Snapshot(self._trained)
        self._history = History()
        self._start = time.perf_counter()
        self._best = math.inf
        self._best_weights: BestWeights | None = None

    def run(
        self,
        feed: Feed,
        judge: Feed | Callable[[], Any] | None,
        epochs: int,
        callback: Callable[[int, History], Any] | None,
        check: Callable[[], None],
    ) -> History:
        """Train, checking for a Ctrl-C on other ranks before each step; return the history."""
        history = self._history
        try:
            for epoch in range(1, epochs + 1):
                history.train.append(self._train(feed, epoch, check))
                if judge is not None:
                    history.validation.append(self._validate(judge, epoch))
                self._end_epoch(epoch, epochs)
                if callback is not None and self._is_stopping(callback(epoch, history)):
                    history.stopped = "callback"
                elif self._patience and epoch - (history.best_epoch or 0) >= self._patience:
                    history.stopped = "patience"
                if history.stopped:
                    break
            else:
                history.stopped = "epochs"
        except KeyboardInterrupt:
            history.stopped = "interrupted"
        except NumericalError as error:
            history.stopped = "not finite"
            announce(str(error))
            raise
        except PeerError:
            raise
        except Exception as error:
            announce(f"{type(error).__name__}: {error}")
            raise
        finally:
            history.seconds = time.perf_counter() - self._start
        if self._best_weights is not None:
            self._best_weights.restore()
        return history

    @staticmethod
    def _is_stopping(answer: Any) -> bool:
        return not do_all(not answer, "the callbacks go on")

    def _end_epoch(self, epoch: int, epochs: int) -> None:
        history = self._history
        history.epochs = epoch
        history.seconds = time.perf_counter() - self._start
        if history.judged[-1] < self._best - self._min_delta:
            self._best, history.best_epoch = history.judged[-1], epoch
            if self._patience:
                self._best_weights = BestWeights(self._trained)
        if self._bar.total is None:  # now it is known how long an epoch is
            self._bar.total = self._bar.n * epochs
        self._show(epoch, history.train[-1])

    def _show(self, epoch: int, loss: float) -> None:
        if self._bar.disable:
            return
        shown = {"epoch": epoch, "loss": f"{loss:.5g}"}
        if self._history.validation:
            shown["validation"] = f"{self._history.validation[-1]:.5g}"
        self._bar.set_postfix(shown, refresh=False)

    # -- steps

    def _train(self, feed: Feed, epoch: int, check: Callable[[], None]) -> float:
        total, count, shown_at = 0.0, 0, 0.0
        if self._stepper is not None:
            self._stepper.recheck()  # a callback may have changed something
        for step, batch in enumerate(feed.batches(epoch), start=1):
            check()
            loss = self._step(batch, epoch, step)
            total += loss * batch.size
            count += batch.size
            if time.perf_counter() - shown_at > 0.1:
                self._show(epoch, total / count)
                shown_at = time.perf_counter()
            self._bar.update()
        return _mean_of_all(total, count)

    def _step(self, batch: Batch, epoch: int, step: int) -> float:
        with weighted(batch.share):
            return self._step_on(batch, epoch, step)

    def _step_on(self, batch: Batch, epoch: int, step: int) -> float:
        if self._stepper is not None:
            done = self._stepper.attempt(batch.observed)
            if done is not None:
                return done
        self._before.take()
        numbers, node_order = random.get_state(), jt.flags.node_order
        error: ValueError | None = None
        try:
            loss = _as_loss(self._objective(batch.observed))
            self._optimizer.step(loss)
            self._before.settle(loss)
            value = whole_loss(float(loss.item()))
            problem = f"the loss is {value}" if not math.isfinite(value) else self._bad_weights()
        except ValueError as raised:
            # Checks of parameters may see NaN before the loss does.
            error, problem = raised, None
        except BaseException:
            jt.flags.node_order = node_order  # the optimizer's step may be half done
            self._before.restore()
            raise
        if error is None and problem is None:
            return value
        cause = self._cause(numbers, batch)
        if error is not None and cause is None:
            raise error
        parts = [f"epoch {epoch}, step {step}", problem, cause]
        raise NumericalError(_joined(parts), self._history, epoch, step) from error

    def _bad_weights(self) -> str | None:
        bad = self._trained.not_finite()
        if not bad:
            return None
        others = f" and {len(bad) - 1} more are" if len(bad) > 1 else " is"
        return f"after the step, weight {bad[0]!r}{others} not finite"

    def _cause(self, numbers: random.State, batch: Batch) -> str | None:
        """Undo a step, and find out what was wrong with it."""
        self._before.restore()
        now = random.get_state()
        random.set_state(numbers)
        try:
            return find_cause(self._objective, self._trained.root, batch.observed)
        finally:
            random.set_state(now)
            self._before.restore()  # looking at it has changed states, such as a batch norm's

    # -- validation

    def _validate(self, judge: Feed | Callable[[], Any], epoch: int) -> float:
        if not isinstance(judge, Feed):
            value = judge()
            try:
                value = float(value.item() if isinstance(value, jt.Var) else value)
            except (TypeError, ValueError, RuntimeError) as error:
                raise TypeError(f"fit: validation() must return a number, got {value!r}") from error
            value = whole_loss(value)
            if not math.isfinite(value):
                message = f"epoch {epoch}: validation() returned {value}"
                raise NumericalError(message, self._history, epoch, None)
            return value
        self._before.take()
        total, count = 0.0, 0.0
        with jt.no_grad(), _evaluating(self._trained.root):
            for batch in judge.batches(epoch):
                numbers = random.get_state()
                value = float(_as_loss(self._objective(batch.observed)).item())
                if not math.isfinite(value):
                    problem = f"the validation loss is {value}"
                    parts = [f"epoch {epoch}", problem, self._cause(numbers, batch)]
                    raise NumericalError(_joined(parts), self._history, epoch, None)
                total += value * batch.own_size
                count += batch.own_size
        return _mean_of_all(total, count)


def _mean_of_all(total: float, count: float) -> float:
    """Return the mean over the data of all ranks, given a sum and a number of this one."""
    if world_size() == 1:
        return total / count
    total, count = all_reduce(np.array([total, count], dtype=np.float64))
    return float(total / count)


def _as_loss(loss: Any) -> Var:
    if not isinstance(loss, jt.Var):
        raise TypeError(
            f"fit: the objective must return the loss, a Var, got {type(loss).__name__}"
        )
    if shape_of(loss) != (1,):
        raise ValueError(
            f"fit: the loss must have shape [1], got {list(shape_of(loss))}; return its mean"
        )
    return loss


def _joined(parts: list[str | None]) -> str:
    return ": ".join(part for part in parts if part is not None)


@contextlib.contextmanager
def _evaluating(root: nn.Module) -> Iterator[None]:
    """Put modules into evaluation mode; unlike ``Module.eval`` it does not touch parameters."""
    modules = [module for _, module in root.named_modules()]
    before = [(module, vars(module).get("is_train")) for module in modules]
    for module in modules:
        module.is_train = False
    try:
        yield
    finally:
        for module, is_train in before:
            if is_train is None:
                del module.is_train
            else:
                module.is_train = is_train
