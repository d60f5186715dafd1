// The fully connected layer with the activation that follows it.
#pragma once

#include "base/lanes.hpp"
#include "layers/elementwise.hpp"
#include "layers/product.hpp"
#include "layers/zeros.hpp"

namespace plaingrad {

// The sizes of a layer, and its parameters' groups in the optimizer. Inputs with many zeros are
// `sparse_inputs`: the wide form skips the zeros of a batch that has enough of them.
struct LinearSizes {
    int inputs, outputs, weight_group, bias_group;
    bool sparse_inputs = false;
};

// Common to the two forms of the layer: its parameters, its activation, the gradient of its bias.
template <class Setting, LinearSizes Sizes, class Activation, class Layout> struct Affine {
    typedef typename Setting::T T;
    static constexpr int rows = Setting::rows, inputs = Sizes.inputs, outputs = Sizes.outputs;
    static constexpr bool has_bias = Sizes.bias_group != absent, keeps_z = !Activation::from_output;
    typedef Matrix<T, rows, inputs> Input;
    typedef Matrix<T, rows, outputs> Output;

    Parameter<Setting, Layout, Sizes.weight_group> weight;
    Parameter<Setting, Vector<T, outputs>, Sizes.bias_group> bias;
    Matrix<T, keeps_z ? rows : 0, outputs> z;

    template <class F> void each(F& f) {
        f(weight);
        if constexpr (has_bias) f(bias);
    }
    // dz = dy f'(z), in place, and the gradient of the bias on the way.
    template <class Learner> INLINE void backward_activation(const Output& y, Output& dy, const Learner& learner) {
        for (int j = 0; j < Output::width; j += Lanes<T>) {
            Vec<T> sum = Zero<T>();
            for (int i = 0; i < rows; ++i) {
                Vec<T> dz = Activation::backward(Load(saved(y).row(i) + j), Load(dy.row(i) + j));
                Store(dz, dy.row(i) + j);
                sum += dz;
            }
            if constexpr (has_bias) bias.learn(learner, j, sum);
        }
    }
    INLINE const Output& saved(const Output& y) const {
        if constexpr (keeps_z) return z;
        else return y;
    }
};

template <LinearSizes Sizes> constexpr int widest = Sizes.sparse_inputs ? registers / 4 : widest_panel;

template <class T, LinearSizes Sizes> struct Transposed : Panels<T, Sizes.inputs, Sizes.outputs, widest<Sizes>> {
    static constexpr int height = Sizes.outputs, length = Sizes.inputs;
    static constexpr bool transposed = true;
    static constexpr int offset(int output, int input) { return Transposed::Panels::offset(input, output); }
};
template <class T, LinearSizes Sizes> struct RowMajor : Panels<T, Sizes.outputs, Sizes.inputs> {
    static constexpr int height = Sizes.outputs, length = Sizes.inputs;
    static constexpr bool transposed = false;
};

// y = f(x W^T + b),  dz = dy f'(z),  dx = dz W,  dW^T = x^T dz,  db = sum of dz over the batch
//
// W^T is kept, inputs x outputs, so that in y and in dW^T the outputs lie along the lanes. In dx the inputs do, for which
// W^T is transposed once a batch; a batch of a few rows is not worth that, and sums across lanes instead.
//
// Where x has many zeros, and dz where the activation halves, those are left out if there are enough of them in the batch;
// the panels are then wider, for a step is of one row alone.
template <class Setting, LinearSizes Sizes, class Activation>
struct Wide : Affine<Setting, Sizes, Activation, Transposed<typename Setting::T, Sizes>> {
    typedef typename Setting::T T;
    static constexpr int rows = Setting::rows, inputs = Sizes.inputs, outputs = Sizes.outputs;
    typedef Matrix<T, Setting::rows, inputs> Input;
    typedef Matrix<T, Setting::rows, outputs> Output;
    typedef Panels<T, inputs, outputs, widest<Sizes>> Weight;
    typedef Panels<T, outputs, inputs> Backward;
    static constexpr bool transposes = rows >= 6;
    static constexpr bool skips_x =
        Sizes.sparse_inputs && Setting::training && rows >= 8 && inputs >= 32 && Weight::wide >= 3;
    static constexpr bool skips_dz =
        zero_for_half<Activation> && Setting::training && rows >= 8 && outputs >= 32 && Backward::wide >= 3;

    Buffer<T, transposes ? Backward::size : 0> backward_weight;
    NonzeroMasks<skips_x ? rows : 0, inputs> x_rows;
    NonzeroMasks<skips_x ? inputs : 0, rows> x_columns;
    NonzeroMasks<skips_dz ? rows : 0, outputs> dz_rows;
    Buffer<T, (skips_x || skips_dz ? Max(rows, inputs) : 0) * widest<Sizes> * Lanes<T>> partial;

    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch&) {
        auto finish = [&](int row, int vector, Vec<T> sum) { this->finish(y, row, vector, sum); };
        const T* weight = this->weight.value.at;
        if constexpr (skips_x) {
            x_rows.of_rows(x);
            if (x_rows.template is_sparse<Weight::wide>())
                return product<Strides{.row = Input::stride, .step = 1}, Weight>(x_rows, x.row(0), weight, partial.at,
                                                                                 finish);
        }
        product<rows, Strides{.row = Input::stride, .step = 1}, Weight>(x.row(0), weight, finish);
    }
    INLINE void finish(Output& y, int row, int vector, Vec<T> sum) {
        if constexpr (Wide::has_bias) sum += Load(this->bias.value.at + vector * Lanes<T>);
        if constexpr (Wide::keeps_z) Store(sum, this->z.row(row) + vector * Lanes<T>);
        Store(Activation::value(sum), y.row(row) + vector * Lanes<T>);
    }

    template <bool NeedsInputGrad, class Batch>
    INLINE void backward(const Input& x, const Output& y, Output& dy, Input* dx, const Batch& batch) {
        this->backward_activation(y, dy, batch.learner);
        if constexpr (NeedsInputGrad && transposes) by_input(dy, *dx);
        else if constexpr (NeedsInputGrad) by_input_across(dy, *dx);
        auto learn = [&](int input, int vector, Vec<T> sum) {
            this->weight.learn(batch.learner, Weight::at(input, vector), sum);
        };
        auto prefetch = [&](int input, int vector)
                            __attribute__((always_inline)) { this->weight.prefetch(Weight::at(input, vector)); };
        if constexpr (skips_x)
            if (x_rows.template is_sparse<Weight::wide>()) {
                x_columns.of_columns(x);
                return product_over_rows<Weight>(x_columns, x, dy, partial.at, learn, prefetch);
            }
        product_over_rows<Weight>(x, dy, learn, prefetch);
    }

    INLINE void by_input(const Output& dz, Input& dx) {
        for (int vector = 0; vector < Weight::total; ++vector)
            for (int input = 0; input < inputs; input += Lanes<T>) transpose_square(input, vector);
        auto finish = [&](int row, int vector, Vec<T> sum) { Store(sum, dx.row(row) + vector * Lanes<T>); };
        if constexpr (skips_dz) {
            dz_rows.of_rows(dz);
            if (dz_rows.template is_sparse<Backward::wide>())
                return product<Strides{.row = Output::stride, .step = 1}, Backward>(
                    dz_rows, dz.row(0), backward_weight.at, partial.at, finish);
        }
        product<rows, Strides{.row = Output::stride, .step = 1}, Backward>(dz.row(0), backward_weight.at, finish);
    }
    // Transpose the square of weights that begins with this input and this vector of outputs. The lanes beyond
    // the inputs are 0 already; setting them again spares the compiler fault of `opaque_zero`, for which registers lack here.
    INLINE void transpose_square(int input, int vector) {
        Vec<T> square[Lanes<T>];
#pragma GCC unroll 16
        for (int i = 0; i < Lanes<T>; ++i) square[i] = input + i < inputs ? weights(input + i, vector) : Zero<T>();
        transpose(square);
#pragma GCC unroll 16
        for (int i = 0; i < Lanes<T>; ++i) {
            int output = vector * Lanes<T> + i;
            if (output < outputs)
                Store(IfThenElseZero(FirstN<T>(inputs - input), square[i]),
                      backward_weight.at + Backward::at(output, input / Lanes<T>));
        }
    }
    INLINE Vec<T> weights(int input, int vector) const {
        return Load(this->weight.value.at + Weight::at(input, vector));
    }

    INLINE void by_input_across(const Output& dz, Input& dx) {
        for (int row = 0; row < rows; ++row)
            for (int input = 0; input < inputs; input += Lanes<T>) {
                Vec<T> part[Lanes<T>] = {};
                for (int vector = 0; vector < Weight::total; ++vector) {
                    Vec<T> d = Load(dz.row(row) + vector * Lanes<T>);
#pragma GCC unroll 16
                    for (int i = 0; i < Lanes<T>; ++i)
                        if (input + i < inputs) part[i] = MulAdd(weights(input + i, vector), d, part[i]);
                }
                Store(reduce_sum_of_each(part), dx.row(row) + input);
            }
    }
};

// The same for few outputs, which would leave half of the lanes or more idle: the inputs lie along the lanes, W is kept
// as it is, and y is summed across lanes, the outputs of several rows in one vector.
template <class Setting, LinearSizes Sizes, class Activation>
struct Narrow : Affine<Setting, Sizes, Activation, RowMajor<typename Setting::T, Sizes>> {
    typedef typename Setting::T T;
    static constexpr int rows = Setting::rows, inputs = Sizes.inputs, outputs = Sizes.outputs;
    typedef Matrix<T, Setting::rows, inputs> Input;
    typedef Matrix<T, Setting::rows, outputs> Output;
    typedef Panels<T, outputs, inputs> Weight;

    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch&) {
        constexpr int together = Min(Lanes<T> / outputs, rows);
        Vec<T> biases = Zero<T>();
        if constexpr (Narrow::has_bias)
            for (int i = 0; i < together * outputs; ++i) biases[i] = this->bias.value.at[i % outputs];
        int top = 0;
        for (; top + together <= rows; top += together) forward_rows<together>(x, y, top, biases);
        if constexpr (rows % together > 0) forward_rows<rows % together>(x, y, top, biases);
    }
    template <int Count> INLINE void forward_rows(const Input& x, Output& y, int top, Vec<T> biases) {
        Vec<T> part[Lanes<T>] = {};
        for (int vector = 0; vector < Weight::total; ++vector)
#pragma GCC unroll 16
            for (int i = 0; i < Count; ++i) {
                Vec<T> along = Load(x.row(top + i) + vector * Lanes<T>);
#pragma GCC unroll 8
                for (int o = 0; o < outputs; ++o)
                    part[i * outputs + o] =
                        MulAdd(along, Load(this->weight.value.at + Weight::at(o, vector)), part[i * outputs + o]);
            }
        Vec<T> sum = reduce_sum_of_each(part) + biases, value = Activation::value(sum);
        for (int i = 0; i < Count; ++i)
            for (int o = 0; o < outputs; ++o) {
                if constexpr (Narrow::keeps_z) this->z.row(top + i)[o] = sum[i * outputs + o];
                y.row(top + i)[o] = value[i * outputs + o];
            }
    }

    template <bool NeedsInputGrad, class Batch>
    INLINE void backward(const Input& x, const Output& y, Output& dy, Input* dx, const Batch& batch) {
        this->backward_activation(y, dy, batch.learner);
        if constexpr (NeedsInputGrad)
            product<rows, Strides{.row = Output::stride, .step = 1}, Weight>(
                dy.row(0), this->weight.value.at,
                [&](int row, int vector, Vec<T> sum) { Store(sum, dx->row(row) + vector * Lanes<T>); });
        product_over_rows<Weight>(dy, x, [&](int output, int vector, Vec<T> sum) {
            sum = IfThenElseZero(FirstN<T>(inputs - vector * Lanes<T>), sum);  // beyond them x is any number
            this->weight.learn(batch.learner, Weight::at(output, vector), sum);
        });
    }
};

template <class Setting, LinearSizes Sizes> constexpr bool is_narrow = 2 * Sizes.outputs <= Lanes<typename Setting::T>;

template <bool First, class A, class B> struct EitherOf { typedef A type; };
template <class A, class B> struct EitherOf<false, A, B> { typedef B type; };

template <class Setting, LinearSizes Sizes, class Activation>
using Linear = typename EitherOf<is_narrow<Setting, Sizes>, Narrow<Setting, Sizes, Activation>,
                                 Wide<Setting, Sizes, Activation>>::type;

}  // namespace plaingrad
