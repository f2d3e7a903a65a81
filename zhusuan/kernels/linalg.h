// Dense linear algebra on batches of row-major matrices, in double precision.
//
// The bodies of the loops are shared by CPU and CUDA. On the CPU a task is a batch member or a
// panel of it, and OpenMP takes the tasks when there is enough work; on CUDA a task is a thread
// with a panel of one element. An operand whose batch has one member is used for all the others'.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>

#ifdef __CUDACC__
#define ZS_FN __host__ __device__ inline
#else
#define ZS_FN inline
#endif

namespace zs {
namespace linalg {
namespace {  // CPU and CUDA kernels are loaded into one process and have functions of these names

typedef long long Index;

// Fewer multiplications than this take less time than waking a second thread.
constexpr double PARALLEL_WORK = 1e5;
// Columns of a panel: 300 rows of it stay in the second-level cache.
constexpr Index PANEL = 64;
// Rows of a product that make a task.
constexpr Index ROWS = 32;

// Positive and finite. Looks at the bits, since -ffinite-math-only takes d > 0 for the opposite
// of d <= 0, and NaN is neither.
ZS_FN bool is_positive(double d) {
    union { double d; long long i; } bits;
    bits.d = d;
    return bits.i > 0 && bits.i < 0x7ff0000000000000LL;
}

ZS_FN double dot(const double* a, const double* b, Index n) {
    double sum = 0.0;
    for (Index i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

// The products of a with four rows of b at once: their sums do not wait for each other, and a is
// loaded once.
ZS_FN void dot4(const double* a, const double* b, Index stride, Index n, double* sums) {
    double s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0;
    const double *b1 = b + stride, *b2 = b1 + stride, *b3 = b2 + stride;
    for (Index i = 0; i < n; i++) {
        s0 += a[i] * b[i];
        s1 += a[i] * b1[i];
        s2 += a[i] * b2[i];
        s3 += a[i] * b3[i];
    }
    sums[0] = s0; sums[1] = s1; sums[2] = s2; sums[3] = s3;
}

// ---- Cholesky: l l^T = a, one row after the other (Golub & Van Loan 2013, section 4.2)

// Entry (i, j) of l, given the sum over l[i,k] l[j,k] for k < done.
ZS_FN double cholesky_entry(
        const double* a, const double* l, Index n, Index i, Index j, Index done, double sum) {
    const double *li = l + i * n, *lj = l + j * n;
    for (Index k = done; k < j; k++) sum += li[k] * lj[k];
    return (a[i * n + j] - sum) / lj[j];
}

ZS_FN void cholesky(const double* a, double* l, Index n) {
    for (Index i = 0; i < n; i++) {
        double* li = l + i * n;
        Index j = 0;
        for (; j + 4 <= i; j += 4) {
            double sums[4];
            dot4(li, l + j * n, n, j, sums);
            for (Index m = 0; m < 4; m++)
                li[j + m] = cholesky_entry(a, l, n, i, j + m, j, sums[m]);
        }
        for (; j < i; j++) li[j] = cholesky_entry(a, l, n, i, j, 0, 0.0);
        double pivot = a[i * n + i] - dot(li, li, i);
        if (!is_positive(pivot)) {
            for (Index r = 0; r < n; r++)
                for (Index c = 0; c < n; c++) l[r * n + c] = c <= r ? NAN : 0.0;
            return;
        }
        li[i] = ::sqrt(pivot);
        for (Index c = i + 1; c < n; c++) li[c] = 0.0;
    }
}

// ---- columns [begin, end) of x, which hold the right-hand sides and become the solution

// y[c] -= sum of factors[j * stride] * x[j * k + c] over j < count. Four at once: y is loaded
// and stored a quarter as often.
ZS_FN void subtract_rows(double* y, const double* x, Index k, const double* factors, Index stride,
                         Index count, Index begin, Index end) {
    Index j = 0;
    for (; j + 4 <= count; j += 4) {
        const double f0 = factors[j * stride], f1 = factors[(j + 1) * stride];
        const double f2 = factors[(j + 2) * stride], f3 = factors[(j + 3) * stride];
        const double *x0 = x + j * k, *x1 = x0 + k, *x2 = x1 + k, *x3 = x2 + k;
        for (Index c = begin; c < end; c++)
            y[c] -= f0 * x0[c] + f1 * x1[c] + f2 * x2[c] + f3 * x3[c];
    }
    for (; j < count; j++) {
        const double f = factors[j * stride];
        for (Index c = begin; c < end; c++) y[c] -= f * x[j * k + c];
    }
}

ZS_FN void solve(const double* l, double* x, Index n, Index k, Index begin, Index end) {
    for (Index i = 0; i < n; i++) {
        const double* li = l + i * n;
        double* xi = x + i * k;
        if (k == 1) xi[0] -= dot(li, x, i);
        else subtract_rows(xi, x, k, li, 1, i, begin, end);
        for (Index c = begin; c < end; c++) xi[c] /= li[i];
    }
}

ZS_FN void solve_transposed(const double* l, double* x, Index n, Index k, Index begin, Index end) {
    for (Index i = n - 1; i >= 0; i--) {
        double* xi = x + i * k;
        if (k == 1) {  // by rows of l, since its columns are not contiguous
            xi[0] /= l[i * n + i];
            for (Index j = 0; j < i; j++) x[j] -= l[i * n + j] * xi[0];
            continue;
        }
        if (i + 1 < n)
            subtract_rows(xi, xi + k, k, l + (i + 1) * n + i, n, n - i - 1, begin, end);
        for (Index c = begin; c < end; c++) xi[c] /= l[i * n + i];
    }
}

// Copies the right-hand sides and solves.
ZS_FN void solve_panel(const double* l, const double* b, double* x, Index n, Index k,
                       Index begin, Index end, bool transposed) {
    for (Index i = 0; i < n; i++)
        for (Index c = begin; c < end; c++) x[i * k + c] = b[i * k + c];
    if (transposed) solve_transposed(l, x, n, k, begin, end);
    else solve(l, x, n, k, begin, end);
}

// ---- products: c[n, m] += a b, a b^T or a^T b, with p terms in each sum

enum Mode { PLAIN = 0, SECOND_TRANSPOSED = 1, FIRST_TRANSPOSED = 2 };

struct ProductShape {
    Index batch_a, batch_b, batch_c, n, p, m;
    Mode mode;
    ZS_FN Index batch() const {
        return batch_a != 1 ? batch_a : batch_b != 1 ? batch_b : batch_c;  // may be 0
    }
};

// Rows [row, row_end) and columns [col, col_end) of c for one pair of matrices.
ZS_FN void add_product(const double* a, const double* b, double* c, const ProductShape& s,
                       Index row, Index row_end, Index col, Index col_end) {
    const Index n = s.n, p = s.p, m = s.m;
    const bool rows_of_b = s.mode == SECOND_TRANSPOSED || (s.mode == PLAIN && m == 1);
    for (Index i = row; i < row_end; i++) {
        double* ci = c + i * m;
        if (rows_of_b && p > 1) {
            Index j = col;
            for (; j + 4 <= col_end; j += 4) {
                double sums[4];
                dot4(a + i * p, b + j * p, p, p, sums);
                for (Index t = 0; t < 4; t++) ci[j + t] += sums[t];
            }
            for (; j < col_end; j++) ci[j] += dot(a + i * p, b + j * p, p);
            continue;
        }
        // With p = 1 the rows of b are its entries, so it does not matter which way it lies.
        const double* ai = s.mode == FIRST_TRANSPOSED ? a + i : a + i * p;
        const Index stride = s.mode == FIRST_TRANSPOSED ? n : 1;
        Index k = 0;
        for (; k + 4 <= p; k += 4) {
            const double f0 = ai[k * stride], f1 = ai[(k + 1) * stride];
            const double f2 = ai[(k + 2) * stride], f3 = ai[(k + 3) * stride];
            const double *b0 = b + k * m, *b1 = b0 + m, *b2 = b1 + m, *b3 = b2 + m;
            for (Index j = col; j < col_end; j++)
                ci[j] += f0 * b0[j] + f1 * b1[j] + f2 * b2[j] + f3 * b3[j];
        }
        for (; k < p; k++) {
            const double f = ai[k * stride];
            for (Index j = col; j < col_end; j++) ci[j] += f * b[k * m + j];
        }
    }
}

// The same for batch member o of the output. If it is the only one while the operands have more,
// it is the sum of their products.
ZS_FN void product_panel(const double* a, const double* b, double* c, const ProductShape& s,
                         Index o, Index row, Index row_end, Index col, Index col_end) {
    c += o * s.n * s.m;
    for (Index i = row; i < row_end; i++)
        for (Index j = col; j < col_end; j++) c[i * s.m + j] = 0.0;
    const bool sums = s.batch_c == 1;
    for (Index t = sums ? 0 : o; t < (sums ? s.batch() : o + 1); t++)
        add_product(a + (s.batch_a == 1 ? 0 : t * s.n * s.p),
                    b + (s.batch_b == 1 ? 0 : t * s.p * s.m), c, s, row, row_end, col, col_end);
}

// ---- diagonals; T is the dtype of the Vars, nothing is summed here

// out[i] = a[i, i]
template <typename T> ZS_FN void read_diagonal(const T* a, T* out, Index n, Index i) {
    out[i] = a[i * n + i];
}

// Row i of a matrix with v on its diagonal and 0 elsewhere.
template <typename T> ZS_FN void write_diagonal(const T* v, T* out, Index n, Index i) {
    for (Index j = 0; j < n; j++) out[i * n + j] = i == j ? v[i] : T(0);
}

// Row i of a[n, m] with zeros above the k-th diagonal. NaNs there vanish as well.
template <typename T> ZS_FN void lower_row(const T* a, T* out, Index m, Index i, Index k) {
    for (Index j = 0; j < m; j++) out[i * m + j] = j - i <= k ? a[i * m + j] : T(0);
}

#ifndef __CUDACC__
// ---- whole batches on the CPU

inline void cholesky_batch(const double* a, double* l, Index batch, Index n) {
    #pragma omp parallel for schedule(dynamic) if (batch > 1 && batch * (n * n * n / 6.0) > PARALLEL_WORK)
    for (Index s = 0; s < batch; s++) cholesky(a + s * n * n, l + s * n * n, n);
}

inline void solve_batch(const double* l, Index batch_l, const double* b, Index batch_b, double* x,
                        Index batch, Index n, Index k, bool transposed) {
    const Index panels = (k + PANEL - 1) / PANEL, tasks = batch * panels;
    const double work = batch * (0.5 * n * n * k);
    #pragma omp parallel for schedule(static) if (tasks > 1 && work > PARALLEL_WORK)
    for (Index t = 0; t < tasks; t++) {
        const Index s = t / panels, begin = t % panels * PANEL;
        solve_panel(l + (batch_l == 1 ? 0 : s * n * n), b + (batch_b == 1 ? 0 : s * n * k),
                    x + s * n * k, n, k, begin, std::min(begin + PANEL, k), transposed);
    }
}

inline void run_product(const double* a, const double* b, double* c, const ProductShape& s) {
    const Index panels = (s.n + ROWS - 1) / ROWS, tasks = s.batch_c * panels;
    const double work = double(s.batch()) * s.n * s.p * s.m;
    #pragma omp parallel for schedule(static) if (tasks > 1 && work > PARALLEL_WORK)
    for (Index t = 0; t < tasks; t++) {
        const Index row = t % panels * ROWS;
        product_panel(a, b, c, s, t / panels, row, std::min(row + ROWS, s.n), 0, s.m);
    }
}
#else
// ---- whole batches on CUDA: one thread for each member, right-hand side or entry

constexpr int THREADS = 128;
inline int blocks(Index tasks) { return int((tasks + THREADS - 1) / THREADS); }
__device__ inline Index thread_index() { return Index(blockIdx.x) * blockDim.x + threadIdx.x; }

__global__ void cholesky_kernel(const double* a, double* l, Index batch, Index n) {
    const Index s = thread_index();
    if (s < batch) cholesky(a + s * n * n, l + s * n * n, n);
}

__global__ void solve_kernel(const double* l, Index batch_l, const double* b, Index batch_b,
                             double* x, Index batch, Index n, Index k, bool transposed) {
    const Index t = thread_index(), s = t / k, c = t % k;
    if (s < batch)
        solve_panel(l + (batch_l == 1 ? 0 : s * n * n), b + (batch_b == 1 ? 0 : s * n * k),
                    x + s * n * k, n, k, c, c + 1, transposed);
}

__global__ void product_kernel(const double* a, const double* b, double* c, ProductShape s) {
    const Index t = thread_index(), o = t / (s.n * s.m), i = t / s.m % s.n, j = t % s.m;
    if (o < s.batch_c) product_panel(a, b, c, s, o, i, i + 1, j, j + 1);
}

template <typename T>
__global__ void read_diagonal_kernel(const T* a, T* out, Index batch, Index n) {
    const Index t = thread_index(), s = t / n;
    if (s < batch) read_diagonal(a + s * n * n, out + s * n, n, t % n);
}

template <typename T>
__global__ void write_diagonal_kernel(const T* v, T* out, Index batch, Index n) {
    const Index t = thread_index(), s = t / n;
    if (s < batch) write_diagonal(v + s * n, out + s * n * n, n, t % n);
}

template <typename T>
__global__ void lower_kernel(const T* a, T* out, Index batch, Index n, Index m, Index k) {
    const Index t = thread_index(), s = t / n;
    if (s < batch) lower_row(a + s * n * m, out + s * n * m, m, t % n, k);
}

inline void cholesky_batch(const double* a, double* l, Index batch, Index n) {
    cholesky_kernel<<<blocks(batch), THREADS>>>(a, l, batch, n);
}

inline void solve_batch(const double* l, Index batch_l, const double* b, Index batch_b, double* x,
                        Index batch, Index n, Index k, bool transposed) {
    solve_kernel<<<blocks(batch * k), THREADS>>>(l, batch_l, b, batch_b, x, batch, n, k, transposed);
}

inline void run_product(const double* a, const double* b, double* c, const ProductShape& s) {
    product_kernel<<<blocks(s.batch_c * s.n * s.m), THREADS>>>(a, b, c, s);
}
#endif

inline void product_batch(const double* a, const double* b, double* c, const ProductShape& s) {
    if (s.mode != FIRST_TRANSPOSED || s.m > 1) return run_product(a, b, c, s);
    // a^T b = (b^T a)^T reads the rows of a instead of its columns.
    run_product(b, a, c, ProductShape{s.batch_b, s.batch_a, s.batch_c, 1, s.p, s.n, PLAIN});
}

template <typename T> void read_diagonal_batch(const T* a, T* out, Index batch, Index n) {
#ifdef __CUDACC__
    read_diagonal_kernel<<<blocks(batch * n), THREADS>>>(a, out, batch, n);
#else
    for (Index s = 0; s < batch; s++)
        for (Index i = 0; i < n; i++) read_diagonal(a + s * n * n, out + s * n, n, i);
#endif
}

template <typename T> void write_diagonal_batch(const T* v, T* out, Index batch, Index n) {
#ifdef __CUDACC__
    write_diagonal_kernel<<<blocks(batch * n), THREADS>>>(v, out, batch, n);
#else
    for (Index s = 0; s < batch; s++)
        for (Index i = 0; i < n; i++) write_diagonal(v + s * n, out + s * n * n, n, i);
#endif
}

template <typename T> void lower_batch(const T* a, T* out, Index batch, Index n, Index m, Index k) {
#ifdef __CUDACC__
    lower_kernel<<<blocks(batch * n), THREADS>>>(a, out, batch, n, m, k);
#else
    for (Index s = 0; s < batch; s++)
        for (Index i = 0; i < n; i++) lower_row(a + s * n * m, out + s * n * m, m, i, k);
#endif
}

}  // namespace
}  // namespace linalg
}  // namespace zs
