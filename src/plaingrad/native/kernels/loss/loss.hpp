// Losses: one number for a batch, and the gradient by each prediction.
#pragma once

#include "base/lanes.hpp"
#include "base/math.hpp"
#include "base/matrix.hpp"

namespace plaingrad {

// A loss is called with the predictions of a batch and writes their gradient, which is 0 in rows that hold no sample.
// `total` is the divisor of a mean: the weights of the batch's samples, summed. Without weights each counts as 1. A batch
// whose total is 0 counts for nothing, and no loss is called with it.

struct ElementLossSizes {
    int columns;
    bool mean;
};

// sum over rows i of w_i times the mean over columns of error(p, t), divided by the sum of w  (if `mean`; else neither)
// Errors.at(j) is the error of a vector of columns from j on: its value, and its slope by p.
template <class Setting, ElementLossSizes Sizes, class Errors> struct ElementLoss {
    typedef typename Setting::T T;
    typedef T Target;
    static constexpr bool mean = Sizes.mean;
    typedef Matrix<T, Setting::rows, Sizes.columns> Prediction;

    Errors errors;

    void read(const double* numbers) { errors.read(numbers); }
    template <class Batch> INLINE double total(const Batch& batch) const { return batch.weight_of_all(); }

    template <class Batch> INLINE double operator()(const Prediction& p, Prediction& dp, const Batch& batch) const {
        const double share = Sizes.mean ? 1 / (batch.total * Sizes.columns) : 1;
        Vec<T> losses = Zero<T>();
        for (int i = 0; i < Setting::rows; ++i) {
            const bool filled = i < batch.rows;
            const Target* target =
                static_cast<const Target*>(batch.targets) + (filled ? batch.sample(i) : 0) * Sizes.columns;
            const T weight = filled ? T(batch.weight(i)) : T(0);
            const bool live = filled && weight != 0;  // the error of a sample without weight may be infinite
            for (int j = 0; j < Sizes.columns; j += Lanes<T>) {
                const auto error = errors.at(j);
                Vec<T> x = Load(p.row(i) + j), t = LoadN(target + j, Sizes.columns - j);
                losses += live ? IfThenElseZero(FirstN<T>(Sizes.columns - j), weight * error.value(x, t)) : Zero<T>();
                Store(live ? IfThenElseZero(FirstN<T>(Sizes.columns - j), T(share) * weight * error.slope(x, t))
                           : Zero<T>(),
                      dp.row(i) + j);
            }
        }
        return double(ReduceSum(losses)) * share;
    }
};

// The same error in every column.
template <class Error> struct SameForAllColumns {
    void read(const double*) {}
    INLINE Error at(int) const { return {}; }
};

// An error times a weight for each column.
template <class T, int Columns, class Errors> struct Weighted {
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
    INLINE Error at(int j) const { return {Load(weight.at + j), errors.at(j)}; }
};

// (p - t)^2
struct SquaredError {
    template <class V> static INLINE V value(V p, V t) { return (p - t) * (p - t); }
    template <class V> static INLINE V slope(V p, V t) { return 2 * (p - t); }
};

// |p - t|
struct AbsoluteError {
    template <class V> static INLINE V value(V p, V t) { return Max(p - t, t - p); }
    template <class V> static INLINE V slope(V p, V t) { return sign(p - t); }
};

// c (d - c / 2) with d = p - t, and c = d cut off at +-delta
template <class Constants> struct HuberError {
    template <class V> static INLINE V clipped(V p, V t) {
        const V delta = Set<V>(Constants::delta);
        return Max(Min(p - t, delta), -delta);
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
        const V one = Set<V>(1);
        return Max(Min((p - t) / Element<V>(Constants::beta), one), -one);
    }
    template <class V> static INLINE V value(V p, V t) {
        V s = slope(p, t);
        return s * (p - t - Element<V>(Constants::beta / 2) * s);
    }
};

// Of a logarithm x of the rate, e^x - t x + s;  of the rate p itself, p - t log(p + eps) + s, NaN below -eps.
// The term s, of `full` alone, is Stirling's log t! for t > 1, and else 0.
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
        const V two_pi = Set<V>(0x1.921fb54442d18p2);
        return IfThenElseZero(t > 1, t * log(t) - t + Element<V>(0.5) * log(two_pi * t));
    }
};

// s (p - t), with a q for each column: s = 1 - q above the target, -q below it, and else 0
template <class T, int Columns> struct QuantileErrors {
    Buffer<T, padded<T>(Columns)> quantile;

    struct Error {
        Vec<T> q;
        INLINE Vec<T> slope(Vec<T> p, Vec<T> t) const { return IfThenElse(p > t, 1 - q, IfThenElseZero(p < t, -q)); }
        INLINE Vec<T> value(Vec<T> p, Vec<T> t) const { return slope(p, t) * (p - t); }
    };
    void read(const double* numbers) {
        for (int c = 0; c < Columns; ++c) quantile.at[c] = T(numbers[c]);
    }
    INLINE Error at(int j) const { return {Load(quantile.at + j)}; }
};

// -(t log p + (1 - t) log(1 - p)), logarithms not below -100 and the slope's denominator not below 1e-12; NaN where p is no
// probability, for which training stops
struct BinaryError {
    template <class V> static INLINE V value(V p, V t) {
        const V least = Set<V>(-100), none = Set<V>(__builtin_nan(""));
        const V error = (t - 1) * Max(log1p(-p), least) - t * Max(log(p), least);
        return IfThenElse((p >= 0) & (p <= 1), error, none);
    }
    template <class V> static INLINE V slope(V p, V t) { return (p - t) / Max(p * (1 - p), Set<V>(1e-12)); }
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
    INLINE Error at(int j) const { return {Load(pos_weight.at + j)}; }
};

}  // namespace plaingrad
