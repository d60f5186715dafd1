// The fully connected layer with the activation that follows it.
#pragma once

#include "layers/elementwise.hpp"
#include "base/lanes.hpp"
#include "layers/product.hpp"
#include "layers/zeros.hpp"

namespace plaingrad {

// What the two forms of the layer share: its parameters, its activation, the gradient of its bias.
template <class Setting, int Inputs, int Outputs, class Activation, class Layout, int WeightGroup, int BiasGroup>
struct Affine {
    typedef typename Setting::T T;
    static constexpr int rows = Setting::rows;
    static constexpr bool has_bias = BiasGroup != absent, keeps_z = !Activation::from_output;
    typedef Matrix<T, rows, Inputs> Input;
    typedef Matrix<T, rows, Outputs> Output;

    Parameter<Setting, Layout, WeightGroup> weight;
    Parameter<Setting, Vector<T, Outputs>, BiasGroup> bias;
    Matrix<T, keeps_z ? rows : 0, Outputs> z;

    template <class F> void each(F& f) {
        f(weight);
        if constexpr (has_bias) f(bias);
    }
    // dz = dy f'(z), in place, and the gradient of the bias on the way.
    template <class Learner> INLINE void backward_activation(const Output& y, Output& dy, const Learner& learner) {
        for (int j = 0; j < Output::width; j += lanes<T>) {
            Vec<T> sum = zero<T>();
            for (int i = 0; i < rows; ++i) {
                Vec<T> dz = Activation::backward(load(saved(y).row(i) + j), load(dy.row(i) + j));
                store(dy.row(i) + j, dz);
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

template <class T, int Inputs, int Outputs, int Widest> struct Turned : Panels<T, Inputs, Outputs, Widest> {
    static constexpr int height = Outputs, length = Inputs;
    static constexpr bool turned = true;
    static constexpr int place(int output, int input) { return Panels<T, Inputs, Outputs, Widest>::place(input, output); }
};
template <class T, int Inputs, int Outputs> struct Straight : Panels<T, Outputs, Inputs> {
    static constexpr int height = Outputs, length = Inputs;
    static constexpr bool turned = false;
};

// y = f(x W^T + b),  dz = dy f'(z),  dx = dz W,  dW^T = x^T dz,  db = sum of dz over the batch
//
// W^T is kept, inputs x outputs, so that in y and in dW^T the outputs lie along the lanes. In dx the inputs do, for which
// W^T is transposed once a batch; a batch of a few rows is not worth that, and sums across lanes instead.
//
// Where x has many zeros, and dz where the activation halves, those are left out if there are enough of them in the batch;
// the panels are then wider, for a step is of one row alone.
template <class Setting, int Inputs, int Outputs, class Activation, int WeightGroup, int BiasGroup, bool Zeros = false,
          int Widest = Zeros ? registers / 4 : widest_panel>
struct Wide : Affine<Setting, Inputs, Outputs, Activation, Turned<typename Setting::T, Inputs, Outputs, Widest>, WeightGroup, BiasGroup> {
    typedef typename Setting::T T;
    typedef Matrix<T, Setting::rows, Inputs> Input;
    typedef Matrix<T, Setting::rows, Outputs> Output;
    typedef Panels<T, Inputs, Outputs, Widest> Weight;
    typedef Panels<T, Outputs, Inputs> Transposed;
    static constexpr int rows = Setting::rows;
    static constexpr bool transposes = rows >= 6;
    static constexpr bool skips_x = Zeros && Setting::training && rows >= 8 && Inputs >= 32 && Weight::wide >= 3;
    static constexpr bool skips_dz = halves<Activation> && Setting::training && rows >= 8 && Outputs >= 32 && Transposed::wide >= 3;

    Buffer<T, transposes ? Transposed::size : 0> transposed;
    Places<skips_x ? rows : 0, Inputs> x_rows;
    Places<skips_x ? Inputs : 0, rows> x_columns;
    Places<skips_dz ? rows : 0, Outputs> dz_rows;
    Buffer<T, (skips_x || skips_dz ? larger(rows, Inputs) : 0) * Widest * lanes<T>> partial;

    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch&) {
        auto finish = [&](int row, int vector, Vec<T> sum) { this->finish(y, row, vector, sum); };
        const T* weight = this->weight.value.at;
        if constexpr (skips_x) {
            x_rows.of_rows(x);
            if (x_rows.template few<Weight::wide>()) return product<Input::stride, 1, Weight>(x_rows, x.row(0), weight, partial.at, finish);
        }
        product<rows, Input::stride, 1, Weight>(x.row(0), weight, finish);
    }
    INLINE void finish(Output& y, int row, int vector, Vec<T> sum) {
        if constexpr (Wide::has_bias) sum += load(this->bias.value.at + vector * lanes<T>);
        if constexpr (Wide::keeps_z) store(this->z.row(row) + vector * lanes<T>, sum);
        store(y.row(row) + vector * lanes<T>, Activation::value(sum));
    }

    template <bool Wanted, class Batch>
    INLINE void backward(const Input& x, const Output& y, Output& dy, Input* dx, const Batch& batch) {
        this->backward_activation(y, dy, batch.learner);
        if constexpr (Wanted && transposes) by_input(dy, *dx);
        else if constexpr (Wanted) by_input_across(dy, *dx);
        auto learn = [&](int input, int vector, Vec<T> sum) {
            this->weight.learn(batch.learner, Weight::at(input, vector), sum);
        };
        auto fetch = [&](int input, int vector) __attribute__((always_inline)) {
            this->weight.fetch(Weight::at(input, vector));
        };
        if constexpr (skips_x)
            if (x_rows.template few<Weight::wide>()) {
                x_columns.of_columns(x);
                return product_over_rows<Weight>(x_columns, x, dy, partial.at, learn, fetch);
            }
        product_over_rows<Weight>(x, dy, learn, fetch);
    }

    INLINE void by_input(const Output& dz, Input& dx) {
        for (int vector = 0; vector < Weight::total; ++vector)
            for (int input = 0; input < Inputs; input += lanes<T>) turn(input, vector);
        auto finish = [&](int row, int vector, Vec<T> sum) { store(dx.row(row) + vector * lanes<T>, sum); };
        if constexpr (skips_dz) {
            dz_rows.of_rows(dz);
            if (dz_rows.template few<Transposed::wide>())
                return product<Output::stride, 1, Transposed>(dz_rows, dz.row(0), transposed.at, partial.at, finish);
        }
        product<rows, Output::stride, 1, Transposed>(dz.row(0), transposed.at, finish);
    }
    // Transpose the square of weights that begins with this input and this vector of outputs. (The lanes beyond the
    // inputs are 0 already, but see `blank`, for which there are not enough registers here.)
    INLINE void turn(int input, int vector) {
        Vec<T> square[lanes<T>];
#pragma GCC unroll 16
        for (int i = 0; i < lanes<T>; ++i) square[i] = input + i < Inputs ? weights(input + i, vector) : zero<T>();
        transpose<T>(square);
#pragma GCC unroll 16
        for (int i = 0; i < lanes<T>; ++i) {
            int output = vector * lanes<T> + i;
            if (output < Outputs) store(transposed.at + Transposed::at(output, input / lanes<T>), first(Inputs - input, square[i]));
        }
    }
    INLINE Vec<T> weights(int input, int vector) const {
        return load(this->weight.value.at + Weight::at(input, vector));
    }

    INLINE void by_input_across(const Output& dz, Input& dx) {
        for (int row = 0; row < rows; ++row)
            for (int input = 0; input < Inputs; input += lanes<T>) {
                Vec<T> part[lanes<T>] = {};
                for (int vector = 0; vector < Weight::total; ++vector) {
                    Vec<T> d = load(dz.row(row) + vector * lanes<T>);
#pragma GCC unroll 16
                    for (int i = 0; i < lanes<T>; ++i)
                        if (input + i < Inputs) part[i] += weights(input + i, vector) * d;
                }
                store(dx.row(row) + input, sums<T>(part));
            }
    }
};

// The same for few outputs, which would leave half of the lanes or more idle: the inputs lie along the lanes, W is kept as it is,
// and y is summed across lanes, the outputs of several rows in one vector.
template <class Setting, int Inputs, int Outputs, class Activation, int WeightGroup, int BiasGroup>
struct Narrow : Affine<Setting, Inputs, Outputs, Activation, Straight<typename Setting::T, Inputs, Outputs>, WeightGroup, BiasGroup> {
    typedef typename Setting::T T;
    typedef Matrix<T, Setting::rows, Inputs> Input;
    typedef Matrix<T, Setting::rows, Outputs> Output;
    typedef Panels<T, Outputs, Inputs> Weight;
    static constexpr int rows = Setting::rows;

    template <class Batch> INLINE void forward(const Input& x, Output& y, const Batch&) {
        constexpr int together = smaller(lanes<T> / Outputs, rows);
        Vec<T> biases = zero<T>();
        if constexpr (Narrow::has_bias)
            for (int i = 0; i < together * Outputs; ++i) biases[i] = this->bias.value.at[i % Outputs];
        int top = 0;
        for (; top + together <= rows; top += together) outputs<together>(x, y, top, biases);
        if constexpr (rows % together > 0) outputs<rows % together>(x, y, top, biases);
    }
    template <int Count> INLINE void outputs(const Input& x, Output& y, int top, Vec<T> biases) {
        Vec<T> part[lanes<T>] = {};
        for (int vector = 0; vector < Weight::total; ++vector)
#pragma GCC unroll 16
            for (int i = 0; i < Count; ++i) {
                Vec<T> along = load(x.row(top + i) + vector * lanes<T>);
#pragma GCC unroll 8
                for (int o = 0; o < Outputs; ++o)
                    part[i * Outputs + o] += along * load(this->weight.value.at + Weight::at(o, vector));
            }
        Vec<T> sum = sums<T>(part) + biases, value = Activation::value(sum);
        for (int i = 0; i < Count; ++i)
            for (int o = 0; o < Outputs; ++o) {
                if constexpr (Narrow::keeps_z) this->z.row(top + i)[o] = sum[i * Outputs + o];
                y.row(top + i)[o] = value[i * Outputs + o];
            }
    }

    template <bool Wanted, class Batch>
    INLINE void backward(const Input& x, const Output& y, Output& dy, Input* dx, const Batch& batch) {
        this->backward_activation(y, dy, batch.learner);
        if constexpr (Wanted)
            product<rows, Output::stride, 1, Weight>(dy.row(0), this->weight.value.at, [&](int row, int vector, Vec<T> sum) {
                store(dx->row(row) + vector * lanes<T>, sum);
            });
        product_over_rows<Weight>(dy, x, [&](int output, int vector, Vec<T> sum) {
            sum = first(Inputs - vector * lanes<T>, sum);  // beyond them x is any number
            this->weight.learn(batch.learner, Weight::at(output, vector), sum);
        });
    }
};

template <class Setting, int Outputs> constexpr bool is_narrow = 2 * Outputs <= lanes<typename Setting::T>;

template <bool First, class A, class B> struct EitherOf { typedef A type; };
template <class A, class B> struct EitherOf<false, A, B> { typedef B type; };
template <bool First, class A, class B> using Either = typename EitherOf<First, A, B>::type;

template <class Setting, int Inputs, int Outputs, class Activation, int WeightGroup, int BiasGroup>
using Linear = Either<is_narrow<Setting, Outputs>, Narrow<Setting, Inputs, Outputs, Activation, WeightGroup, BiasGroup>,
                      Wide<Setting, Inputs, Outputs, Activation, WeightGroup, BiasGroup>>;

// The same over inputs with many zeros. Narrow has its inputs along the lanes, where nothing can be left out.
template <class Setting, int Inputs, int Outputs, class Activation, int WeightGroup, int BiasGroup>
using Sparse = Either<is_narrow<Setting, Outputs>, Narrow<Setting, Inputs, Outputs, Activation, WeightGroup, BiasGroup>,
                      Wide<Setting, Inputs, Outputs, Activation, WeightGroup, BiasGroup, true>>;

}  // namespace plaingrad
