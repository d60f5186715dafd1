// Products whose left factor has many zeros, as one-hot columns, images and the outputs of ReLU have. The zeros are skipped;
// sums of finite numbers are the same to the bit.
#pragma once

#include "layers/product.hpp"

namespace plaingrad {

// A bit for each of 64 numbers.
typedef Word Mask64;
constexpr int mask_bits = 64;

// Bit i is set where lane i of the mask is true.
template <class T> INLINE Mask64 BitsFromMask(Vec<Int<T>> mask) {
#if defined(__AVX512DQ__)
    if constexpr (sizeof(T) == 4) return __builtin_ia32_cvtd2mask512(mask);
    else return __builtin_ia32_cvtq2mask512(reinterpret_cast<long long __attribute__((vector_size(64)))>(mask));
#elif defined(__AVX__) && !defined(__AVX512F__)
    if constexpr (sizeof(T) == 4) return __builtin_ia32_movmskps256(reinterpret_cast<Vec<T>>(mask));
    else return __builtin_ia32_movmskpd256(reinterpret_cast<Vec<T>>(mask));
#else
    Mask64 bits = 0;
    for (int i = 0; i < Lanes<T>; ++i) bits |= Mask64(mask[i] & 1) << i;
    return bits;
#endif
}

// The nonzeros among M rows of K numbers: a mask for each 64 of a row.
template <int M, int K> struct NonzeroMasks {
    static constexpr int rows = M, blocks = (K + mask_bits - 1) / mask_bits;

    Buffer<Mask64, blocks * M> masks;
    Whole count;

    INLINE Mask64& mask(int block, int row) { return masks.at[block * M + row]; }
    INLINE Mask64 mask(int block, int row) const { return masks.at[block * M + row]; }

    // True if skipping pays: a single step waits for its loads, which a block of the dense product shares among rows; the wider
    // a panel, the more sums each load serves.
    template <int C> INLINE bool is_sparse() const { return 100 * count < (C <= 4 ? 45 : 70) * Whole(M) * K; }

    // The rows of a matrix.
    template <class X> INLINE void of_rows(const X& x) {
        typedef typename X::Element T;
        count = 0;
        for (int i = 0; i < M; ++i)
            for (int block = 0; block < blocks; ++block) {
                const int from = block * mask_bits, to = Min(K, from + mask_bits);
                Mask64 bits = 0;
                for (int j = from; j < to; j += Lanes<T>)
                    bits |= BitsFromMask<T>(Load(x.row(i) + j) != 0) << (j - from);
                bits &= ~Mask64(0) >> (from + mask_bits - to);  // whatever the lanes beyond the last column hold
                mask(block, i) = bits;
                count += __builtin_popcountll(bits);
            }
    }
    // The columns of a matrix.
    template <class X> INLINE void of_columns(const X& x) {
        typedef typename X::Element T;
        constexpr int lane_bits = 8 * sizeof(T);
        for (int block = 0; block < blocks; ++block)
            for (int j = 0; j < M; j += Lanes<T>) {
                Mask64 columns[Lanes<T>] = {};
                for (int part = 0; part < mask_bits; part += lane_bits) {
                    const int from = block * mask_bits + part;
                    Vec<Bits<T>> below = {}, bit = below + 1;
                    for (int i = from; i < K && i < from + lane_bits; ++i, bit += bit)
                        below |= reinterpret_cast<Vec<Bits<T>>>(Load(x.row(i) + j) != 0) & bit;
                    for (int lane = 0; lane < Lanes<T>; ++lane) columns[lane] |= Mask64(below[lane]) << part;
                }
                for (int lane = 0; lane < Lanes<T> && j + lane < M; ++lane) mask(block, j + lane) = columns[lane];
            }
    }
};

// One panel, C vectors from `vector` on, row by row; 64 steps at a time, so that the rows of B that these need stay near.
// In between the sums wait in `partial`.
template <int C, Strides A, int StepB, class NonzeroMasks, class T, class Finish, class Prepare = Nothing>
INLINE void panel(const NonzeroMasks& nonzero, const T* a, const T* b, T* partial, int vector, Finish& finish,
                  Prepare prepare = {}) {
    for (int block = 0; block < NonzeroMasks::blocks; ++block) {
        const T *left = a + block * mask_bits * A.step, *right = b + block * mask_bits * StepB;
        for (int row = 0; row < NonzeroMasks::rows; ++row) {
            T* waiting = partial + row * C * Lanes<T>;
            Vec<T> sum[C];
            if (block == NonzeroMasks::blocks - 1)
#pragma GCC unroll 8
                for (int c = 0; c < C; ++c) prepare(row, vector + c);
#pragma GCC unroll 8
            for (int c = 0; c < C; ++c) sum[c] = block == 0 ? Zero<T>() : Load(waiting + c * Lanes<T>);
            for (Mask64 mask = nonzero.mask(block, row); mask; mask &= mask - 1) {
                const int k = __builtin_ctzll(mask);
                const Vec<T> factor = Set<T>(left[row * A.row + k * A.step]);
#pragma GCC unroll 8
                for (int c = 0; c < C; ++c) sum[c] = MulAdd(factor, Load(right + k * StepB + c * Lanes<T>), sum[c]);
            }
#pragma GCC unroll 8
            for (int c = 0; c < C; ++c)
                if (block == NonzeroMasks::blocks - 1) finish(row, vector + c, sum[c]);
                else Store(sum[c], waiting + c * Lanes<T>);
        }
    }
}

// A times B, B in panels, where A is not 0.
template <Strides A, class B, class NonzeroMasks, class T, class Finish>
INLINE void product(const NonzeroMasks& nonzero, const T* a, const T* b, T* partial, Finish finish) {
    each_panel<B>([&](auto width, int vector) {
        constexpr int C = decltype(width)::value;
        panel<C, A, C * Lanes<T>>(nonzero, a, b + B::start(vector), partial, vector, finish);
    });
}

// X^T Y, whose rows are those of the batch, where X is not 0.
template <class Result, class NonzeroMasks, class X, class Y, class T, class Finish, class Prepare>
INLINE void product_over_rows(const NonzeroMasks& nonzero, const X& x, const Y& y, T* partial, Finish finish,
                              Prepare prepare) {
    each_panel<Result>([&](auto width, int vector) {
        constexpr int C = decltype(width)::value;
        panel<C, Strides{.row = 1, .step = X::stride}, Y::stride>(nonzero, x.row(0), y.row(0) + vector * Lanes<T>,
                                                                  partial, vector, finish, prepare);
    });
}

}  // namespace plaingrad
