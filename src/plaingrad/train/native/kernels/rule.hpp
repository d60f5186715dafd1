// Update rules: what becomes of a parameter and of what the rule remembers of it, given the gradient.
#pragma once

#include "math.hpp"
#include "matrix.hpp"

namespace plaingrad {

// Every rule is a struct over the element type and a tag of flags, which say at compile time what the rule leaves out.
// `begin` is called before each step with the options in the order of the rule's list in Python and the learning rate;
// `apply` changes vectors of a parameter's value and of its states.

// g <- -g to maximize, g <- g + weight_decay * value
template <class T, class Flags> struct Rule {
    T lr, weight_decay;

    void begin(const double* options, double rate) { lr = T(rate), weight_decay = T(options[0]); }
    INLINE Vec<T> decayed(Vec<T> value, Vec<T> g) const {
        if constexpr (Flags::maximize) g = -g;
        if constexpr (Flags::weight_decay) g += weight_decay * value;
        return g;
    }
};

// v <- momentum v + (1 - dampening) g,  value <- value - lr v,  where the first v is g itself;
// with Nesterov's momentum value <- value - lr (g + momentum v)
template <class T, class Flags> struct SGD : Rule<T, Flags> {
    static constexpr int states = Flags::momentum;
    T momentum, kept, added;

    void begin(const double* options, double rate, long step) {
        Rule<T, Flags>::begin(options, rate);
        momentum = T(options[1]);
        kept = step ? momentum : T(0), added = step ? T(1 - options[2]) : T(1);
    }
    INLINE void apply(Vec<T>& value, Vec<T>* state, Vec<T> g) const {
        g = this->decayed(value, g);
        if constexpr (Flags::momentum) {
            Vec<T>& v = state[0];
            v = kept * v + added * g;
            g = Flags::nesterov ? g + momentum * v : v;
        }
        value -= this->lr * g;
    }
};

// m <- b1 m + (1 - b1) g,  v <- b2 v + (1 - b2) g^2,  value <- value - lr m' / (sqrt(v') + eps)
// with m' = m / (1 - b1^t) and v' = v / (1 - b2^t), written so that a vector needs one division and one root;
// amsgrad divides by the largest v so far, decoupled decay shrinks the value itself
template <class T, class Flags> struct Adam : Rule<T, Flags> {
    static constexpr int states = 2 + Flags::amsgrad;
    T keep, add, keep_square, add_square, epsilon, rate, shrink;

    void begin(const double* options, double lr, long step) {
        Rule<T, Flags>::begin(options, lr);
        double root = __builtin_sqrt(1 - __builtin_pow(options[2], step + 1));
        keep = T(options[1]), add = T(1 - options[1]), keep_square = T(options[2]), add_square = T(1 - options[2]);
        epsilon = T(options[3] * root), rate = T(lr * root / (1 - __builtin_pow(options[1], step + 1)));
        shrink = T(1 - lr * options[0]);
    }
    INLINE void apply(Vec<T>& value, Vec<T>* state, Vec<T> g) const {
        if constexpr (Flags::decoupled) {
            if constexpr (Flags::maximize) g = -g;
            value *= shrink;
        } else g = this->decayed(value, g);
        Vec<T>&m = state[0], &v = state[1];
        m += add * (g - m);
        v = keep_square * v + add_square * g * g;
        Vec<T> scale = v;
        if constexpr (Flags::amsgrad) scale = state[2] = larger(state[2], v);
        value -= rate * m / (sqrt(scale) + epsilon);
    }
};

// s <- alpha s + (1 - alpha) g^2,  value <- value - lr g / (sqrt(s) + eps);  centered: s less the square of the mean of g;
// with momentum b <- momentum b + g / (sqrt(s) + eps),  value <- value - lr b
template <class T, class Flags> struct RMSprop : Rule<T, Flags> {
    static constexpr int states = 1 + Flags::centered + Flags::momentum;
    T keep, add, epsilon, momentum;

    void begin(const double* options, double rate, long) {
        Rule<T, Flags>::begin(options, rate);
        keep = T(options[1]), add = T(1 - options[1]), epsilon = T(options[2]), momentum = T(options[3]);
    }
    INLINE void apply(Vec<T>& value, Vec<T>* state, Vec<T> g) const {
        g = this->decayed(value, g);
        Vec<T> s = state[0] = keep * state[0] + add * g * g;
        if constexpr (Flags::centered) {
            Vec<T>& mean = state[1];
            mean += add * (g - mean);
            s = larger(s - mean * mean, zero<T>());
        }
        g = g / (sqrt(s) + epsilon);
        if constexpr (Flags::momentum) {
            Vec<T>& b = state[1 + Flags::centered];
            b = momentum * b + g;
            g = b;
        }
        value -= this->lr * g;
    }
};

// s <- s + g^2,  value <- value - lr / (1 + t lr_decay) g / (sqrt(s) + eps)
template <class T, class Flags> struct Adagrad : Rule<T, Flags> {
    static constexpr int states = 1;
    T epsilon;

    void begin(const double* options, double rate, long step) {
        Rule<T, Flags>::begin(options, rate / (1 + double(step) * options[1]));
        epsilon = T(options[2]);
    }
    INLINE void apply(Vec<T>& value, Vec<T>* state, Vec<T> g) const {
        g = this->decayed(value, g);
        state[0] += g * g;
        value -= this->lr * g / (sqrt(state[0]) + epsilon);
    }
};

}  // namespace plaingrad
