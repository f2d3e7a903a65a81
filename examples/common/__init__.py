"""What the example scripts share: data, pictures and result files, in NumPy only.

A script puts ``examples/`` on ``sys.path`` and imports ``common.mnist``, ``common.images`` or
``common.results``. Nothing here imports Jittor, so a script may use it before Jittor is set up.
"""
