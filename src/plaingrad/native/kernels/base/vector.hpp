// Vectors as wide as the machine's registers, written with the compilers' vector extensions: one source for every processor.
//
// Operations that Google's Highway has too are named as there, in CamelCase, with the same order of arguments. Where Highway
// takes a tag, these take as a template argument the type of the elements or of the vector; the compiler's operators do the rest.
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

// Numbers of samples and steps, and random bits: a long has 32 bits on Windows.
typedef __INT64_TYPE__ Whole;
typedef __UINT64_TYPE__ Word;

template <class T> constexpr int Lanes = vector_bytes / sizeof(T);

// The number of vectors that hold this many elements, and the number of elements in them.
template <class T> constexpr int vectors(int elements) { return (elements + Lanes<T> - 1) / Lanes<T>; }
template <class T> constexpr int padded(int elements) { return vectors<T>(elements) * Lanes<T>; }

template <class T> struct VectorOf {
    typedef T type __attribute__((vector_size(vector_bytes)));
    typedef T unaligned __attribute__((vector_size(vector_bytes), aligned(sizeof(T)), may_alias));
};
template <class T> using Vec = typename VectorOf<T>::type;

// The integer as wide as T, with a sign and without. A comparison of two Vec<T> gives a mask: a Vec<Int<T>> of 0 and -1.
template <int Bytes> struct IntegerOf;
template <> struct IntegerOf<4> {
    typedef int type;
    typedef unsigned bits;
};
template <> struct IntegerOf<8> {
    typedef Whole type;
    typedef Word bits;
};
template <class T> using Int = typename IntegerOf<sizeof(T)>::type;
template <class T> using Bits = typename IntegerOf<sizeof(T)>::bits;

// The type that a reference refers to.
template <class R> struct ReferredBy;
template <class T> struct ReferredBy<T&> { typedef T type; };

#define INLINE inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))

// The element type of a vector type; an element type stands for itself.
template <class D> struct ElementOf { typedef decltype(D{}[0] + D{}[0]) type; };
template <> struct ElementOf<float> { typedef float type; };
template <> struct ElementOf<double> { typedef double type; };
template <class D> using Element = typename ElementOf<D>::type;

// The vector, and the integers as wide (a mask among them), for the type of the elements or of the vector.
template <class D> using VectorFor = Vec<Element<D>>;
template <class D> using Integers = Vec<Int<Element<D>>>;

template <class T> INLINE Vec<T> Load(const T* from) { return *reinterpret_cast<const Vec<T>*>(from); }
template <class T> INLINE void Store(Vec<T> x, T* to) { *reinterpret_cast<Vec<T>*>(to) = x; }

template <class T> INLINE Vec<T> LoadU(const T* from) {
    return *reinterpret_cast<const typename VectorOf<T>::unaligned*>(from);
}
template <class T> INLINE void StoreU(Vec<T> x, T* to) { *reinterpret_cast<typename VectorOf<T>::unaligned*>(to) = x; }

template <class D> INLINE VectorFor<D> Zero() { return VectorFor<D>{}; }
template <class D> INLINE VectorFor<D> Set(Element<D> x) { return VectorFor<D>{} + x; }

// 0, 1, 2, ...
template <class D> INLINE Integers<D> Iota() {
    Integers<D> x;
    for (int i = 0; i < Lanes<Element<D>>; ++i) x[i] = i;
    return x;
}

// True in the first `count` lanes.
template <class D> INLINE Integers<D> FirstN(int count) { return Iota<D>() < count; }

template <class V> INLINE V IfThenElse(Integers<V> mask, V yes, V no) { return mask ? yes : no; }
template <class V> INLINE V IfThenElseZero(Integers<V> mask, V yes) { return mask ? yes : V{}; }
template <class V> INLINE V IfThenZeroElse(Integers<V> mask, V no) { return mask ? V{} : no; }

// a b + c and c - a b, rounded once where the processor can. A factor may be a single number.
template <class A, class B, class V> INLINE V MulAdd(A a, B b, V c) { return a * b + c; }
template <class A, class B, class V> INLINE V NegMulAdd(A a, B b, V c) { return c - a * b; }

// The larger and the smaller of two vectors or numbers; y where one is NaN.
template <class V> INLINE constexpr V Max(V x, V y) { return x > y ? x : y; }
template <class V> INLINE constexpr V Min(V x, V y) { return x < y ? x : y; }

// The next `count` elements, if that is less than a vector, and zeros; from memory of any alignment, and to it.
template <class T> INLINE Vec<T> LoadN(const T* from, int count) {
    if (count >= Lanes<T>) return LoadU(from);
    Vec<T> x = {};
    for (int i = 0; i < count; ++i) x[i] = from[i];
    return x;
}
template <class T> INLINE void StoreN(Vec<T> x, T* to, int count) {
    if (count >= Lanes<T>) StoreU(x, to);
    else
        for (int i = 0; i < count; ++i) to[i] = x[i];
}

// Keeps compilers from loading x again at each use: a product waits for its loads.
template <class V> INLINE void hold_in_register(V& x) {
#if defined(__x86_64__)
    asm("" : "+v"(x));
#elif defined(__aarch64__)
    asm("" : "+w"(x));
#endif
}

// Zeros that the compiler does not know to be zeros: GCC 12 gets some lanes of a transposed square wrong if it does.
template <class T> INLINE Vec<T> opaque_zero() {
    Vec<T> x = {};
    hold_in_register(x);
    return x;
}

}  // namespace plaingrad
