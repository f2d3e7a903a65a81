// Products of a batch of pairs of small matrices, one of a pair transposed if wanted.
//
// Jittor multiplies such batches by a plain loop in one thread, at about 10 GFLOP/s. Here the second
// matrix is copied into panels of `width` columns, padded with zeros, and a tile of `height` rows by
// one panel is summed in registers; threads share the batch. About 25 GFLOP/s a core.
#pragma once
#include <algorithm>
#include <cstring>
#include <vector>
#ifdef _OPENMP
#include <omp.h>
#endif

namespace zs {
namespace products {

constexpr long long height = 4;          // rows of a tile
constexpr long long per_thread = 4 << 20; // multiplications; below this a thread costs more

enum Mode { plain = 0, second_transposed = 1, first_transposed = 2 };

struct Shape {
    long long batch_a, batch_b, batch, rows, terms, columns;
    Mode mode;
};

// What a register of AVX holds; g++ makes two of SSE or one of NEON of it where there is no AVX.
template <typename T>
struct Lanes {
    typedef T type __attribute__((vector_size(32)));
};

// Sums in registers, for which g++ needs their number and the vectors spelt out.
template <int R, int W, typename T>
inline void tile(const T* a, long long next_row, long long next_term, const T* panel,
                 long long terms, T* out, long long stride, long long n_columns) {
    typedef typename Lanes<T>::type V;
    constexpr int n_lanes = sizeof(V) / sizeof(T);
    V low[R] = {}, high[R] = {};
    for (long long k = 0; k < terms; k++) {
        V b0, b1;
        memcpy(&b0, panel + k * W, sizeof(V));
        memcpy(&b1, panel + k * W + n_lanes, sizeof(V));
        for (int r = 0; r < R; r++) {
            T factor = a[r * next_row + k * next_term];
            low[r] += factor * b0;
            high[r] += factor * b1;
        }
    }
    for (int r = 0; r < R; r++) {
        T sums[W];
        memcpy(sums, &low[r], sizeof(V));
        memcpy(sums + n_lanes, &high[r], sizeof(V));
        memcpy(out + r * stride, sums, n_columns * sizeof(T));
    }
}

template <typename T>
void one(const T* a, const T* b, T* out, const Shape& s, T* panel) {
    constexpr int W = 64 / sizeof(T);
    long long next_row = s.mode == first_transposed ? 1 : s.terms;
    long long next_term = s.mode == first_transposed ? s.rows : 1;
    for (long long j = 0; j < s.columns; j += W) {
        long long n = std::min<long long>(W, s.columns - j);
        for (long long k = 0; k < s.terms; k++)
            for (long long c = 0; c < W; c++) {
                bool inside = c < n;
                if (s.mode == second_transposed)
                    panel[k * W + c] = inside ? b[(j + c) * s.terms + k] : T(0);
                else
                    panel[k * W + c] = inside ? b[k * s.columns + j + c] : T(0);
            }
        long long i = 0;
        for (; i + height <= s.rows; i += height)
            tile<height, W>(a + i * next_row, next_row, next_term, panel, s.terms,
                            out + i * s.columns + j, s.columns, n);
        for (; i < s.rows; i++)
            tile<1, W>(a + i * next_row, next_row, next_term, panel, s.terms,
                       out + i * s.columns + j, s.columns, n);
    }
}

template <typename T>
void batch(const T* a, const T* b, T* out, const Shape& s) {
    constexpr int W = 64 / sizeof(T);
    long long of_a = s.batch_a == 1 ? 0 : s.rows * s.terms;
    long long of_b = s.batch_b == 1 ? 0 : s.terms * s.columns;
    long long of_out = s.rows * s.columns, all = s.batch * of_out * s.terms;
    int n_threads = 1;
#ifdef _OPENMP
    n_threads = (int)std::max<long long>(1, std::min<long long>(omp_get_max_threads(), all / per_thread));
#endif
    #pragma omp parallel num_threads(n_threads) if (n_threads > 1)
    {
        std::vector<T> panel(s.terms * W);
        #pragma omp for schedule(dynamic, 8)
        for (long long i = 0; i < s.batch; i++)
            one(a + i * of_a, b + i * of_b, out + i * of_out, s, panel.data());
    }
}

}  // namespace products
}  // namespace zs
