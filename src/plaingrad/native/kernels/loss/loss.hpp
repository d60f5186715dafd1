// Losses: one number for a batch, and the gradient by each prediction.
#pragma once

#include "base/lanes.hpp"
#include "base/math.hpp"
#include "base/matrix.hpp"

namespace plaingrad {

// A loss is called with the predictions of a batch and writes their gradient, which is 0 in rows that hold no sample.
// `total` is what a mean divides by: the weights of the batch's samples, summed. Without weights each counts as 1. A batch
// whose total is 0 counts for nothing, and no loss is called with it.

// sum over rows i of w_i times the mean over columns of error(p, t), divided by the sum of w  (Mean; else neither)
// Errors.at(j) is the error of a vector of columns from j on: its value, and its slope by p.
template <class Setting, int Columns, class Errors, bool Mean> struct OfElements {
    typedef typename Setting::T T;
    typedef T Target;
    static constexpr bool mean = Mean;
    typedef Matrix<T, Setting::rows, Columns> Prediction;

    Errors errors;

    void read(const double* numbers) { errors.read(numbers); }
    template <class Batch> INLINE double total(const Batch& batch) const { return batch.weight_of_all(); }

    template <class Batch> INLINE double operator()(const Prediction& p, Prediction& dp, const Batch& batch) const {
        const double share = Mean ? 1 / (batch.total * Columns) : 1;
        Vec<T> losses = zero<T>();
        for (int i = 0; i < Setting::rows; ++i) {
            const bool filled = i < batch.rows;
            const Target* target = static_cast<const Target*>(batch.targets) + (filled ? batch.sample(i) : 0) * Columns;
            const T weight = filled ? T(batch.weight(i)) : T(0);
            const bool live = filled && weight != 0;  // whatever its error, a sample without weight has none
            for (int j = 0; j < Columns; j += lanes<T>) {
                const auto error = errors.at(j);
                Vec<T> x = load(p.row(i) + j), t = load_some<T>(target + j, Columns - j);
                losses += live ? first(Columns - j, weight * error.value(x, t)) : zero<T>();
                store(dp.row(i) + j, live ? first(Columns - j, T(share) * weight * error.slope(x, t)) : zero<T>());
            }
        }
        return double(sum<T>(losses)) * share;
    }
};

// The same error in every column.
template <class Error> struct Alike {
    void read(const double*) {}
    INLINE Error at(int) const { return {}; }
};

// An error times a weight for each column.
template <class T, int Columns, class Errors> struct Weighed {
    Buffer<T, padded<T>(Columns)> weight;
    Errors errors;

    struct Error {
        Vec<T> weight;
        decltype(Errors().at(0)) error;
        INLINE Vec<T> value(Vec<T> p, Vec<T> t) const { return weight * error.value(p, t); }
        INLINE Vec<T> slope(Vec<T> p, Vec<T> t) const { return weight * error.slope(p, t); }
    };
    void read(const double* numbers) {
        for (int c = 0; c < Columns; ++c) weight.at[c] = T(numbers[c]);
        errors.read(numbers + Columns);
    }
    INLINE Error at(int j) const { return {load(weight.at + j), errors.at(j)}; }
};

// (p - t)^2
struct SquaredError {
    template <class V> static INLINE V value(V p, V t) { return (p - t) * (p - t); }
    template <class V> static INLINE V slope(V p, V t) { return 2 * (p - t); }
};

// |p - t|
struct AbsoluteError {
    template <class V> static INLINE V value(V p, V t) { return larger(p - t, t - p); }
    template <class V> static INLINE V slope(V p, V t) { return sign(p - t); }
};

// c (d - c / 2) with d = p - t, and c = d cut off at +-delta
template <class Constants> struct HuberError {
    template <class V> static INLINE V clipped(V p, V t) {
        const V delta = V{} + Element<V>(Constants::delta);
        return larger(smaller(p - t, delta), -delta);
    }
    template <class V> static INLINE V value(V p, V t) {
        V c = clipped(p, t);
        return c * (p - t - Element<V>(0.5) * c);
    }
    template <class V> static INLINE V slope(V p, V t) { return clipped(p, t); }
};

// s (d - beta s / 2) with d = p - t, and s = d / beta cut off at +-1
template <class Constants> struct SmoothError {
    template <class V> static INLINE V slope(V p, V t) {
        if constexpr (Constants::beta == 0) return sign(p - t);
        const V one = V{} + Element<V>(1);
        return larger(smaller((p - t) / Element<V>(Constants::beta), one), -one);
    }
    template <class V> static INLINE V value(V p, V t) {
        V s = slope(p, t);
        return s * (p - t - Element<V>(Constants::beta / 2) * s);
    }
};

// Of a logarithm x of the rate, e^x - t x + s;  of the rate p itself, p - t log(p + eps) + s, NaN below -eps.
// The term s, if wanted, is Stirling's log t! for t > 1, and else 0.
template <class Constants> struct PoissonError {
    template <class V> static INLINE V value(V p, V t) {
        const V error = Constants::log_input ? exp(p) - t * p : p - t * log(p + Element<V>(Constants::eps));
        return Constants::full ? error + stirling(t) : error;
    }
    template <class V> static INLINE V slope(V p, V t) {
        if constexpr (Constants::log_input) return exp(p) - t;
        return 1 - t / (p + Element<V>(Constants::eps));
    }
    template <class V> static INLINE V stirling(V t) {
        const V two_pi = every<V>(0x1.921fb54442d18p2);
        return t > 1 ? t * log(t) - t + Element<V>(0.5) * log(two_pi * t) : V{};
    }
};

// s (p - t), with a q for each column: s = 1 - q above the target, -q below it, and else 0
template <class T, int Columns> struct QuantileErrors {
    Buffer<T, padded<T>(Columns)> quantile;

    struct Error {
        Vec<T> q;
        INLINE Vec<T> slope(Vec<T> p, Vec<T> t) const { return p > t ? 1 - q : p < t ? -q : zero<T>(); }
        INLINE Vec<T> value(Vec<T> p, Vec<T> t) const { return slope(p, t) * (p - t); }
    };
    void read(const double* numbers) {
        for (int c = 0; c < Columns; ++c) quantile.at[c] = T(numbers[c]);
    }
    INLINE Error at(int j) const { return {load(quantile.at + j)}; }
};

// -(t log p + (1 - t) log(1 - p)), logarithms not below -100 and the slope's denominator not below 1e-12; NaN where p is no
// probability, for which training stops
struct BinaryError {
    template <class V> static INLINE V value(V p, V t) {
        const V least = V{} - Element<V>(100), none = V{} + Element<V>(__builtin_nan(""));
        const V error = (t - 1) * larger(log1p(-p), least) - t * larger(log(p), least);
        return p >= 0 ? (p <= 1 ? error : none) : none;
    }
    template <class V> static INLINE V slope(V p, V t) {
        return (p - t) / larger(p * (1 - p), V{} + Element<V>(1e-12));
    }
};

// c t softplus(-x) + (1 - t) softplus(x), with the slope (c t + 1 - t) sigmoid(x) - c t and a c for each column
template <class T, int Columns> struct BinaryErrorsOfLogits {
    Buffer<T, padded<T>(Columns)> pos_weight;

    struct Error {
        Vec<T> pos_weight;
        INLINE Vec<T> value(Vec<T> x, Vec<T> t) const {
            const Vec<T> down = softplus(-x), yes = pos_weight * t;
            return yes * down + (1 - t) * (x + down);  // softplus(x) = x + softplus(-x)
        }
        INLINE Vec<T> slope(Vec<T> x, Vec<T> t) const {
            const Vec<T> yes = pos_weight * t;
            return (yes + 1 - t) * sigmoid(x) - yes;
        }
    };
    void read(const double* numbers) {
        for (int c = 0; c < Columns; ++c) pos_weight.at[c] = T(numbers[c]);
    }
    INLINE Error at(int j) const { return {load(pos_weight.at + j)}; }
};

}  // namespace plaingrad
