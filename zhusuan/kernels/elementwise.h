// Runs a body for every element of an array: threads on the CPU, one CUDA thread each on a GPU.
#pragma once
#include <cstdint>
# include "dual.h"  // the space hides it from Jittor, which searches its own folders only

namespace zs {

#ifdef __CUDACC__
template <typename Body> __global__ void run_body(int64_t n, Body body) {
    int64_t i = blockIdx.x * (int64_t)blockDim.x + threadIdx.x;
    if (i < n) body(i);
}
template <typename Body> void for_each(int64_t n, const Body& body) {
    if (n > 0) run_body<<<(n + 255) / 256, 256>>>(n, body);
}
#else
template <typename Body> void for_each(int64_t n, const Body& body) {
    // An element takes some 50 ns. Threads pay off from 0.1 ms on where cores are free; where they
    // are not, waiting for a thread that does not run costs milliseconds, so not below 1.5 ms.
    #pragma omp parallel for schedule(static) if (n >= 32768)
    for (int64_t i = 0; i < n; i++) body(i);
}
#endif

}  // namespace zs
