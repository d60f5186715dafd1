// The matrix product, cut into blocks whose sums stay in registers.
#pragma once

#include "base/matrix.hpp"

namespace plaingrad {

// A wide matrix is kept in panels: groups of columns a few vectors wide, each stored row after row, so that a
// product walks through memory in a straight line. One of few columns is a single panel, an ordinary padded matrix.
constexpr int widest_panel = registers >= 32 ? 4 : 2;  // in vectors

template <class T, int Rows, int Columns, int Widest = widest_panel> struct Panels {
    static constexpr int rows = Rows, columns = Columns;
    static constexpr int total = vectors<T>(Columns);
    static constexpr int count = (total + Widest - 1) / Widest;
    static constexpr int wide = (total + count - 1) / count;  // vectors in each panel but the last,
    static constexpr int last = total - (count - 1) * wide;   // and in that one
    static constexpr int size = Rows * total * Lanes<T>;

    // Where an element lies, and the step from a row to the next in the panel that begins with this vector.
    static constexpr int start(int vector) {
        int panel = vector / wide;
        return panel * wide * Lanes<T> * Rows + (vector - panel * wide) * Lanes<T>;
    }
    static constexpr int step(int vector) { return (vector / wide < count - 1 ? wide : last) * Lanes<T>; }
    static constexpr int at(int row, int vector) { return start(vector) + row * step(vector); }
    static constexpr int offset(int row, int column) { return at(row, column / Lanes<T>) + column % Lanes<T>; }
};

// The elements from one row of a left factor to the next, and from one step of the sums to the next.
struct Strides { int row, step; };

// sum(r, c) = sum over K steps k of a(r, k) b(k, c), for R rows and C vectors of columns. The rows of b lie StepB elements
// apart. With few sums, several partial ones run side by side: a single one would wait for its own last result.
template <int K, int R, int C, Strides A, int StepB, class T>
INLINE void multiply(Vec<T> (&sum)[R][C], const T* a, const T* b) {
    constexpr int chains = R * C >= 8 ? 1 : 8 / (R * C);
    Vec<T> part[chains][R][C] = {};
    auto add = [&](int k, int chain) __attribute__((always_inline)) {
#pragma GCC unroll 32
        for (int c = 0; c < C; ++c) {
            Vec<T> column = Load(b + k * StepB + c * Lanes<T>);
            hold_in_register(column);
#pragma GCC unroll 32
            for (int r = 0; r < R; ++r)
                part[chain][r][c] = MulAdd(a[r * A.row + k * A.step], column, part[chain][r][c]);
        }
    };
    int k = 0;
    for (; k + chains <= K; k += chains)
#pragma GCC unroll 16
        for (int chain = 0; chain < chains; ++chain) add(k + chain, chain);
#pragma GCC unroll 16
    for (int chain = 0; chain < chains - 1; ++chain)
        if (k + chain < K) add(k + chain, chain);
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 32
        for (int c = 0; c < C; ++c) {
            sum[r][c] = part[0][r][c];
#pragma GCC unroll 16
            for (int chain = 1; chain < chains; ++chain) sum[r][c] += part[chain][r][c];
        }
}

// The rows of a block of C vectors: as many as the registers hold, or somewhat less if that divides M evenly;
// but at least 5, or the loads of C vectors would take longer than the arithmetic on them.
constexpr int block_rows(int M, int C) {
    int most = (registers - C - 1) / C;
    for (int rows = most; rows >= 5; --rows)
        if (M % rows == 0) return rows;
    int blocks = (M + most - 1) / most;
    return (M + blocks - 1) / blocks;
}

struct Nothing {
    INLINE void operator()(int, int) const {}
};

template <int K, int R, int C, Strides A, int StepB, class T, class Finish, class Prepare>
INLINE void block(const T* a, const T* b, int row, int vector, Finish& finish, Prepare& prepare) {
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 32
        for (int c = 0; c < C; ++c) prepare(row + r, vector + c);
    Vec<T> sum[R][C];
    multiply<K, R, C, A, StepB>(sum, a, b);
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 32
        for (int c = 0; c < C; ++c) finish(row + r, vector + c, sum[r][c]);
}

// One panel: all M rows, as many at a time as a block takes, and C vectors from `vector` on. `prepare(row, vector)` is
// called before each vector of the result is summed, and `finish(row, vector, sum)` with it.
template <int M, int K, int C, Strides A, int StepB, class T, class Finish, class Prepare = Nothing>
INLINE void panel(const T* a, const T* b, int vector, Finish& finish, Prepare prepare = {}) {
    constexpr int R = block_rows(M, C), rest = M % R;
    int row = 0;
    for (; row + R <= M; row += R) block<K, R, C, A, StepB>(a + row * A.row, b, row, vector, finish, prepare);
    if constexpr (rest > 0) block<K, rest, C, A, StepB>(a + row * A.row, b, row, vector, finish, prepare);
}

// Call f with the width, as a type, and the first vector of every panel of B.
template <int N> struct Number { static constexpr int value = N; };
template <class B, class F> INLINE void each_panel(F f) {
    for (int p = 0; p < B::count - 1; ++p) f(Number<B::wide>(), p * B::wide);
    f(Number<B::last>(), (B::count - 1) * B::wide);
}

// A times B, B in panels.
template <int M, Strides A, class B, class T, class Finish>
INLINE void product(const T* a, const T* b, Finish finish) {
    each_panel<B>([&](auto width, int vector) {
        constexpr int C = decltype(width)::value;
        panel<M, B::rows, C, A, C * Lanes<T>>(a, b + B::start(vector), vector, finish);
    });
}

// X^T Y, whose rows (of X and of Y) are those of the batch; the result is a matrix in panels.
template <class Result, class X, class Y, class Finish, class Prepare = Nothing>
INLINE void product_over_rows(const X& x, const Y& y, Finish finish, Prepare prepare = {}) {
    typedef typename X::Element T;
    each_panel<Result>([&](auto width, int vector) {
        constexpr int C = decltype(width)::value;
        panel<X::columns, X::rows, C, Strides{.row = 1, .step = X::stride}, Y::stride>(
            x.row(0), y.row(0) + vector * Lanes<T>, vector, finish, prepare);
    });
}

}  // namespace plaingrad
