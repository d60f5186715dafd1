// Moving numbers between the lanes of vectors: transposing a square of vectors, and summing across lanes.
#pragma once

#include "base/vector.hpp"

namespace plaingrad {

template <int... I> struct Sequence {};
template <int N, int... I> struct Count : Count<N - 1, N - 1, I...> {};
template <int... I> struct Count<0, I...> { typedef Sequence<I...> type; };
template <class V> using EveryLane = typename Count<lanes<Element<V>>>::type;

// The lanes of x (numbers below lanes<T>) and of y (numbers from there on) with these numbers.
template <int... From, class V> INLINE V pick(V x, V y, Sequence<From...>) {
#if defined(__clang__)
    return __builtin_shufflevector(x, y, From...);
#else
    return __builtin_shuffle(x, y, Vec<Int<Element<V>>>{From...});
#endif
}

// Of the 2 x 2 squares of lanes that lie S apart in two vectors, the upper and the lower row once they are transposed.
template <int S, class V, int... I> INLINE V upper(V x, V y, Sequence<I...>) {
    return pick(x, y, Sequence<(I & S ? sizeof...(I) + (I ^ S) : I)...>());
}
template <int S, class V, int... I> INLINE V lower(V x, V y, Sequence<I...>) {
    return pick(x, y, Sequence<(I & S ? sizeof...(I) + I : I ^ S)...>());
}

// Transpose a square in place: first 2 x 2 squares of single lanes, then of pairs of lanes, and so on. Rows that
// are not there are to be `blank`.
template <class T, int S = 1> INLINE void transpose(Vec<T> (&x)[lanes<T>]) {
    constexpr EveryLane<Vec<T>> every;
#pragma GCC unroll 16
    for (int i = 0; i < lanes<T>; ++i)
        if (!(i & S)) {
            Vec<T> top = x[i], bottom = x[i + S];
            x[i] = upper<S>(top, bottom, every);
            x[i + S] = lower<S>(top, bottom, every);
        }
    if constexpr (2 * S < lanes<T>) transpose<T, 2 * S>(x);
}

// The sums over the lanes of each of these vectors, as the lanes of one.
template <class T, int S = 1> INLINE Vec<T> sums(Vec<T> (&x)[lanes<T>]) {
    constexpr EveryLane<Vec<T>> every;
#pragma GCC unroll 16
    for (int i = 0; i < lanes<T>; i += 2 * S)
        x[i] = upper<S>(x[i], x[i + S], every) + lower<S>(x[i], x[i + S], every);
    if constexpr (2 * S < lanes<T>) return sums<T, 2 * S>(x);
    else return x[0];
}

// The sum over the lanes of one vector.
template <class T, int S = 1> INLINE T sum(Vec<T> x) {
    x += lower<S>(x, x, EveryLane<Vec<T>>());
    if constexpr (2 * S < lanes<T>) return sum<T, 2 * S>(x);
    else return x[0];
}

// The largest lane.
template <class T, int S = 1> INLINE T maximum(Vec<T> x) {
    x = larger(x, lower<S>(x, x, EveryLane<Vec<T>>()));
    if constexpr (2 * S < lanes<T>) return maximum<T, 2 * S>(x);
    else return x[0];
}

// The largest of a row's first `Count` numbers.
template <class T, int Count> INLINE T largest(const T* x) {
    const Vec<T> least = zero<T>() - T(__builtin_inf());
    Vec<T> top = least;
    for (int j = 0; j < Count; j += lanes<T>) top = larger(iota<T>() < Count - j ? load(x + j) : least, top);
    return maximum<T>(top);
}

}  // namespace plaingrad
