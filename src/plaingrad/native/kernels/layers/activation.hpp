// Elementwise activations: y = value(x), and dx = backward(y, dy) where the slope follows from the output, else
// backward(x, dy). Where the slope is 0 or 1 because x is out of bounds, dy is selected and not multiplied: it may be infinite.
// The template parameter `Constants` has the arguments of the Python layer, by their names there.
#pragma once

#include "base/math.hpp"

namespace plaingrad {

// y = x
struct Identity {
    static constexpr bool from_output = true;
    template <class V> static INLINE V value(V x) { return x; }
    template <class V> static INLINE V backward(V, V dy) { return dy; }
};

// y = max(x, 0), dy/dx = [x > 0]
struct ReLU {
    static constexpr bool from_output = true;
    template <class V> static INLINE V value(V x) { return Max(Zero<V>(), x); }
    template <class V> static INLINE V backward(V y, V dy) { return IfThenElseZero(y != Zero<V>(), dy); }
};

// y = min(max(x, min_val), max_val), dy/dx = [min_val < x < max_val]
template <class Constants> struct Hardtanh {
    static constexpr bool from_output = true;
    template <class V> static INLINE V value(V x) {
        return Clamp(x, Set<V>(Constants::min_val), Set<V>(Constants::max_val));
    }
    template <class V> static INLINE V backward(V y, V dy) {
        return IfThenElseZero((y > Set<V>(Constants::min_val)) & (y < Set<V>(Constants::max_val)), dy);
    }
};

// y = min(max(x, 0), 6)
struct ZeroToSix { static constexpr double min_val = 0, max_val = 6; };
using ReLU6 = Hardtanh<ZeroToSix>;

// y = x where x > 0, else a x
template <class Constants> struct LeakyReLU {
    static constexpr bool from_output = Constants::negative_slope >= 0;  // then y has the sign of x
    template <class V> static INLINE V value(V x) {
        return IfThenElse(x > Zero<V>(), x, x * Set<V>(Constants::negative_slope));
    }
    template <class V> static INLINE V backward(V saved, V dy) {
        return IfThenElse(saved > Zero<V>(), dy, dy * Set<V>(Constants::negative_slope));
    }
};

// y = x where x > threshold, else a value
template <class Constants> struct Threshold {
    static constexpr bool from_output = Constants::value <= Constants::threshold;  // then y > threshold where x is
    template <class V> static INLINE Integers<V> low(V x) { return x <= Set<V>(Constants::threshold); }
    template <class V> static INLINE V value(V x) { return IfThenElse(low(x), Set<V>(Constants::value), x); }
    template <class V> static INLINE V backward(V saved, V dy) { return IfThenZeroElse(low(saved), dy); }
};

// y = max(x, 0) + alpha (e^min(x, 0) - 1), dy/dx = 1 where x > 0, else alpha e^x, which is y + alpha
template <class Constants> struct ELU {
    static constexpr bool from_output = Constants::alpha >= 0;  // then y > 0 where x is
    template <class V> static INLINE V value(V x) {
        return Max(Zero<V>(), x) + Set<V>(Constants::alpha) * expm1(Min(Zero<V>(), x));
    }
    template <class V> static INLINE V backward(V saved, V dy) {
        const V alpha = Set<V>(Constants::alpha);
        if constexpr (from_output) return IfThenElse(saved > Zero<V>(), dy, dy * (saved + alpha));
        else return IfThenElse(saved > Zero<V>(), dy, dy * (alpha * exp(saved)));
    }
};

// y = scale ELU(x), with two numbers that keep the mean at 0 and the variance at 1
struct SELU {
    struct Numbers { static constexpr double alpha = 1.6732632423543772, scale = 1.0507009873554805; };
    static constexpr bool from_output = true;
    template <class V> static INLINE V value(V x) { return Set<V>(Numbers::scale) * ELU<Numbers>::value(x); }
    template <class V> static INLINE V backward(V y, V dy) {
        return dy * IfThenElse(y > Zero<V>(), Set<V>(Numbers::scale), y + Set<V>(Numbers::scale * Numbers::alpha));
    }
};

// y = max(x, 0) + alpha (e^(min(x, 0) / alpha) - 1), dy/dx = e^(min(x, 0) / alpha), which is 1 + min(y, 0) / alpha
template <class Constants> struct CELU {
    static constexpr bool from_output = true;
    template <class V> static INLINE V value(V x) {
        const V alpha = Set<V>(Constants::alpha);
        return Max(Zero<V>(), x) + alpha * expm1(Min(Zero<V>(), x) / alpha);
    }
    template <class V> static INLINE V backward(V y, V dy) {
        return dy * (1 + Min(Zero<V>(), y) / Set<V>(Constants::alpha));
    }
};

// y = tanh x, dy/dx = 1 - y^2
struct Tanh {
    static constexpr bool from_output = true;
    template <class V> static INLINE V value(V x) { return tanh(x); }
    template <class V> static INLINE V backward(V y, V dy) { return dy * (1 - y * y); }
};

// y = x - tanh x, dy/dx = tanh(x)^2
struct Tanhshrink {
    static constexpr bool from_output = false;
    template <class V> static INLINE V value(V x) { return x - tanh(x); }
    template <class V> static INLINE V backward(V x, V dy) {
        const V t = tanh(x);
        return dy * (t * t);
    }
};

// y = 1 / (1 + e^-x), dy/dx = y (1 - y)
struct Sigmoid {
    static constexpr bool from_output = true;
    template <class V> static INLINE V value(V x) { return sigmoid(x); }
    template <class V> static INLINE V backward(V y, V dy) { return dy * ((1 - y) * y); }
};

// y = -log(1 + e^-x), dy/dx = 1 / (1 + e^x), which is 1 - e^y
struct LogSigmoid {
    static constexpr bool from_output = true;
    template <class V> static INLINE V value(V x) { return -softplus(-x); }
    template <class V> static INLINE V backward(V y, V dy) { return dy * -expm1(y); }
};

// y = log(1 + e^(beta x)) / beta, dy/dx = sigmoid(beta x); where beta x > threshold, the line y = x
template <class Constants> struct Softplus {
    static constexpr bool from_output = false;
    template <class V> static INLINE V value(V x) {
        const V beta = Set<V>(Constants::beta), z = beta * x;
        return IfThenElse(z > Set<V>(Constants::threshold), x, softplus(z) / beta);
    }
    template <class V> static INLINE V backward(V x, V dy) {
        const V z = Set<V>(Constants::beta) * x;
        return IfThenElse(z > Set<V>(Constants::threshold), dy, dy * sigmoid(z));
    }
};

// y = min(max(x / 6 + 1 / 2, 0), 1), dy/dx = [|x| < 3] / 6
struct Hardsigmoid {
    static constexpr bool from_output = false;
    template <class V> static INLINE V value(V x) { return Clamp(x / 6 + 0.5f, Zero<V>(), Set<V>(1)); }
    template <class V> static INLINE V backward(V x, V dy) { return IfThenElseZero(Abs(x) < 3, dy * (Set<V>(1) / 6)); }
};

// y = x g, with the hard sigmoid g; dy/dx = x / 3 + 1 / 2 where |x| < 3, else g
struct Hardswish {
    static constexpr bool from_output = false;
    template <class V> static INLINE V value(V x) { return x * Hardsigmoid::value(x); }
    template <class V> static INLINE V backward(V x, V dy) {
        return IfThenZeroElse(x <= -3, IfThenElse(x >= 3, dy, dy * (x / 3 + 0.5f)));
    }
};

// y = x s, with s = sigmoid(x); dy/dx = s + y (1 - s)
struct SiLU {
    static constexpr bool from_output = false;
    template <class V> static INLINE V value(V x) { return x * sigmoid(x); }
    template <class V> static INLINE V backward(V x, V dy) {
        const V s = sigmoid(x);
        return dy * (s + x * s * (1 - s));
    }
};

// y = x g, with g = tanh(log(1 + e^x)); dy/dx = g + x (1 - g^2) sigmoid(x)
struct Mish {
    static constexpr bool from_output = false;
    template <class V> static INLINE V value(V x) { return x * tanh(softplus(x)); }
    template <class V> static INLINE V backward(V x, V dy) {
        const V g = tanh(softplus(x));
        return dy * (g + x * (1 - g * g) * sigmoid(x));
    }
};

// y = x P(x), P(x) = (1 + erf(x / sqrt(2))) / 2 the chance of less; dy/dx = P + x P', P' = e^(-x^2 / 2) / sqrt(2 pi)
struct GELU {
    static constexpr bool from_output = false;
    template <class V> static INLINE V chance(V x) { return 0.5f + 0.5f * erf(x * Set<V>(0x1.6a09e667f3bccp-1)); }
    template <class V> static INLINE V value(V x) { return x * chance(x); }
    template <class V> static INLINE V backward(V x, V dy) {
        return dy * (chance(x) + x * (Set<V>(0x1.9884533d43651p-2) * exp(-0.5f * x * x)));
    }
};

// The same with P(x) = (1 + tanh u) / 2, which is sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3);
// P' = 2 P (1 - P) sqrt(2 / pi) (1 + 0.134145 x^2)
struct GELUTanh {
    static constexpr bool from_output = false;
    static constexpr double twice_root = 0x1.9884533d43651p0;  // 2 sqrt(2 / pi)
    template <class V> static INLINE V chance(V x) {
        return sigmoid(Set<V>(twice_root) * (x + Set<V>(0.044715) * x * x * x));
    }
    template <class V> static INLINE V value(V x) { return x * chance(x); }
    template <class V> static INLINE V backward(V x, V dy) {
        const V p = chance(x), rise = Set<V>(twice_root) * (1 + Set<V>(0.134145) * x * x);
        return dy * (p + x * (p * (1 - p) * rise));
    }
};

// y = x / (1 + |x|), dy/dx = 1 / (1 + |x|)^2
struct Softsign {
    static constexpr bool from_output = false;
    template <class V> static INLINE V value(V x) { return x / (1 + Abs(x)); }
    template <class V> static INLINE V backward(V x, V dy) {
        const V scale = 1 + Abs(x);
        return dy / (scale * scale);
    }
};

// y = x - min(max(x, -lambd), lambd), dy/dx = [|x| > lambd]
template <class Constants> struct Softshrink {
    static constexpr bool from_output = true;
    template <class V> static INLINE V value(V x) {
        return x - Clamp(x, Set<V>(-Constants::lambd), Set<V>(Constants::lambd));
    }
    template <class V> static INLINE V backward(V y, V dy) { return IfThenElseZero(Abs(y) > Zero<V>(), dy); }
};

// y = x [|x| > lambd], dy/dx = [|x| > lambd]
template <class Constants> struct Hardshrink {
    static constexpr bool from_output = true;
    template <class V> static INLINE Integers<V> small(V x) { return Abs(x) <= Set<V>(Constants::lambd); }
    template <class V> static INLINE V value(V x) { return IfThenZeroElse(small(x), x); }
    template <class V> static INLINE V backward(V y, V dy) { return IfThenZeroElse(small(y), dy); }
};

// True for activations with y = 0 and dy/dx = 0 for about half of all x.
template <class Activation> constexpr bool zero_for_half = false;
template <> constexpr bool zero_for_half<ReLU> = true;
template <> constexpr bool zero_for_half<ReLU6> = true;

}  // namespace plaingrad
