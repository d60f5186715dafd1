// Normalisation over the features of each sample.
#pragma once

#include "base/lanes.hpp"
#include "base/math.hpp"
#include "rules/parameter.hpp"

namespace plaingrad {

// The number of features, and the groups of the parameters in the optimizer.
struct LayerNormSizes { int features, weight_group, bias_group; };

// n = (x - mean) / s,  y = n w + b,  s^2 = mean of (x - mean)^2 + eps,  with the means over a sample
// dx = (g - mean of g - n mean of g n) / s,  g = dy w,  dw = sum of dy n,  db = sum of dy,  with the sums over the batch
template <class Setting, LayerNormSizes Sizes, class Constants> struct LayerNorm {
    typedef typename Setting::T T;
    typedef Matrix<T, Setting::rows, Sizes.features> Input;
    typedef Input Output;
    static constexpr bool has_weight = Sizes.weight_group != absent, has_bias = Sizes.bias_group != absent;

    Parameter<Setting, Vector<T, Sizes.features>, Sizes.weight_group> weight;
    Parameter<Setting, Vector<T, Sizes.features>, Sizes.bias_group> bias;
    Input normal;
    Buffer<T, Setting::rows> inverse;

    template <class F> void each(F& f) {
        if constexpr (has_weight) f(weight);
        if constexpr (has_bias) f(bias);
    }

    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch&) {
        for (int i = 0; i < Setting::rows; ++i) {
            // A second pass corrects the rounding of the first, so that equal features become exactly 0.
            T mean = mean_of([&](int j) { return Load(x.row(i) + j); });
            mean += mean_of([&](int j) { return Load(x.row(i) + j) - mean; });
            const T variance = mean_of([&](int j) {
                const Vec<T> centred = Load(x.row(i) + j) - mean;
                return centred * centred;
            });
            const Vec<T> s = Sqrt(Set<T>(variance + T(Constants::eps)));
            inverse.at[i] = 1 / s[0];
            for (int j = 0; j < Input::width; j += Lanes<T>) {
                const Vec<T> n = (Load(x.row(i) + j) - mean) * inverse.at[i];
                Vec<T> out = n;
                if constexpr (has_weight) out *= Load(weight.value.at + j);
                if constexpr (has_bias) out += Load(bias.value.at + j);
                Store(n, normal.row(i) + j);
                Store(out, y.row(i) + j);
            }
        }
    }

    template <bool NeedsInputGrad, class Batch>
    INLINE void backward(const Input&, const Output&, Output& dy, Input* dx, const Batch& batch) {
        if constexpr (NeedsInputGrad)
            for (int i = 0; i < Setting::rows; ++i) {
                auto g = [&](int j) {
                    if constexpr (has_weight) return Load(dy.row(i) + j) * Load(weight.value.at + j);
                    else return Load(dy.row(i) + j);
                };
                const T mean = mean_of(g), along = mean_of([&](int j) { return g(j) * Load(normal.row(i) + j); });
                for (int j = 0; j < Input::width; j += Lanes<T>) {
                    const Vec<T> d = (g(j) - mean - Load(normal.row(i) + j) * along) * inverse.at[i];
                    Store(IfThenElseZero(FirstN<T>(Sizes.features - j), d), dx->row(i) + j);
                }
            }
        for (int j = 0; j < Input::width; j += Lanes<T>) {
            Vec<T> dweight = Zero<T>(), dbias = Zero<T>();
            for (int i = 0; i < Setting::rows; ++i) {
                dweight = MulAdd(Load(dy.row(i) + j), Load(normal.row(i) + j), dweight);
                dbias += Load(dy.row(i) + j);
            }
            if constexpr (has_weight) weight.learn(batch.learner, j, dweight);
            if constexpr (has_bias) bias.learn(batch.learner, j, dbias);
        }
    }

    // The mean over the features of f, which gives a vector of them.
    template <class F> static INLINE T mean_of(F f) {
        Vec<T> total = Zero<T>();
        for (int j = 0; j < Input::width; j += Lanes<T>) total += IfThenElseZero(FirstN<T>(Sizes.features - j), f(j));
        return ReduceSum(total) / Sizes.features;
    }
};

}  // namespace plaingrad
