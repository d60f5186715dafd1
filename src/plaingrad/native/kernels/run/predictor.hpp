// Prediction: any number of rows through a network whose parameters stay as they are.
#pragma once

#include "rules/parameter.hpp"
#include "run/chain.hpp"

namespace plaingrad {

// The `Setting` of a network in evaluation mode, for this many rows at once.
template <class Element, int Rows> struct Evaluation {
    typedef Element T;
    struct Rule { static constexpr int states = 0; };
    static constexpr int rows = Rows, groups = 0;
    static constexpr bool training = false, deferred = false;
};

// A network with its inputs and outputs.
template <class Network> struct Evaluator {
    typedef typename Network::Input Input;
    typedef typename Network::Output Output;
    typedef typename Input::Element InputElement;
    typedef typename Output::Element T;
    struct Batch { int rows; };

    Output y;
    Input x;
    Network network;

    // Samples lie one after another in `inputs`; rows beyond them keep what they held, which any number may be.
    void forward(const InputElement* inputs, int rows) {
        for (int i = 0; i < rows; ++i)
            __builtin_memcpy(x.row(i), inputs + i * Input::columns, Input::columns * sizeof(InputElement));
        network.forward(x, y, Batch{rows});
    }
    void write(T* outputs, int rows) const {
        for (int i = 0; i < rows; ++i)
            __builtin_memcpy(outputs + i * Output::columns, y.row(i), Output::columns * sizeof(T));
    }
};

// The network twice: for a single row, where every nanosecond counts, and for many, where a parameter that is loaded
// once serves all of them. A single row's result stays in `one.y`, at the very beginning, where Python looks for it.
template <class One, class Many> struct Predictor {
    typedef typename One::Input::Element InputElement;  // numbers, or indices
    typedef typename One::Output::Element T;

    Evaluator<One> one;
    Evaluator<Many> many;

    void read(T* const* tensors) {
        read_parameters(one.network, tensors);
        read_parameters(many.network, tensors);
    }
    void row(const InputElement* inputs) { one.forward(inputs, 1); }

    void rows(const InputElement* inputs, T* outputs, Whole count) {
        constexpr int most = Many::Input::rows;
        for (Whole i = 0; i < count; i += most) {
            const int rows = count - i < most ? int(count - i) : most;
            many.forward(inputs + i * Many::Input::columns, rows);
            many.write(outputs + i * Many::Output::columns, rows);
        }
    }
};

}  // namespace plaingrad
