"""Checks that a distribution keeps the promises of its base class; neither pytest nor SciPy needed.

::

    from zhusuan.testing import check_distribution

    print(check_distribution(MyFamily(rate=[0.5, 2.0])))
"""

from zhusuan.testing.conformance import CHECKS, check_distribution
from zhusuan.testing.report import ConformanceError, Failure, Report

__all__ = ["CHECKS", "ConformanceError", "Failure", "Report", "check_distribution"]
