// Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy as 1, 2,
// 3", sec. 3.3 and table 2): the i-th block of four 32-bit numbers is a function of i and the
// key, so that any thread can make any part of a stream.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>

namespace zs {

// As many counters as are worked on at a time: a multiple of all vector widths.
constexpr int PHILOX_LANES = 64;

struct PhiloxBlocks {
    uint32_t word[4][PHILOX_LANES];
};

inline void philox(uint64_t first, const uint32_t* key, PhiloxBlocks& out) {
    uint32_t* __restrict__ a = out.word[0];
    uint32_t* __restrict__ b = out.word[1];
    uint32_t* __restrict__ c = out.word[2];
    uint32_t* __restrict__ d = out.word[3];
    for (int i = 0; i < PHILOX_LANES; i++) {
        uint64_t counter = first + i;
        a[i] = (uint32_t)counter;
        b[i] = (uint32_t)(counter >> 32);
        c[i] = key[2];
        d[i] = key[3];
    }
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < PHILOX_LANES; i++) {
            uint64_t p = (uint64_t)0xD2511F53u * a[i], q = (uint64_t)0xCD9E8D57u * c[i];
            uint32_t x = (uint32_t)(q >> 32) ^ b[i] ^ k0, y = (uint32_t)(p >> 32) ^ d[i] ^ k1;
            b[i] = (uint32_t)q;
            d[i] = (uint32_t)p;
            a[i] = x;
            c[i] = y;
        }
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
}

// Two normals out of each pair of words (Box and Muller 1958). The radius comes from 32 bits, so
// that values up to 6.8 occur; the angle from 32 bits as well.
inline void box_muller(const uint32_t* radius, const uint32_t* angle, float* __restrict__ out) {
    float r[PHILOX_LANES], t[PHILOX_LANES];
    for (int i = 0; i < PHILOX_LANES; i++) {
        // In (0, 1], by halves: near 0, where the tails are, no bit is lost. Through int32, since
        // vector units have no conversion from unsigned numbers.
        float high = (float)(int32_t)(radius[i] >> 16), low = (float)(int32_t)(radius[i] & 0xffff);
        float u = (high + (low + 0.5f) * 1.52587890625e-5f) * 1.52587890625e-5f;
        r[i] = std::sqrt(-2.0f * std::log(u));
        t[i] = (float)(int32_t)angle[i] * 1.4629180792671596e-9f;  // [-pi, pi)
    }
    // Apart: in one loop g++ would make one call of sincos of them, which has no vector version.
    for (int i = 0; i < PHILOX_LANES; i++) out[i] = r[i] * std::cos(t[i]);
    for (int i = 0; i < PHILOX_LANES; i++) out[PHILOX_LANES + i] = r[i] * std::sin(t[i]);
}

// Fills out[0, n) by calling make(words, part), which writes 4 * PHILOX_LANES numbers.
template <typename Make> void philox_fill(int64_t n, const uint32_t* key, float* out, Make make) {
    constexpr int64_t PART = 4 * PHILOX_LANES;
    // Waiting for a thread that has no core costs milliseconds, 1e6 normals take 1.2.
    #pragma omp parallel for schedule(dynamic, 32) if (n >= 1000000)
    for (int64_t start = 0; start < n; start += PART) {
        PhiloxBlocks blocks;
        philox(start / 4, key, blocks);
        if (start + PART <= n) {
            make(blocks, out + start);
        } else {
            float part[PART];
            make(blocks, part);
            std::copy(part, part + (n - start), out + start);
        }
    }
}

inline void philox_normal(int64_t n, const uint32_t* key, float* out) {
    philox_fill(n, key, out, [](PhiloxBlocks& blocks, float* part) {
        box_muller(blocks.word[0], blocks.word[1], part);
        box_muller(blocks.word[2], blocks.word[3], part + 2 * PHILOX_LANES);
    });
}

// In [0, 1), multiples of 2^-24.
inline void philox_uniform(int64_t n, const uint32_t* key, float* out) {
    philox_fill(n, key, out, [](PhiloxBlocks& blocks, float* __restrict__ part) {
        for (int word = 0; word < 4; word++)
            for (int i = 0; i < PHILOX_LANES; i++)
                part[word * PHILOX_LANES + i] =
                    (float)(int32_t)(blocks.word[word][i] >> 8) * 5.9604645e-8f;
    });
}

}  // namespace zs
