// Layers one after another, and shortcuts around them.
#pragma once

#include "base/matrix.hpp"

namespace plaingrad {

// A chain holds its first layer, the rest as a chain of its own, and between the two the value y and its gradient dy.
template <class Layer, class... Rest> struct Chain {
    typedef typename Layer::Input Input;
    typedef typename Chain<Rest...>::Output Output;

    Layer layer;
    Chain<Rest...> rest;
    typename Layer::Output y, dy;

    template <class F> void each(F& f) {
        layer.each(f);
        rest.each(f);
    }
    template <class Batch> INLINE void forward(const Input& x, Output& out, const Batch& batch) {
        layer.forward(x, y, batch);
        rest.forward(y, out, batch);
    }
    // The gradient by x is computed only if it is needed: not for the data.
    template <bool NeedsInputGrad, class Batch>
    INLINE void backward(const Input& x, const Output& out, Output& dout, Input* dx, const Batch& batch) {
        rest.template backward<true>(y, out, dout, &dy, batch);
        layer.template backward<NeedsInputGrad>(x, y, dy, dx, batch);
    }
};

template <class Layer> struct Chain<Layer> : Layer {};

// y = x + f(x),  dx = dy + f'(dy)
template <class Inside> struct Residual {
    typedef typename Inside::Input Input;
    typedef Input Output;
    typedef typename Input::Element T;

    Inside inside;
    Output change, dchange;

    template <class F> void each(F& f) { inside.each(f); }

    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch& batch) {
        inside.forward(x, change, batch);
        for (int i = 0; i < Input::rows; ++i)
            for (int j = 0; j < Input::width; j += Lanes<T>)
                Store(Load(x.row(i) + j) + Load(change.row(i) + j), y.row(i) + j);
    }
    template <bool NeedsInputGrad, class Batch>
    INLINE void backward(const Input& x, const Output&, Output& dy, Input* dx, const Batch& batch) {
        dchange = dy;  // which the layers inside may overwrite
        inside.template backward<NeedsInputGrad>(x, change, dchange, dx, batch);
        if constexpr (NeedsInputGrad)
            for (int i = 0; i < Input::rows; ++i)
                for (int j = 0; j < Input::width; j += Lanes<T>)
                    Store(Load(dx->row(i) + j) + Load(dy.row(i) + j), dx->row(i) + j);
    }
};

}  // namespace plaingrad
