// Products whose left factor is 0 in many places, as one-hot columns are, images, and what comes out of ReLU. What is 0 is
// left out; sums of finite numbers are the same to the bit.
#pragma once

#include "layers/product.hpp"

namespace plaingrad {

// A bit for each of 64 numbers.
typedef unsigned long Mask;
constexpr int mask_bits = 64;

// The bits of the lanes in which a condition holds.
template <class T> INLINE Mask bits_of(Vec<Int<T>> condition) {
#if defined(__AVX512DQ__)
    if constexpr (sizeof(T) == 4) return __builtin_ia32_cvtd2mask512(condition);
    else return __builtin_ia32_cvtq2mask512(reinterpret_cast<long long __attribute__((vector_size(64)))>(condition));
#elif defined(__AVX__) && !defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) return __builtin_ia32_movmskps256(reinterpret_cast<Vec<T>>(condition));
    else return __builtin_ia32_movmskpd256(reinterpret_cast<Vec<T>>(condition));
#else
    Mask found = 0;
    for (int i = 0; i < lanes<T>; ++i) found |= Mask(condition[i] & 1) << i;
    return found;
#endif
}

// Where M rows of K numbers are not 0: a mask for each 64 of a row.
template <int M, int K> struct Places {
    static constexpr int rows = M, blocks = (K + mask_bits - 1) / mask_bits;

    Buffer<Mask, blocks * M> masks;
    long count;

    INLINE Mask& mask(int block, int row) { return masks.at[block * M + row]; }
    INLINE Mask mask(int block, int row) const { return masks.at[block * M + row]; }

    // A step by itself waits for its loads, where a block of a dense product shares them among rows: the wider a panel is, the
    // more sums it adds to for each number that it looks up.
    template <int C> INLINE bool few() const { return 100 * count < (C <= 4 ? 45 : 70) * long(M) * K; }

    // The rows of a matrix.
    template <class X> INLINE void of_rows(const X& x) {
        typedef typename X::Element T;
        count = 0;
        for (int i = 0; i < M; ++i)
            for (int block = 0; block < blocks; ++block) {
                const int from = block * mask_bits, to = smaller(K, from + mask_bits);
                Mask found = 0;
                for (int j = from; j < to; j += lanes<T>) found |= bits_of<T>(load(x.row(i) + j) != 0) << (j - from);
                found &= ~Mask(0) >> (from + mask_bits - to);  // whatever the lanes beyond the last column hold
                mask(block, i) = found;
                count += __builtin_popcountl(found);
            }
    }
    // The columns of a matrix.
    template <class X> INLINE void of_columns(const X& x) {
        typedef typename X::Element T;
        constexpr int bits = 8 * sizeof(T);  // in a lane
        for (int block = 0; block < blocks; ++block)
            for (int j = 0; j < M; j += lanes<T>) {
                Mask found[lanes<T>] = {};
                for (int part = 0; part < mask_bits; part += bits) {
                    const int from = block * mask_bits + part;
                    Vec<Bits<T>> below = {}, bit = below + 1;
                    for (int i = from; i < K && i < from + bits; ++i, bit += bit)
                        below |= reinterpret_cast<Vec<Bits<T>>>(load(x.row(i) + j) != 0) & bit;
                    for (int lane = 0; lane < lanes<T>; ++lane) found[lane] |= Mask(below[lane]) << part;
                }
                for (int lane = 0; lane < lanes<T> && j + lane < M; ++lane) mask(block, j + lane) = found[lane];
            }
    }
};

// One panel, C vectors from `vector` on, row by row; 64 steps at a time, so that the rows of B that these need stay near.
// In between the sums wait in `partial`.
template <int C, int RowA, int StepA, int StepB, class Places, class T, class Finish, class Prepare = Nothing>
INLINE void panel(const Places& places, const T* a, const T* b, T* partial, int vector, Finish& finish, Prepare prepare = {}) {
    for (int block = 0; block < Places::blocks; ++block) {
        const T *left = a + block * mask_bits * StepA, *right = b + block * mask_bits * StepB;
        for (int row = 0; row < Places::rows; ++row) {
            T* waiting = partial + row * C * lanes<T>;
            Vec<T> sum[C];
            if (block == Places::blocks - 1)
#pragma GCC unroll 8
                for (int c = 0; c < C; ++c) prepare(row, vector + c);
#pragma GCC unroll 8
            for (int c = 0; c < C; ++c) sum[c] = block == 0 ? zero<T>() : load(waiting + c * lanes<T>);
            for (Mask mask = places.mask(block, row); mask; mask &= mask - 1) {
                const int k = __builtin_ctzl(mask);
                const Vec<T> factor = zero<T>() + left[row * RowA + k * StepA];
#pragma GCC unroll 8
                for (int c = 0; c < C; ++c) sum[c] += factor * load(right + k * StepB + c * lanes<T>);
            }
#pragma GCC unroll 8
            for (int c = 0; c < C; ++c)
                if (block == Places::blocks - 1) finish(row, vector + c, sum[c]);
                else store(waiting + c * lanes<T>, sum[c]);
        }
    }
}

// A times B, B in panels, where A is not 0.
template <int RowA, int StepA, class B, class Places, class T, class Finish>
INLINE void product(const Places& places, const T* a, const T* b, T* partial, Finish finish) {
    each_panel<B>([&](auto width, int vector) {
        constexpr int C = decltype(width)::value;
        panel<C, RowA, StepA, C * lanes<T>>(places, a, b + B::start(vector), partial, vector, finish);
    });
}

// X^T Y, whose rows are those of the batch, where X is not 0.
template <class Result, class Places, class X, class Y, class T, class Finish, class Prepare>
INLINE void product_over_rows(const Places& places, const X& x, const Y& y, T* partial, Finish finish, Prepare prepare) {
    each_panel<Result>([&](auto width, int vector) {
        constexpr int C = decltype(width)::value;
        panel<C, 1, X::stride, Y::stride>(
            places, x.row(0), y.row(0) + vector * lanes<T>, partial, vector, finish, prepare);
    });
}

}  // namespace plaingrad
