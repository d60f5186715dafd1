// Elementary functions of whole vectors, within 2 units in the last place (sigmoid: 2.5), without branches or tables.
// Zeros, infinities and NaN give what the mathematics says: exp(-inf) = 0, tanh(inf) = 1, log(-1) = NaN.
#pragma once

#include "base/vector.hpp"

namespace plaingrad {

// The constants of each precision. The polynomials are best approximations, found with
// Remez' algorithm, with more digits than the precision has.
template <class T> struct FloatTraits;

template <> struct FloatTraits<float> {
    static constexpr int fraction_bits = 23, exponent_bias = 127;
    static constexpr float round = 0x1.8p23f;                // added to a number, it leaves no room for a fraction
    static constexpr float smallest = 0x1p-126f;             // normal number
    static constexpr float exp_least = -104, exp_most = 89;  // where exp has reached 0 and infinity
    static constexpr float vanished = 0x1.601e68p6f;         // 127 log 2
    static constexpr float log2_high = 0x1.62ep-1f;  // log 2 in two parts; a whole number times the first is exact
    static constexpr float log2_low = 0x1.0bfbe8p-15f;
    static constexpr float expm1[] = {0x1.000000p-1f, 0x1.555556p-3f,  0x1.5554aep-5f,
                                      0x1.111090p-7f, 0x1.6d74cep-10f, 0x1.a1a190p-13f};
    static constexpr float log[] = {0x1.555554p-1f, 0x1.999a7ap-2f, 0x1.2438d4p-2f, 0x1.e2f6f8p-3f};
    static constexpr float erf_most = 3.95f;
    static constexpr float erf[] = {-0x1.f7ac920000000p-25f, 0x1.45f308p-1f,  0x1.a4f3b2p-4f,   -0x1.393cfap-6f,
                                    -0x1.074b2ep-12f,        0x1.d703aep-10f, -0x1.834c5cp-11f, 0x1.5d68a8p-13f,
                                    -0x1.62dac0p-16f,        0x1.3b157cp-20f};
};

template <> struct FloatTraits<double> {
    static constexpr int fraction_bits = 52, exponent_bias = 1023;
    static constexpr double round = 0x1.8p52;
    static constexpr double smallest = 0x1p-1022;
    static constexpr double exp_least = -746, exp_most = 710;
    static constexpr double vanished = 0x1.628b76e3a7b61p9;
    static constexpr double log2_high = 0x1.62e42fefap-1, log2_low = 0x1.cf79abc9e3b3ap-40;
    static constexpr double expm1[] = {0x1.0000000000000p-1,  0x1.5555555555559p-3,  0x1.555555555555ap-5,
                                       0x1.111111110f699p-7,  0x1.6c16c16c14485p-10, 0x1.a01a01afeedddp-13,
                                       0x1.a01a01b0a9f9ep-16, 0x1.71ddf8388bb65p-19, 0x1.27e4c5b72cfe5p-22,
                                       0x1.af5ef25cfc728p-26, 0x1.1f9547d81989dp-29};
    static constexpr double log[] = {0x1.5555555555592p-1, 0x1.999999997fd88p-2, 0x1.24924941f40dbp-2,
                                     0x1.c71c5206ca47dp-3, 0x1.74663f798a36fp-3, 0x1.39a1ab2ac1492p-3,
                                     0x1.2f0608e14f2b3p-3};
    static constexpr double erf_most = 5.95;
    static constexpr double erf[] = {
        0x1.1ae3a914fed80p-56,  0x1.45f306dc9c890p-1,   0x1.a4f4e2a1b2962p-4,   -0x1.3966859400d9ep-6,
        -0x1.b6b68b174fb3fp-13, 0x1.bca67b1d7fa2fp-10,  -0x1.35654930ede1cp-11, 0x1.b2291f7175f94p-16,
        0x1.0e813939485f8p-14,  -0x1.f2bbe84f9fffap-16, 0x1.c9ddf99bd5c29p-19,  0x1.7be3f7a565270p-19,
        -0x1.d2531f5b015b6p-20, 0x1.65b7eb8647060p-22,  0x1.2ab4400d21df5p-23,  -0x1.3267b22510a9dp-23,
        0x1.1bd9d4ae5b241p-24,  -0x1.6a07e54b574b5p-26, 0x1.594e4df9cfa7bp-28,  -0x1.f62cb620791e4p-31,
        0x1.143808e8c72b9p-33,  -0x1.bea41c9eb20dfp-37, 0x1.f57c43041e14cp-41,  -0x1.5d721de8f48f9p-45,
        0x1.c73db9784ae51p-51};
};

// The same bits, read as another vector type: of numbers, or of integers as wide.
template <class To, class V> INLINE To BitCast(V x) { return reinterpret_cast<To>(x); }

// |x|, and x with the sign of another number.
template <class V> INLINE Integers<V> sign_bit() {
    return BitCast<Integers<V>>(Set<V>(1)) ^ BitCast<Integers<V>>(Set<V>(-1));
}
template <class V> INLINE V Abs(V x) { return BitCast<V>(BitCast<Integers<V>>(x) & ~sign_bit<V>()); }
template <class V> INLINE V CopySign(V magnitude, V sign) {
    return BitCast<V>((BitCast<Integers<V>>(magnitude) & ~sign_bit<V>()) |
                      (BitCast<Integers<V>>(sign) & sign_bit<V>()));
}

// -1, 0 or 1.
template <class V> INLINE V sign(V x) {
    return IfThenElse(x > Zero<V>(), Set<V>(1), IfThenElseZero(x < Zero<V>(), Set<V>(-1)));
}

// x, or the nearer bound if x lies beyond; NaN stays NaN.
template <class V> INLINE V Clamp(V x, V low, V high) { return Min(high, Max(low, x)); }

template <class V> INLINE V Sqrt(V x) {
    for (unsigned i = 0; i < sizeof x / sizeof x[0]; ++i)
        x[i] = sizeof x[0] == 4 ? __builtin_sqrtf(x[i]) : __builtin_sqrt(x[i]);
    return x;
}

// a / b for b > 0, within 2 units in the last place if 1 / b is a normal number. Where the processor estimates 1 / b, a step
// of Newton's method makes it exact enough long before a division would be done; of an infinite b that would make NaN.
template <class V> INLINE V quotient(V a, V b) {
#if defined(__AVX512F__)
    if constexpr (sizeof a[0] == 4) {
        const V estimate = __builtin_ia32_rcp14ps512_mask(b, b, static_cast<unsigned short>(-1));
        const V inverse = MulAdd(estimate, NegMulAdd(b, estimate, Set<V>(1)), estimate);
        return a * IfThenZeroElse(b > __FLT_MAX__, inverse);
    }
#endif
    return a / b;
}

// c[0] + c[1] x + c[2] x^2 + ..., by Horner's rule.
template <int From = 0, class V, int Count> INLINE V polynomial(V x, const Element<V> (&c)[Count]) {
    if constexpr (From == Count - 1) return Set<V>(c[From]);
    else return MulAdd(polynomial<From + 1>(x, c), x, Set<V>(c[From]));
}

// Small whole numbers, from integers to numbers and back: next to `round`, the last bits count units.
template <class V> INLINE V ConvertTo(Integers<V> n) {
    const V round = Set<V>(FloatTraits<Element<V>>::round);
    return BitCast<V>(n + BitCast<Integers<V>>(round)) - round;
}

// 2^n, where that is a normal number; and 0 for the n next below.
template <class V> INLINE V power_of_two(Integers<V> n) {
    return BitCast<V>((n + FloatTraits<Element<V>>::exponent_bias) << FloatTraits<Element<V>>::fraction_bits);
}

// e^x = 2^n (1 + part), with |part| < 0.42: as x = n log 2 + r, part = e^r - 1 = r + r^2 p(r).
template <class V> struct Power {
    Integers<V> n;
    V part;

    INLINE explicit Power(V x) {
        using F = FloatTraits<Element<V>>;
        constexpr Element<V> log2_e = 0x1.71547652b82fep0;
        const V shifted = MulAdd(x, log2_e, Set<V>(F::round)), whole = shifted - F::round;
        const V exact = NegMulAdd(whole, F::log2_high, x), r = NegMulAdd(whole, F::log2_low, exact);
        n = BitCast<Integers<V>>(shifted) - BitCast<Integers<V>>(Set<V>(F::round));
        part = exact + (r * r * polynomial(r, F::expm1) - whole * F::log2_low);
    }
};

// e^x. The factor 2^n in two halves: at the ends of the range it is no normal number though the result may be.
template <class V> INLINE V exp(V x) {
    using F = FloatTraits<Element<V>>;
    const Power<V> e(Clamp(x, Set<V>(F::exp_least), Set<V>(F::exp_most)));
    const V scale = power_of_two<V>(e.n >> 1), rest = power_of_two<V>(e.n - (e.n >> 1));
    return (e.part * scale + scale) * rest;
}

// e^x - 1 = 2^n part + (2^n - 1), with all digits even where x is tiny.
template <class V> INLINE V expm1(V x) {
    using F = FloatTraits<Element<V>>;
    const Power<V> e(Clamp(x, Set<V>(-F::exp_most), Set<V>(F::exp_most)));
    const Integers<V> half = e.n >> 1;
    const V scale = power_of_two<V>(e.n - half), rest = power_of_two<V>(half);
    return CopySign((e.part * scale + (scale - power_of_two<V>(-half))) * rest, x);
}

// e^-a for a >= 0, as the sum of a power of two and the rest, which bring all their digits to 1 - e^-a and 1 + e^-a.
// It vanishes where it would fall below the normal numbers, and so sigmoid and softplus do there.
template <class V> struct Decay {
    V power, rest;

    INLINE explicit Decay(V a) {
        const Power<V> e(-Min(Set<V>(FloatTraits<Element<V>>::vanished), a));
        power = power_of_two<V>(e.n);
        rest = power * e.part;
    }
};

// tanh |x| = (1 - e^-2|x|) / (1 + e^-2|x|)
template <class V> INLINE V tanh(V x) {
    const Decay<V> e(2 * Abs(x));
    return CopySign((1 - e.power - e.rest) / (1 + e.power + e.rest), x);
}

// 1 / (1 + e^-x), or e^x / (1 + e^x) where x is negative
template <class V> INLINE V sigmoid(V x) {
    const Decay<V> e(Abs(x));
    return IfThenElse(x < Zero<V>(), e.power + e.rest, Set<V>(1)) / (1 + e.power + e.rest);
}

// The error function. -log(1 - erf |x|) is nearly a parabola, and smooth: |x| (2 / sqrt(pi) + |x| p(|x|)).
template <class V> INLINE V erf(V x) {
    using F = FloatTraits<Element<V>>;
    constexpr Element<V> slope = 0x1.20dd750429b6dp0;
    const V a = Min(Set<V>(F::erf_most), Abs(x)), exponent = a * polynomial(a, F::erf) + slope * a;
    const Decay<V> e(exponent);
    return CopySign(1 - e.power - e.rest, x);
}

// log x + correction / x: the second term, small beside the first, is for log1p.
// x = 2^k (1 + f), with 1 + f between sqrt(1/2) and sqrt(2); with s = f / (2 + f), log(1 + f) = log((1 + s) / (1 - s))
// = 2 s + s R, R = s^2 p(s^2), and this is f - (f^2 / 2 - s (f^2 / 2 + R)), where the largest term is exact.
template <class V> INLINE V log(V x, V correction = Zero<V>()) {
    using F = FloatTraits<Element<V>>;
    const auto tiny = x < F::smallest;  // or negative: no matter
    const V scaled = IfThenElse(tiny, x * power_of_two<V>(Integers<V>{} + F::fraction_bits), x);
    const Integers<V> low = BitCast<Integers<V>>(Set<V>(0x1.6a09e6p-1f)), above = BitCast<Integers<V>>(scaled) - low;
    const Integers<V> k = above >> F::fraction_bits;
    const V f = BitCast<V>(above - (k << F::fraction_bits) + low) - 1;
    const V whole = ConvertTo<V>(k + (tiny & -F::fraction_bits));
    const V s = f / (f + 2), z = s * s, half_square = Set<V>(0.5f) * f * f;
    const V tail = s * (half_square + z * polynomial(z, F::log)) + (whole * F::log2_low + correction / x);
    const V y = whole * F::log2_high - ((half_square - tail) - f);
    const V infinite = Set<V>(__builtin_inff());
    const V beyond = IfThenElse(x == Zero<V>(), -infinite, Set<V>(__builtin_nanf("")));
    return IfThenElse(x > Zero<V>(), IfThenElse(x < infinite, y, x), beyond);
}

// log(1 + x), with all digits even where x is tiny: what the sum loses comes back as a correction.
template <class V> INLINE V log1p(V x) {
    const V sum = x + 1, gained = sum - 1, lost = (1 - (sum - gained)) + (x - gained);
    const V y = log(sum, IfThenElseZero(Abs(x) < 0x1p60f, lost));
    return IfThenElse(x == Zero<V>(), x, y);
}

// log(1 + e^x), which never overflows in this form.
template <class V> INLINE V softplus(V x) {
    const Decay<V> e(Abs(x));
    return Max(Zero<V>(), x) + log1p(e.power + e.rest);
}

}  // namespace plaingrad
