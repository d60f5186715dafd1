// Data movement between the lanes of vectors: transposing a square of vectors, and reductions over lanes.
#pragma once

#include "base/vector.hpp"

namespace plaingrad {

template <int... I> struct Sequence {};
template <int N, int... I> struct SequenceTo : SequenceTo<N - 1, N - 1, I...> {};
template <int... I> struct SequenceTo<0, I...> { typedef Sequence<I...> type; };
template <class V> using AllLanes = typename SequenceTo<Lanes<Element<V>>>::type;

// The lanes of x (indices below Lanes<T>) and of y (indices from there on) with these indices.
template <int... Indices, class V> INLINE V TwoTablesLookupLanes(V x, V y, Sequence<Indices...>) {
#if defined(__clang__)
    return __builtin_shufflevector(x, y, Indices...);
#else
    return __builtin_shuffle(x, y, Vec<Int<Element<V>>>{Indices...});
#endif
}

// The even and the odd ones of both vectors' blocks of S lanes, alternately: x0 y0 x2 y2 ... and x1 y1 x3 y3 ...
template <int S, class V, int... I> INLINE V InterleaveEven(V x, V y, Sequence<I...>) {
    return TwoTablesLookupLanes(x, y, Sequence<(I & S ? sizeof...(I) + (I ^ S) : I)...>());
}
template <int S, class V, int... I> INLINE V InterleaveOdd(V x, V y, Sequence<I...>) {
    return TwoTablesLookupLanes(x, y, Sequence<(I & S ? sizeof...(I) + I : I ^ S)...>());
}

// Transpose a square of vectors in place: first 2 x 2 squares of single lanes, then of pairs of lanes, and so on. Rows
// without data must be `opaque_zero`.
template <int S = 1, class V, int N> INLINE void transpose(V (&x)[N]) {
    constexpr AllLanes<V> all;
#pragma GCC unroll 16
    for (int i = 0; i < N; ++i)
        if (!(i & S)) {
            V top = x[i], bottom = x[i + S];
            x[i] = InterleaveEven<S>(top, bottom, all);
            x[i + S] = InterleaveOdd<S>(top, bottom, all);
        }
    if constexpr (2 * S < N) transpose<2 * S>(x);
}

// Lane i of the result is the sum over the lanes of x[i].
template <int S = 1, class V, int N> INLINE V reduce_sum_of_each(V (&x)[N]) {
    constexpr AllLanes<V> all;
#pragma GCC unroll 16
    for (int i = 0; i < N; i += 2 * S)
        x[i] = InterleaveEven<S>(x[i], x[i + S], all) + InterleaveOdd<S>(x[i], x[i + S], all);
    if constexpr (2 * S < N) return reduce_sum_of_each<2 * S>(x);
    else return x[0];
}

template <int S = 1, class V> INLINE Element<V> ReduceSum(V x) {
    x += InterleaveOdd<S>(x, x, AllLanes<V>());
    if constexpr (2 * S < Lanes<Element<V>>) return ReduceSum<2 * S>(x);
    else return x[0];
}

template <int S = 1, class V> INLINE Element<V> ReduceMax(V x) {
    x = Max(x, InterleaveOdd<S>(x, x, AllLanes<V>()));
    if constexpr (2 * S < Lanes<Element<V>>) return ReduceMax<2 * S>(x);
    else return x[0];
}

// The largest of the first `Count` elements of a row.
template <int Count, class T> INLINE T largest(const T* x) {
    const Vec<T> least = Set<T>(-T(__builtin_inf()));
    Vec<T> top = least;
    for (int j = 0; j < Count; j += Lanes<T>) top = Max(IfThenElse(FirstN<T>(Count - j), Load(x + j), least), top);
    return ReduceMax(top);
}

}  // namespace plaingrad
