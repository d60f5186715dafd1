// Vectors as wide as the machine's registers, in the compiler's own notation: one source for every processor.
#pragma once

namespace plaingrad {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64, registers = 32;
#elif defined(__AVX__)
constexpr int vector_bytes = 32, registers = 16;
#elif defined(__aarch64__)
constexpr int vector_bytes = 16, registers = 32;
#else
constexpr int vector_bytes = 16, registers = 16;
#endif

template <class T> constexpr int lanes = vector_bytes / sizeof(T);

// The number of vectors that hold this many elements, and the number of elements in them.
template <class T> constexpr int vectors(int elements) { return (elements + lanes<T> - 1) / lanes<T>; }
template <class T> constexpr int padded(int elements) { return vectors<T>(elements) * lanes<T>; }

template <class T> struct VectorOf {
    typedef T type __attribute__((vector_size(vector_bytes)));
    typedef T unaligned __attribute__((vector_size(vector_bytes), aligned(sizeof(T)), may_alias));
};
template <class T> using Vec = typename VectorOf<T>::type;

// The integer as wide as T, with a sign and without. A comparison of two Vec<T> is a Vec<Int<T>> of 0 and -1.
template <int Bytes> struct IntegerOf;
template <> struct IntegerOf<4> { typedef int type; typedef unsigned bits; };
template <> struct IntegerOf<8> { typedef long type; typedef unsigned long bits; };
template <class T> using Int = typename IntegerOf<sizeof(T)>::type;
template <class T> using Bits = typename IntegerOf<sizeof(T)>::bits;

// The type that a reference refers to.
template <class R> struct ReferredBy;
template <class T> struct ReferredBy<T&> { typedef T type; };

#define INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))

// The element type of a vector type.
template <class V> struct ElementOf { typedef decltype(V{}[0] + V{}[0]) type; };
template <class V> using Element = typename ElementOf<V>::type;

template <class T> INLINE Vec<T> load(const T* from) { return *reinterpret_cast<const Vec<T>*>(from); }
template <class T> INLINE void store(T* to, Vec<T> x) { *reinterpret_cast<Vec<T>*>(to) = x; }

// Have x in a register now: compilers like to load anew at each use, and loads are what a product waits for.
template <class V> INLINE void keep(V& x) {
#if defined(__x86_64__)
    asm("" : "+v"(x));
#elif defined(__aarch64__)
    asm("" : "+w"(x));
#endif
}

// Zeros, without the compiler knowing it: GCC 12 gets some lanes of a transposed square wrong where it knows a row to be 0.
template <class T> INLINE Vec<T> blank() {
    Vec<T> x = {};
    keep(x);
    return x;
}

// The next `count` elements, if that is less than a vector, and zeros; from memory of any alignment, and to it.
template <class T> INLINE Vec<T> load_some(const T* from, int count) {
    if (count >= lanes<T>) return *reinterpret_cast<const typename VectorOf<T>::unaligned*>(from);
    Vec<T> x = {};
    for (int i = 0; i < count; ++i) x[i] = from[i];
    return x;
}

template <class T> INLINE void store_some(T* to, int count, Vec<T> x) {
    if (count >= lanes<T>) *reinterpret_cast<typename VectorOf<T>::unaligned*>(to) = x;
    else
        for (int i = 0; i < count; ++i) to[i] = x[i];
}

template <class T> INLINE Vec<T> zero() { return Vec<T>{}; }

// 0, 1, 2, ...
template <class T> INLINE Vec<Int<T>> iota() {
    Vec<Int<T>> x;
    for (int i = 0; i < lanes<T>; ++i) x[i] = i;
    return x;
}

// x in the first `count` lanes and 0 in the others, whatever the others held.
template <class V> INLINE V first(int count, V x) { return iota<Element<V>>() < count ? x : V{}; }

template <class V> INLINE constexpr V larger(V x, V y) { return x > y ? x : y; }
template <class V> INLINE constexpr V smaller(V x, V y) { return x < y ? x : y; }

}  // namespace plaingrad
