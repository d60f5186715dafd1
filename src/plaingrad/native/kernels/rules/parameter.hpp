// Parameters: their values in the kernels' layout, and the states of the update rule.
#pragma once

#include "base/lanes.hpp"
#include "rules/rule.hpp"

namespace plaingrad {

// `Setting`, a struct in the generated source, is common to all layers of a network: the element type T, the rows of a batch,
// the update Rule, whether its weight decay is meant for one sample, and whether updates are `deferred` until all gradients
// are known (to clip their norm, or to add up those of several threads); else each vector of a parameter is updated as soon
// as its gradient is known.

// In place of the index of a parameter's group in the optimizer. `tracked` marks buffers that the layer itself changes, such
// as running statistics; Python gets them back.
constexpr int frozen = -1, absent = -2, tracked = -3;

// The rules of all groups, at the current step.
template <class Setting> struct Learner {
    typename Setting::Rule rule[Setting::groups];

    INLINE void start(const double* options, const Whole* taken) {
        for (int g = 0; g < Setting::groups; ++g) rule[g].start(options + g * Setting::options, taken[g]);
    }
    INLINE void share(double samples) {
        for (auto& each : rule) each.share(samples);
    }
    INLINE void begin(const double* rates) {
        for (int g = 0; g < Setting::groups; ++g) rule[g].begin(rates[g]);
    }
    INLINE void end() {
        for (auto& each : rule) each.end();
    }
};

// One parameter. `Layout::offset(row, column)` is where an element of Python's tensor lies; in a `transposed` layout
// the columns of that tensor run along the lanes, else its rows do.
template <class Setting, class Layout, int Group> struct Parameter {
    typedef typename Setting::T T;
    typedef typename Setting::Rule Rule;
    static constexpr bool learned = Group >= 0;
    static constexpr int states = learned ? Rule::states : 0, size = Layout::size;

    Buffer<T, Layout::size> value;
    Buffer<T, Layout::size * states> state;  // the states of one vector lie side by side
    Buffer<T, learned && Setting::deferred ? Layout::size : 0> gradient;

    // Called before the gradient of the vector at `offset` is computed: brings what its update needs into the cache, for a
    // parameter too large for the nearer caches.
    INLINE void prefetch(int offset) const {
        constexpr bool far = sizeof value + sizeof state > (1 << 18);
        if constexpr (far && learned && !Setting::deferred) {
            __builtin_prefetch(value.at + offset, 1);
            for (int s = 0; s < states; ++s) __builtin_prefetch(state.at + offset * states + s * Lanes<T>, 1);
        }
    }
    // Takes the gradient of the vector at `offset`.
    INLINE void learn(const Learner<Setting>& learner, int offset, Vec<T> g) {
        if constexpr (learned && Setting::deferred) Store(g, gradient.at + offset);
        else if constexpr (learned) update(learner, offset, g);
    }
    INLINE void update(const Learner<Setting>& learner, int offset, Vec<T> g) {
        Vec<T> x = Load(value.at + offset), memory[states > 0 ? states : 1];
        T* states_of_vector = state.at + offset * states;
        for (int s = 0; s < states; ++s) memory[s] = Load(states_of_vector + s * Lanes<T>);
        learner.rule[Group].apply(x, memory, g);
        Store(x, value.at + offset);
        for (int s = 0; s < states; ++s) Store(memory[s], states_of_vector + s * Lanes<T>);
    }

    // The weight decay's share of the loss: decay / 2 |value|^2
    double penalty(const Learner<Setting>& learner) const {
        if constexpr (learned && Rule::penalises)
            if (const double decay = learner.rule[Group].decay) return decay / 2 * squares_of(value.at);
        return 0;
    }
    // Several sums side by side, for each addition waits for the one before it.
    static double squares_of(const T* numbers) {
        constexpr int chains = 4, step = chains * Lanes<T>, whole = Layout::size / step * step;
        Vec<T> sums[chains] = {};
        for (int i = 0; i < whole; i += step)
            for (int j = 0; j < chains; ++j) sums[j] += square_at(numbers + i + j * Lanes<T>);
        for (int i = whole; i < Layout::size; i += Lanes<T>) sums[0] += square_at(numbers + i);
        return double(ReduceSum(sums[0] + sums[1] + (sums[2] + sums[3])));
    }
    INLINE static Vec<T> square_at(const T* from) {
        const Vec<T> x = Load(from);
        return x * x;
    }

    // With deferred updates: the sum of the gradient's squares, and the update of all vectors with it, scaled.
    double squares() const {
        if constexpr (learned) return squares_of(gradient.at);
        return 0;
    }
    void scale_gradient(T factor) {
        if constexpr (learned)
            for (int i = 0; i < Layout::size; i += Lanes<T>) Store(factor * Load(gradient.at + i), gradient.at + i);
    }
    void update_all(const Learner<Setting>& learner, T scale) {
        if constexpr (learned)
            for (int i = 0; i < Layout::size; i += Lanes<T>) update(learner, i, scale * Load(gradient.at + i));
    }

    // Copy from Python's tensors, and back: the value, then each state.
    NOINLINE void read(T* const* tensors) {
        each_square([&](int s, int top, int left) {
            const T* from = tensors[s] + top * Layout::length + left;
            Vec<T> square[Lanes<T>];
            for (int i = 0; i < Lanes<T>; ++i)
                square[i] = top + i < Layout::height ? LoadN(from + i * Layout::length, Layout::length - left)
                                                     : opaque_zero<T>();
            if constexpr (Layout::transposed) transpose(square);
            for (int i = 0; i < Lanes<T>; ++i)
                if (holds(top, left, i)) Store(square[i], const_cast<T*>(vector(s, top, left, i)));
        });
    }
    NOINLINE void write(T* const* tensors) const {
        if constexpr (learned || Group == tracked)
            each_square([&](int s, int top, int left) {
                T* to = tensors[s] + top * Layout::length + left;
                Vec<T> square[Lanes<T>];
                for (int i = 0; i < Lanes<T>; ++i)
                    square[i] = holds(top, left, i) ? Load(vector(s, top, left, i)) : opaque_zero<T>();
                if constexpr (Layout::transposed) transpose(square);
                for (int i = 0; i < Lanes<T> && top + i < Layout::height; ++i)
                    StoreN(square[i], to + i * Layout::length, Layout::length - left);
            });
    }

private:
    // The squares of Python's tensors, as many elements high and wide as a vector has lanes. The vectors of a square here lie
    // along its rows, or in a transposed layout along its columns.
    template <class F> static void each_square(F square) {
        for (int s = 0; s <= states; ++s)
            for (int top = 0; top < Layout::height; top += Lanes<T>)
                for (int left = 0; left < Layout::length; left += Lanes<T>) square(s, top, left);
    }
    static bool holds(int top, int left, int i) {
        return Layout::transposed ? left + i < Layout::length : top + i < Layout::height;
    }
    const T* vector(int s, int top, int left, int i) const {
        const int offset = Layout::transposed ? Layout::offset(top, left + i) : Layout::offset(top + i, left);
        return s == 0 ? value.at + offset : state.at + offset * states + (s - 1) * Lanes<T>;
    }
};

template <class Setting, class Layout> struct Parameter<Setting, Layout, absent> {};

// The norm of a gradient that has been multiplied by `unit`, a power of two, so that its squares neither overflow nor
// vanish; the gradient is to be multiplied by `scale` for a norm of at most the bound, which undoes the unit as well.
template <class T> struct GradientNorm {
    double squares, unit = 1;

    // True if neither overflow nor underflow has touched the sum of squares.
    bool is_exact() const {
        constexpr double least = sizeof(T) == 4 ? 0x1p-80 : 0x1p-900, most = sizeof(T) == 4 ? 0x1p120 : 0x1p1000;
        return squares > least && squares < most;
    }
    double better_unit() const {
        constexpr double large = sizeof(T) == 4 ? 0x1p80 : 0x1p600;
        return squares < 1 ? large : 1 / large;
    }
    T scale(double bound) const {
        const double norm = __builtin_sqrt(squares) + 1e-6 * unit;
        return T(bound * unit >= norm ? 1 / unit : bound / norm);
    }
};

// The weight decay's share of the loss, of all parameters of a network.
template <class Network, class Setting> double penalty(Network& network, const Learner<Setting>& learner) {
    double sum = 0;
    auto add = [&](auto& parameter) { sum += parameter.penalty(learner); };
    network.each(add);
    return sum;
}

// Copy all parameters of a network from Python's tensors, and back: of each parameter in order its value and its states.
template <class Network, class T> void read_parameters(Network& network, T* const* tensors) {
    auto read = [&](auto& parameter) { parameter.read(tensors), tensors += 1 + parameter.states; };
    network.each(read);
}
template <class Network, class T> void write_parameters(Network& network, T* const* tensors) {
    auto write = [&](auto& parameter) { parameter.write(tensors), tensors += 1 + parameter.states; };
    network.each(write);
}

// A whole number that a layer counts, kept with its parameters.
template <class T> struct Counter {
    static constexpr int states = 0;
    Whole value;

    double squares() const { return 0; }
    template <class T1> void scale_gradient(T1) {}
    template <class Learner> double penalty(const Learner&) const { return 0; }
    template <class Learner> void update_all(const Learner&, T) {}
    void read(T* const* tensors) { __builtin_memcpy(&value, tensors[0], sizeof value); }
    void write(T* const* tensors) const { __builtin_memcpy(tensors[0], &value, sizeof value); }
};

// A vector, such as a bias.
template <class T, int Size> struct Vector {
    static constexpr int height = 1, length = Size, size = padded<T>(Size);
    static constexpr bool transposed = false;
    static constexpr int offset(int, int column) { return column; }
};

}  // namespace plaingrad
