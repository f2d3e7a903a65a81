// The special functions of the library, in double precision and with derivatives of every order
// with respect to every argument when called with Dual numbers.
#pragma once
# include "bessel.h"
# include "beta.h"
# include "gamma.h"
# include "normal.h"
# include "von_mises.h"
