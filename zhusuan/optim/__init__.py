"""Optimizers: Jittor's, with the update of all parameters in one pass over memory.

They are drop-in subclasses of ``jt.optim.Adam``, ``jt.optim.AdamW`` and ``jt.optim.SGD``: same
arguments, same trajectory up to rounding, the same ``state_dict``, and instances of them. Jittor
updates each parameter by a kernel of its own, which one thread runs and which writes new memory;
here all parameters are updated together, by several threads if there is enough to do, and where
they are.

======================  ===========================================================
``fused.py``             what the optimizers share: when to update, and what Jittor updates
``adam.py``              :class:`Adam`, :class:`AdamW`
``sgd.py``               :class:`SGD`
``library.py``           the functions of ``update.h``, which do the arithmetic
======================  ===========================================================
"""

from zhusuan.optim.adam import Adam, AdamW
from zhusuan.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW"]
