// Normalisation over the features of each sample.
#pragma once

#include "base/lanes.hpp"
#include "base/math.hpp"
#include "rules/parameter.hpp"

namespace plaingrad {

// n = (x - mean) / s,  y = n w + b,  s^2 = mean of (x - mean)^2 + eps,  with the means over a sample
// dx = (g - mean of g - n mean of g n) / s,  g = dy w,  dw = sum of dy n,  db = sum of dy,  with the sums over the batch
template <class Setting, int Features, class Constants, int WeightGroup, int BiasGroup> struct LayerNorm {
    typedef typename Setting::T T;
    typedef Matrix<T, Setting::rows, Features> Input;
    typedef Input Output;
    static constexpr bool has_weight = WeightGroup != absent, has_bias = BiasGroup != absent;

    Parameter<Setting, Vector<T, Features>, WeightGroup> weight;
    Parameter<Setting, Vector<T, Features>, BiasGroup> bias;
    Input normal;
    Buffer<T, Setting::rows> inverse;

    template <class F> void each(F& f) {
        if constexpr (has_weight) f(weight);
        if constexpr (has_bias) f(bias);
    }

    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch&) {
        for (int i = 0; i < Setting::rows; ++i) {
            // Once more, for what rounding has missed: what is alike becomes 0.
            T mean = mean_of([&](int j) { return load(x.row(i) + j); });
            mean += mean_of([&](int j) { return load(x.row(i) + j) - mean; });
            const T variance = mean_of([&](int j) {
                const Vec<T> centred = load(x.row(i) + j) - mean;
                return centred * centred;
            });
            const Vec<T> s = sqrt(zero<T>() + (variance + T(Constants::eps)));
            inverse.at[i] = 1 / s[0];
            for (int j = 0; j < Input::width; j += lanes<T>) {
                const Vec<T> n = (load(x.row(i) + j) - mean) * inverse.at[i];
                Vec<T> out = n;
                if constexpr (has_weight) out *= load(weight.value.at + j);
                if constexpr (has_bias) out += load(bias.value.at + j);
                store(normal.row(i) + j, n);
                store(y.row(i) + j, out);
            }
        }
    }

    template <bool Wanted, class Batch>
    INLINE void backward(const Input&, const Output&, Output& dy, Input* dx, const Batch& batch) {
        if constexpr (Wanted)
            for (int i = 0; i < Setting::rows; ++i) {
                auto g = [&](int j) {
                    if constexpr (has_weight) return load(dy.row(i) + j) * load(weight.value.at + j);
                    else return load(dy.row(i) + j);
                };
                const T mean = mean_of(g), along = mean_of([&](int j) { return g(j) * load(normal.row(i) + j); });
                for (int j = 0; j < Input::width; j += lanes<T>) {
                    const Vec<T> d = (g(j) - mean - load(normal.row(i) + j) * along) * inverse.at[i];
                    store(dx->row(i) + j, first(Features - j, d));
                }
            }
        for (int j = 0; j < Input::width; j += lanes<T>) {
            Vec<T> dweight = zero<T>(), dbias = zero<T>();
            for (int i = 0; i < Setting::rows; ++i) {
                dweight += load(dy.row(i) + j) * load(normal.row(i) + j);
                dbias += load(dy.row(i) + j);
            }
            if constexpr (has_weight) weight.learn(batch.learner, j, dweight);
            if constexpr (has_bias) bias.learn(batch.learner, j, dbias);
        }
    }

    // The mean over the features of what f gives for each vector of them.
    template <class F> static INLINE T mean_of(F f) {
        Vec<T> total = zero<T>();
        for (int j = 0; j < Input::width; j += lanes<T>) total += first(Features - j, f(j));
        return sum<T>(total) / Features;
    }
};

}  // namespace plaingrad
