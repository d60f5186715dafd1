// The matrix product, cut into blocks whose sums stay in registers.
#pragma once

#include "matrix.hpp"

namespace plaingrad {

// A wide matrix is kept in panels: groups of columns a few vectors wide, each stored row after row, so that a
// product walks through memory in a straight line. One of few columns is a single panel, an ordinary padded matrix.
constexpr int widest_panel = registers >= 32 ? 4 : 2;  // in vectors

template <class T, int Rows, int Columns> struct Panels {
    static constexpr int rows = Rows, columns = Columns;
    static constexpr int total = vectors<T>(Columns);
    static constexpr int count = (total + widest_panel - 1) / widest_panel;
    static constexpr int wide = (total + count - 1) / count;  // vectors in each panel but the last,
    static constexpr int last = total - (count - 1) * wide;   // and in that one
    static constexpr int size = Rows * total * lanes<T>;

    // Where an element lies, and the step from a row to the next in the panel that begins with this vector.
    static constexpr int start(int vector) {
        int panel = vector / wide;
        return panel * wide * lanes<T> * Rows + (vector - panel * wide) * lanes<T>;
    }
    static constexpr int step(int vector) { return (vector / wide < count - 1 ? wide : last) * lanes<T>; }
    static constexpr int at(int row, int vector) { return start(vector) + row * step(vector); }
    static constexpr int place(int row, int column) { return at(row, column / lanes<T>) + column % lanes<T>; }
};

// sum(r, c) = sum over k of A(r, k) B(k, c), where a step along r, k in A is RowA, StepA elements and B's rows lie StepB
// apart. With few sums, several partial ones run side by side, for a single one would wait for its own last result.
template <int R, int C, int K, int RowA, int StepA, int StepB, class T>
INLINE void multiply(Vec<T> (&sum)[R][C], const T* a, const T* b) {
    constexpr int wanted = 8 / (R * C), chains = wanted < 1 ? 1 : wanted > K ? K : wanted;
    Vec<T> part[chains][R][C] = {};
    int k = 0;
    for (; k + chains <= K; k += chains)
#pragma GCC unroll 16
        for (int p = 0; p < chains; ++p)
#pragma GCC unroll 32
            for (int c = 0; c < C; ++c) {
                Vec<T> column = load(b + (k + p) * StepB + c * lanes<T>);
#pragma GCC unroll 32
                for (int r = 0; r < R; ++r) part[p][r][c] += a[r * RowA + (k + p) * StepA] * column;
            }
#pragma GCC unroll 16
    for (int p = 0; p < K % chains; ++p)
#pragma GCC unroll 32
        for (int c = 0; c < C; ++c) {
            Vec<T> column = load(b + (k + p) * StepB + c * lanes<T>);
#pragma GCC unroll 32
            for (int r = 0; r < R; ++r) part[p][r][c] += a[r * RowA + (k + p) * StepA] * column;
        }
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 32
        for (int c = 0; c < C; ++c) {
            sum[r][c] = part[0][r][c];
#pragma GCC unroll 16
            for (int p = 1; p < chains; ++p) sum[r][c] += part[p][r][c];
        }
}

// How many rows a block of C vectors takes: as many as the registers hold, or somewhat less if that divides M evenly;
// but at least 5, or the loads of C vectors would take longer than the arithmetic on them.
constexpr int block_rows(int M, int C) {
    int most = (registers - C - 1) / C;
    for (int rows = most; rows >= 5; --rows)
        if (M % rows == 0) return rows;
    int blocks = (M + most - 1) / most;
    return (M + blocks - 1) / blocks;
}

template <int R, int C, int K, int RowA, int StepA, int StepB, class T, class Finish>
INLINE void block(const T* a, const T* b, int row, int vector, Finish& finish) {
    Vec<T> sum[R][C];
    multiply<R, C, K, RowA, StepA, StepB>(sum, a, b);
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 32
        for (int c = 0; c < C; ++c) finish(row + r, vector + c, sum[r][c]);
}

// One panel: all M rows, and C vectors from `vector` on. `finish(row, vector, sum)` gets each vector of the result.
template <int M, int C, int K, int RowA, int StepA, int StepB, class T, class Finish>
INLINE void panel(const T* a, const T* b, int vector, Finish& finish) {
    constexpr int R = block_rows(M, C), rest = M % R;
    for (int row = 0; row + R <= M; row += R)
        block<R, C, K, RowA, StepA, StepB>(a + row * RowA, b, row, vector, finish);
    if constexpr (rest > 0)
        block<rest, C, K, RowA, StepA, StepB>(a + (M - rest) * RowA, b, M - rest, vector, finish);
}

// Call f with the width, as a type, and the first vector of every panel of B.
template <int N> struct Number { static constexpr int value = N; };
template <class B, class F> INLINE void each_panel(F f) {
    for (int p = 0; p < B::count - 1; ++p) f(Number<B::wide>(), p * B::wide);
    f(Number<B::last>(), (B::count - 1) * B::wide);
}

// A times B, B in panels.
template <int M, int RowA, int StepA, class B, class T, class Finish>
INLINE void product(const T* a, const T* b, Finish finish) {
    each_panel<B>([&](auto width, int vector) {
        constexpr int C = decltype(width)::value;
        panel<M, C, B::rows, RowA, StepA, C * lanes<T>>(a, b + B::start(vector), vector, finish);
    });
}

// X^T Y, whose rows (of X and of Y) are those of the batch; the result is a matrix in panels.
template <class Result, class X, class Y, class Finish> INLINE void product_over_rows(const X& x, const Y& y, Finish finish) {
    typedef typename X::Element T;
    each_panel<Result>([&](auto width, int vector) {
        constexpr int C = decltype(width)::value;
        panel<X::columns, C, X::rows, 1, X::stride, Y::stride>(x.row(0), y.row(0) + vector * lanes<T>, vector, finish);
    });
}

}  // namespace plaingrad
