// A table of learned vectors.
#pragma once

#include "rules/parameter.hpp"

namespace plaingrad {

// A row for each of the table's vectors, padded.
template <class T, int Rows, int Size> struct Table {
    static constexpr int height = Rows, length = Size, width = padded<T>(Size), size = Rows * width;
    static constexpr bool transposed = false;
    static constexpr int offset(int row, int column) { return row * width + column; }
};

// A table has `rows` vectors of a `length`. It is looked up for so many `inputs`, consecutive columns of the data, and its
// vectors stand in the output from a column on. No row is the `padding` if that is -1.
struct LookUpSizes { int first_input, inputs, first_output, rows, length, padding, group; };

// y = W[x],  dW[k] = sum of dy over the batch's x = k, but not for k = padding.
template <class Setting, LookUpSizes Sizes> struct LookUp {
    typedef typename Setting::T T;
    typedef Table<T, Sizes.rows, Sizes.length> Layout;
    typedef Parameter<Setting, Layout, Sizes.group> Weight;

    Weight weight;
    Buffer<T, Weight::learned ? Layout::size : 0> gradient;  // 0 between the batches

    template <class Input> static INLINE int index(const Input& x, int i, int c) {
        return int(x.row(i)[Sizes.first_input + c]);
    }

    template <class Input, class Output> INLINE void forward(const Input& x, Output& y) const {
        for (int i = 0; i < Setting::rows; ++i)
            for (int c = 0; c < Sizes.inputs; ++c) {
                const T* vector = weight.value.at + index(x, i, c) * Layout::width;
                __builtin_memcpy(y.row(i) + Sizes.first_output + c * Sizes.length, vector, Sizes.length * sizeof(T));
            }
    }
    template <class Input, class Output, class Batch>
    INLINE void backward(const Input& x, const Output& dy, const Batch& batch) {
        if constexpr (Weight::learned) {
            for (int i = 0; i < batch.rows; ++i)
                for (int c = 0; c < Sizes.inputs; ++c)
                    if (index(x, i, c) != Sizes.padding)
                        add(index(x, i, c), dy.row(i) + Sizes.first_output + c * Sizes.length);
            if constexpr (Setting::Rule::zero_gradient_is_noop &&
                          !Setting::deferred) {  // all other rows stay as they are
                for (int i = 0; i < batch.rows; ++i)
                    for (int c = 0; c < Sizes.inputs; ++c) learn(index(x, i, c), batch);
            } else
                for (int k = 0; k < Sizes.rows; ++k) learn(k, batch);
        }
    }
    INLINE void add(int row, const T* d) {
        for (int k = 0; k < Sizes.length; ++k) gradient.at[row * Layout::width + k] += d[k];
    }
    template <class Batch> INLINE void learn(int row, const Batch& batch) {
        for (int offset = row * Layout::width; offset < (row + 1) * Layout::width; offset += Lanes<T>) {
            weight.learn(batch.learner, offset, Load(gradient.at + offset));
            Store(Zero<T>(), gradient.at + offset);
        }
    }
};

// Columns of the data that are not looked up.
template <int... Columns> struct PassThrough {
    template <class Input, class Output> static INLINE void forward(const Input& x, Output& y) {
        for (int i = 0; i < Input::rows; ++i) {
            [[maybe_unused]] auto* to = y.row(i);
            ((*to++ = x.row(i)[Columns]), ...);
        }
    }
};

struct EmbeddingSizes { int inputs, outputs; };

// The data: the columns that pass, followed by the vectors that are looked up for the others. Rows without a sample hold an
// earlier sample's indices, or 0, which every table has.
template <class Setting, class InputElement, EmbeddingSizes Sizes, class Passing, class... Tables> struct Embedding {
    typedef Matrix<InputElement, Setting::rows, Sizes.inputs> Input;
    typedef Matrix<typename Setting::T, Setting::rows, Sizes.outputs> Output;

    template <class F> void each(F&) {}
    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch&) { Passing::forward(x, y); }
    template <bool NeedsInputGrad, class Batch>
    INLINE void backward(const Input&, const Output&, Output&, Input*, const Batch&) {}
};

// The first table, and the rest of them.
template <class Setting, class InputElement, EmbeddingSizes Sizes, class Passing, class Table, class... Tables>
struct Embedding<Setting, InputElement, Sizes, Passing, Table, Tables...> {
    typedef Embedding<Setting, InputElement, Sizes, Passing, Tables...> Rest;
    typedef typename Rest::Input Input;
    typedef typename Rest::Output Output;

    Table table;
    Rest rest;

    template <class F> void each(F& f) {
        f(table.weight);
        rest.each(f);
    }
    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch& batch) {
        table.forward(x, y);
        rest.forward(x, y, batch);
    }
    // Indices have no gradient, and the data need none.
    template <bool NeedsInputGrad, class Batch>
    INLINE void backward(const Input& x, const Output& y, Output& dy, Input* dx, const Batch& batch) {
        table.backward(x, dy, batch);
        rest.template backward<NeedsInputGrad>(x, y, dy, dx, batch);
    }
};

}  // namespace plaingrad
