// Modified Bessel functions of orders 0 and 1, scaled.
#pragma once
#include "numerics.h"

namespace zs {

// ---- double precision: Chebyshev interpolants in 60 digits of the forms that DLMF 10.25.2 (entire
// in x^2) and 10.40.1 (in 1/x) suggest

// I0(x) - 1 and I1(x) / x for |x| <= 8
ZS_FN double bessel_i0_small_m1(double x) {
    double s = x * x / 64.0;
    return s * poly(s, 16.0, 64.0, 113.77777777777779, 113.77777777777744, 72.81777777778237,
                       32.36345679008199, 10.56765936030207, 2.641914838814142, 0.5218597255327487,
                       0.08349754512740387, 0.011041018946441949, 0.0012267486447337054,
                       0.00011617647340255414, 9.455436273024497e-06, 6.890695062333821e-07,
                       3.6409279919688255e-08, 3.6291930358143927e-09);
}
ZS_FN double bessel_i0_small(double x) { return 1.0 + bessel_i0_small_m1(x); }
ZS_FN double bessel_i1_small(double x) {
    double s = x * x / 64.0;
    return poly(s, 0.5, 4.0, 10.666666666666666, 14.222222222222223, 11.37777777777777,
                   6.068148148148267, 2.3116754850077483, 0.6604787100092747, 0.14677304663635832,
                   0.026092986178708043, 0.003795343162755184, 0.0004600421412283014,
                   4.7183006656846094e-05, 4.1488456431365015e-06, 3.153735598850814e-07,
                   2.1453828641821553e-08, 1.090797288894542e-09, 9.852866883078305e-11);
}
// sqrt(x) e^-x times I0(x) and I1(x) for x >= 8
ZS_FN double bessel_i0_large(double x) {
    double t = 16.0 / x - 1.0;
    return poly(t, 0.4021765094450081, 0.0033605519836678614, 0.00013621607438984735,
                   1.1143033790932038e-05, 1.4838476651250266e-06, 2.9735985885673923e-07,
                   8.872034383314144e-08, 3.932584334552952e-08, 2.1566251453104354e-08,
                   7.554691881248808e-09, -6.8493381882867694e-09, -1.340891754008974e-08,
                   -5.0381064879032845e-09, 7.552583062123384e-09, 6.560138746917057e-09,
                   -3.505966530879332e-09, -4.575553424534973e-09, 1.5200816953924232e-09,
                   2.1968921378829006e-09, -5.715843864202709e-10, -6.633287112547084e-10,
                   1.5279202694981569e-10, 9.36508689281819e-11, -2.0260604287413626e-11);
}
ZS_FN double bessel_i1_large(double x) {
    double t = 16.0 / x - 1.0;
    return poly(t, 0.38939845902587233, -0.009749577193235737, -0.0002192357638317243,
                   -1.5038547200567216e-05, -1.8349102358955385e-06, -3.483855761044295e-07,
                   -1.000109565963654e-07, -4.312917729178349e-08, -2.339250374801858e-08,
                   -8.427766093735185e-09, 6.8401389977069586e-09, 1.4034238782067183e-08,
                   5.59337010179061e-09, -7.64239413436356e-09, -6.983839624895866e-09,
                   3.4262341490077958e-09, 4.810597405089944e-09, -1.4387250533041013e-09,
                   -2.297004161885201e-09, 5.295625441161261e-10, 6.917089294193807e-10,
                   -1.4011625179770627e-10, -9.752397204138195e-11, 1.8515118828852956e-11);
}

// e^-|x| I0(x)
ZS_FN double i0e(double x) {
    double a = fabs(x);
    return a <= 8.0 ? exp(-a) * bessel_i0_small(a) : bessel_i0_large(a) / sqrt(a);
}
// e^-|x| I1(x)
ZS_FN double i1e(double x) {
    double a = fabs(x);
    if (a <= 8.0) return exp(-a) * x * bessel_i1_small(a);
    double f = bessel_i1_large(a) / sqrt(a);
    return x < 0.0 ? -f : f;
}
// I1(x) / I0(x), the mean resultant length of the von Mises distribution
ZS_FN double i1_over_i0(double x) {
    double a = fabs(x);
    if (a <= 8.0) return x * bessel_i1_small(a) / bessel_i0_small(a);
    double f = bessel_i1_large(a) / bessel_i0_large(a);
    return x < 0.0 ? -f : f;
}
ZS_FN double log_i0(double x) {
    double a = fabs(x);
    return a <= 8.0 ? log1p(bessel_i0_small_m1(a)) : a + log(bessel_i0_large(a) / sqrt(a));
}

// ---- numbers with derivatives. The recurrences I0' = I1, I1' = I0 - I1 / x cancel for large x and
// divide by zero at 0; the series themselves, differentiated term by term, do neither.

// I_n(x) / (x/2)^n, n = 0 or 1, by DLMF 10.25.2; all terms are positive
template <typename T> ZS_FN T bessel_series(int n, const T& x) {
    T q = 0.25 * x * x, term = T(1.0), sum = T(1.0);
    for (int k = 1; k < 100; k++) {
        term *= q / (double(k) * (k + n));
        sum += term;
        if (negligible(term, sum)) break;
    }
    return sum;
}
// sqrt(2 pi x) e^-x I_n(x) by DLMF 10.40.1, to full precision for x >= 30
template <typename T> ZS_FN T bessel_asymptotic(int n, const T& x) {
    T r = 1.0 / (8.0 * x), term = T(1.0), sum = T(1.0);
    for (int k = 1; k <= 22; k++) {
        double odd = 2.0 * k - 1.0;
        term *= r * ((odd * odd - 4.0 * n * n) / k);
        sum += term;
    }
    return sum;
}
constexpr double BESSEL_SERIES_END = 30.0;
constexpr double TWO_PI = 6.28318530717958647693;

ZS_UNARY i0e(const Dual<T, N>& x) {
    Dual<T, N> a = fabs(x);
    if (value(a) <= BESSEL_SERIES_END) return exp(-a) * bessel_series(0, a);
    return bessel_asymptotic(0, a) / sqrt(TWO_PI * a);
}
ZS_UNARY i1e(const Dual<T, N>& x) {
    Dual<T, N> a = fabs(x);
    if (value(a) <= BESSEL_SERIES_END) return exp(-a) * (0.5 * x) * bessel_series(1, a);
    Dual<T, N> f = bessel_asymptotic(1, a) / sqrt(TWO_PI * a);
    return value(x) < 0.0 ? -f : f;
}
ZS_UNARY i1_over_i0(const Dual<T, N>& x) {
    Dual<T, N> a = fabs(x);
    if (value(a) <= BESSEL_SERIES_END) return 0.5 * x * bessel_series(1, a) / bessel_series(0, a);
    Dual<T, N> f = bessel_asymptotic(1, a) / bessel_asymptotic(0, a);
    return value(x) < 0.0 ? -f : f;
}
// log of i0e, for x >= 0; its slope, which series of dual numbers would be dear for, is I1 / I0 - 1
ZS_FN double log_i0e(double x) { return log(i0e(x)); }
ZS_UNARY log_i0e(const Dual<T, N>& x) {
    return chain(x, T(log_i0e(x.v)), T(i1_over_i0(x.v) - 1.0));
}
ZS_UNARY log_i0(const Dual<T, N>& x) { return chain(x, T(log_i0(x.v)), T(i1_over_i0(x.v))); }

}  // namespace zs
