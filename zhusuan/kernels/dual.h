// Dual numbers: forward-mode derivatives of any formula that is written as a template.
//
// Dual<T, N> holds a value and its N partial derivatives, all of type T. With T = double they are
// first derivatives; Dual<Dual<double, N>, N> gives second ones, and so on. The formulas of the
// library are evaluated in double precision whatever the dtype of the Vars: a float32 log-density
// with shape parameters of 1e4 has no digits left otherwise.
#pragma once
#include <cmath>
#include <limits>

#ifdef __CUDACC__
#define ZS_FN __host__ __device__ inline
#else
#define ZS_FN inline
#endif

namespace zs {

constexpr double INF = std::numeric_limits<double>::infinity();
constexpr double NOT_A_NUMBER = std::numeric_limits<double>::quiet_NaN();
constexpr double PI = 3.14159265358979323846;
constexpr double EULER_GAMMA = 0.57721566490153286061;
constexpr double LOG_2 = 0.69314718055994530942;
constexpr double LOG_PI = 1.14472988584940017414;
constexpr double LOG_2PI = 1.83787706640934548356;
constexpr double SQRT_2 = 1.41421356237309504880;
constexpr double SQRT_PI = 1.77245385090551602730;

// ---- NaN tests that survive -ffinite-math-only, which turns std::isnan into false

ZS_FN bool is_nan(double x) {
    union { double d; unsigned long long u; } bits;
    bits.d = x;
    return (bits.u & 0x7fffffffffffffffULL) > 0x7ff0000000000000ULL;
}
ZS_FN bool is_inf(double x) {
    union { double d; unsigned long long u; } bits;
    bits.d = x;
    return (bits.u & 0x7fffffffffffffffULL) == 0x7ff0000000000000ULL;
}

// ---- the plain value of a number, however deeply nested; branches look at this

ZS_FN double value(double x) { return x; }

template <typename T, int N> struct Dual {
    T v;
    T d[N];

    ZS_FN Dual() : v(0.0) { for (int i = 0; i < N; i++) d[i] = T(0.0); }
    // A constant: implicit, so that formulas can mix numbers in.
    ZS_FN Dual(double c) : v(c) { for (int i = 0; i < N; i++) d[i] = T(0.0); }
    // The i-th variable.
    ZS_FN Dual(T x, int i) : v(x) { for (int j = 0; j < N; j++) d[j] = T(i == j ? 1.0 : 0.0); }

    ZS_FN friend Dual operator+(const Dual& a, const Dual& b) {
        Dual r; r.v = a.v + b.v;
        for (int i = 0; i < N; i++) r.d[i] = a.d[i] + b.d[i];
        return r;
    }
    ZS_FN friend Dual operator-(const Dual& a, const Dual& b) {
        Dual r; r.v = a.v - b.v;
        for (int i = 0; i < N; i++) r.d[i] = a.d[i] - b.d[i];
        return r;
    }
    ZS_FN friend Dual operator-(const Dual& a) {
        Dual r; r.v = -a.v;
        for (int i = 0; i < N; i++) r.d[i] = -a.d[i];
        return r;
    }
    ZS_FN friend Dual operator*(const Dual& a, const Dual& b) {
        Dual r; r.v = a.v * b.v;
        for (int i = 0; i < N; i++) r.d[i] = a.d[i] * b.v + a.v * b.d[i];
        return r;
    }
    ZS_FN friend Dual operator/(const Dual& a, const Dual& b) {
        Dual r; r.v = a.v / b.v;
        for (int i = 0; i < N; i++) r.d[i] = (a.d[i] - r.v * b.d[i]) / b.v;
        return r;
    }
    ZS_FN friend Dual operator+(const Dual& a, double b) { Dual r = a; r.v = r.v + b; return r; }
    ZS_FN friend Dual operator+(double a, const Dual& b) { return b + a; }
    ZS_FN friend Dual operator-(const Dual& a, double b) { Dual r = a; r.v = r.v - b; return r; }
    ZS_FN friend Dual operator-(double a, const Dual& b) { return -b + a; }
    ZS_FN friend Dual operator*(const Dual& a, double b) {
        Dual r; r.v = a.v * b;
        for (int i = 0; i < N; i++) r.d[i] = a.d[i] * b;
        return r;
    }
    ZS_FN friend Dual operator*(double a, const Dual& b) { return b * a; }
    ZS_FN friend Dual operator/(const Dual& a, double b) {
        Dual r; r.v = a.v / b;
        for (int i = 0; i < N; i++) r.d[i] = a.d[i] / b;
        return r;
    }
    ZS_FN Dual& operator+=(const Dual& b) { return *this = *this + b; }
    ZS_FN Dual& operator-=(const Dual& b) { return *this = *this - b; }
    ZS_FN Dual& operator*=(const Dual& b) { return *this = *this * b; }
    ZS_FN Dual& operator/=(const Dual& b) { return *this = *this / b; }

    // Comparisons are of values: a branch has the derivative of the side it takes.
    ZS_FN friend bool operator<(const Dual& a, const Dual& b) { return value(a) < value(b); }
    ZS_FN friend bool operator>(const Dual& a, const Dual& b) { return value(a) > value(b); }
    ZS_FN friend bool operator<=(const Dual& a, const Dual& b) { return value(a) <= value(b); }
    ZS_FN friend bool operator>=(const Dual& a, const Dual& b) { return value(a) >= value(b); }
    ZS_FN friend bool operator==(const Dual& a, const Dual& b) { return value(a) == value(b); }
    ZS_FN friend bool operator!=(const Dual& a, const Dual& b) { return value(a) != value(b); }
};

template <typename T, int N> ZS_FN double value(const Dual<T, N>& x) { return value(x.v); }

// f(x) given f and f' at x.v, themselves of type T so that nesting gives higher derivatives.
template <typename T, int N> ZS_FN Dual<T, N> chain(const Dual<T, N>& x, const T& f, const T& df) {
    Dual<T, N> r;
    r.v = f;
    for (int i = 0; i < N; i++) r.d[i] = df * x.d[i];
    return r;
}
// f(x, y) given f and both partial derivatives at (x.v, y.v).
template <typename T, int N>
ZS_FN Dual<T, N> chain(const Dual<T, N>& x, const Dual<T, N>& y, const T& f, const T& fx, const T& fy) {
    Dual<T, N> r;
    r.v = f;
    for (int i = 0; i < N; i++) r.d[i] = fx * x.d[i] + fy * y.d[i];
    return r;
}

// ---- elementary functions. For double, the standard ones; for Dual, by the chain rule.

using std::exp; using std::expm1; using std::log; using std::log1p; using std::sqrt;
using std::sin; using std::cos; using std::tan; using std::atan; using std::sinh; using std::cosh;
using std::tanh; using std::atanh; using std::erf; using std::erfc; using std::fabs; using std::floor;
using std::pow; using std::ceil;

#define ZS_UNARY template <typename T, int N> ZS_FN Dual<T, N>

ZS_UNARY exp(const Dual<T, N>& x) { T e = exp(x.v); return chain(x, e, e); }
ZS_UNARY expm1(const Dual<T, N>& x) { return chain(x, T(expm1(x.v)), T(exp(x.v))); }
ZS_UNARY log(const Dual<T, N>& x) { return chain(x, T(log(x.v)), T(1.0 / x.v)); }
ZS_UNARY log1p(const Dual<T, N>& x) { return chain(x, T(log1p(x.v)), T(1.0 / (1.0 + x.v))); }
ZS_UNARY sqrt(const Dual<T, N>& x) { T s = sqrt(x.v); return chain(x, s, T(0.5 / s)); }
ZS_UNARY sin(const Dual<T, N>& x) { return chain(x, T(sin(x.v)), T(cos(x.v))); }
ZS_UNARY cos(const Dual<T, N>& x) { return chain(x, T(cos(x.v)), T(-sin(x.v))); }
ZS_UNARY tan(const Dual<T, N>& x) { T t = tan(x.v); return chain(x, t, T(1.0 + t * t)); }
ZS_UNARY atan(const Dual<T, N>& x) { return chain(x, T(atan(x.v)), T(1.0 / (1.0 + x.v * x.v))); }
ZS_UNARY sinh(const Dual<T, N>& x) { return chain(x, T(sinh(x.v)), T(cosh(x.v))); }
ZS_UNARY cosh(const Dual<T, N>& x) { return chain(x, T(cosh(x.v)), T(sinh(x.v))); }
ZS_UNARY tanh(const Dual<T, N>& x) { T t = tanh(x.v); return chain(x, t, T(1.0 - t * t)); }
ZS_UNARY atanh(const Dual<T, N>& x) { return chain(x, T(atanh(x.v)), T(1.0 / (1.0 - x.v * x.v))); }
ZS_UNARY erf(const Dual<T, N>& x) { return chain(x, T(erf(x.v)), T(2.0 / SQRT_PI * exp(-x.v * x.v))); }
ZS_UNARY erfc(const Dual<T, N>& x) { return chain(x, T(erfc(x.v)), T(-2.0 / SQRT_PI * exp(-x.v * x.v))); }
ZS_UNARY fabs(const Dual<T, N>& x) { return value(x) < 0.0 ? -x : x; }
// Piecewise constant: no derivative.
ZS_UNARY floor(const Dual<T, N>& x) { return Dual<T, N>(floor(value(x))); }
ZS_UNARY ceil(const Dual<T, N>& x) { return Dual<T, N>(ceil(value(x))); }
// x^p for x > 0.
template <typename T, int N> ZS_FN Dual<T, N> pow(const Dual<T, N>& x, const Dual<T, N>& p) { return exp(p * log(x)); }
template <typename T, int N> ZS_FN Dual<T, N> pow(const Dual<T, N>& x, double p) {
    return chain(x, T(pow(x.v, p)), T(p * pow(x.v, p - 1.0)));
}

// ---- stable compositions

// log(1 + e^x)
template <typename T> ZS_FN T softplus(const T& x) { return value(x) > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x)); }
// log(e^x / (1 + e^x))
template <typename T> ZS_FN T log_sigmoid(const T& x) { return -softplus(T(-x)); }
template <typename T> ZS_FN T sigmoid(const T& x) {
    if (value(x) > 0.0) return 1.0 / (1.0 + exp(-x));
    T e = exp(x);
    return e / (1.0 + e);
}
// x log y with 0 log 0 = 0; -INF where x > 0 and y = 0.
template <typename T> ZS_FN T xlogy(const T& x, const T& y) {
    if (value(x) == 0.0) return value(y) > 0.0 ? x * log(y) : T(0.0);
    return value(y) > 0.0 ? x * log(y) : T(value(x) > 0.0 ? -INF : INF);
}
// x log(1 + y) with 0 log 0 = 0; -INF where x > 0 and y = -1.
template <typename T> ZS_FN T xlog1py(const T& x, const T& y) {
    if (value(x) == 0.0) return value(y) > -1.0 ? x * log1p(y) : T(0.0);
    return value(y) > -1.0 ? x * log1p(y) : T(value(x) > 0.0 ? -INF : INF);
}
ZS_FN bool is_whole(double x) { return floor(x) == x && !is_inf(x); }
template <typename T, int N> ZS_FN bool is_whole(const Dual<T, N>& x) { return is_whole(value(x)); }

}  // namespace zs
