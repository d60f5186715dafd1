// Elementwise activations: y = value(x), and dy/dx = slope(y) where the slope follows from the output, else slope(x).
// What has arguments takes them from a type with constants of the names that the Python layer gives them.
#pragma once

#include "math.hpp"

namespace plaingrad {

// y = x
struct Identity {
    static constexpr bool from_output = true;
    template <class V> static INLINE V value(V x) { return x; }
    template <class V> static INLINE V slope(V) { return every<V>(1); }
};

// y = max(x, 0)
struct ReLU {
    static constexpr bool from_output = true;
    template <class V> static INLINE V value(V x) { return at_least(0, x); }
    template <class V> static INLINE V slope(V y) { return y > V{} ? every<V>(1) : V{}; }
};

// y = tanh x, dy/dx = 1 - y^2
struct Tanh {
    static constexpr bool from_output = true;
    template <class V> static INLINE V value(V x) { return tanh(x); }
    template <class V> static INLINE V slope(V y) { return 1 - y * y; }
};

// y = 1 / (1 + e^-x), dy/dx = y (1 - y)
struct Sigmoid {
    static constexpr bool from_output = true;
    template <class V> static INLINE V value(V x) { return sigmoid(x); }
    template <class V> static INLINE V slope(V y) { return y - y * y; }
};

}  // namespace plaingrad
