"""What a training has left behind: its losses, epoch by epoch."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any

_HEAD, _TAIL = 3, 6


@dataclass(repr=False)
class History:
    """The losses of a training, and how it ended; ``print`` shows a short table.

    :param train: mean training loss of each epoch, over the weights as they were at each step.
    :param validation: validation loss after each epoch; empty without validation.
    :param best_epoch: the epoch, from 1, that was the last to bring the validation loss (without
        validation, the training loss) down by more than ``min_delta``; None before the first.
    :param epochs: how many epochs were finished.
    :param stopped: ``'epochs'``, ``'patience'``, ``'callback'``, ``'interrupted'`` or
        ``'not finite'``; None while training goes on.
    :param seconds: wall time in seconds.
    """

    train: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best_epoch: int | None = None
    epochs: int = 0
    stopped: str | None = None
    seconds: float = 0.0

    @property
    def judged(self) -> list[float]:
        """The losses that tell which epoch is best: of the validation, if there is one."""
        return self.validation if self.validation else self.train

    def plot(self, ax: Any = None) -> Any:
        """Draw the losses over the epochs; needs matplotlib.

        ``history.plot().figure.savefig("loss.png")`` makes a file.

        :param ax: axes of matplotlib to draw on; new ones if left out.
        :return: the axes.
        :raises RuntimeError: if axes are to be made and matplotlib is not installed.
        """
        if ax is None:
            try:
                figure = importlib.import_module("matplotlib.figure")
            except ImportError as error:
                raise RuntimeError(
                    "History.plot needs matplotlib: pip install matplotlib"
                ) from error
            # Not through pyplot, which looks for a display and keeps every figure.
            ax = figure.Figure(figsize=(6.4, 4.0), layout="constrained").subplots()
        for label, losses in (("training", self.train), ("validation", self.validation)):
            if losses:
                ax.plot(range(1, len(losses) + 1), losses, label=label, marker=".")
        ax.set_xlabel("epoch")
        ax.set_ylabel("loss")
        if self.train:
            ax.legend()
        return ax

    def __repr__(self) -> str:
        with_validation = bool(self.validation)
        rows = ["epoch       train" + "  validation" * with_validation]
        shown = [i for i in range(len(self.train)) if self._is_shown(i)]
        previous = -1
        for i in shown:
            if i > previous + 1:
                rows.append("  ...")
            row = f"{i + 1:5d}  {self.train[i]:10.5g}"
            if with_validation:
                # After an interrupt or an error, the last epoch may lack its validation.
                row += f"  {self.validation[i]:10.5g}" if i < len(self.validation) else " " * 12
            rows.append(row + "  best" * (i + 1 == self.best_epoch))
            previous = i
        how = "in training" if self.stopped is None else f"stopped by {self.stopped!r}"
        rows.append(f"{self.epochs} epochs, {how}, {self.seconds:.1f} s")
        return "\n".join(rows)

    def _is_shown(self, i: int) -> bool:
        return i < _HEAD or i >= len(self.train) - _TAIL or i + 1 == self.best_epoch
