// Activations that do not directly follow a linear layer.
#pragma once

#include "layers/activation.hpp"
#include "rules/parameter.hpp"

namespace plaingrad {

// dz = dy f'(z), in place. `saved` is y or z, whichever the activation's backward takes.
template <class Activation, class M> INLINE void backward_into(M& dy, const M& saved) {
    typedef typename M::Element T;
    for (int i = 0; i < M::rows; ++i)
        for (int j = 0; j < M::width; j += Lanes<T>)
            Store(Activation::backward(Load(saved.row(i) + j), Load(dy.row(i) + j)), dy.row(i) + j);
}

// y = f(x),  dx = dy f'(x)
template <class Setting, int Features, class Activation> struct Elementwise {
    typedef typename Setting::T T;
    typedef Matrix<T, Setting::rows, Features> Input;
    typedef Input Output;

    template <class F> void each(F&) {}

    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch&) {
        for (int i = 0; i < Setting::rows; ++i)
            for (int j = 0; j < Input::width; j += Lanes<T>) Store(Activation::value(Load(x.row(i) + j)), y.row(i) + j);
    }
    template <bool NeedsInputGrad, class Batch>
    INLINE void backward(const Input& x, const Output& y, Output& dy, Input* dx, const Batch&) {
        if constexpr (NeedsInputGrad) {
            backward_into<Activation>(dy, Activation::from_output ? y : x);
            *dx = dy;
        }
    }
};

}  // namespace plaingrad
