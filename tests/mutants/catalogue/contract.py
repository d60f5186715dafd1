"""Faults in what every layer relies on."""

from mutants.fault import planted

MODULE = "tests/test_module.py tests/contract"

FAULTS = [
    *planted(
        "module.py",
        MODULE,
        ("problem = mismatch(grad_outputs, outputs)", "problem = None"),
        ("(grad.shape, grad.dtype) != outputs", "grad.shape != outputs[0]"),
        ("if versions(state) != before:", "if False:"),
        ("state = mapped(Tensor.detach, state)", "pass"),
        ("        if not self.saving:\n            return\n", ""),
        ("return None if count == 1 else (None,) * count", "return None"),
        ("if saved[0] < begun]", "]"),
        ("root = None if self._root is None else self._root()", "root = self"),
        ("            module._saved.clear()\n", "            pass\n"),
        (
            "                module._watchers = (*others, *watchers)\n",
            "                module._watchers = watchers\n",
        ),
        ("{**vars(self), **tree, **fresh,", "{**vars(self), **fresh,"),
        ("or type(before) not in NOTES:", ":"),
        ("(ATOMIC if is_new else NOTES)", "NOTES"),
    ),
    *planted(
        "contract/guard.py",
        MODULE,
        ("    if torch.is_grad_enabled():\n", "    if False:\n"),
        ("grads = completed(grads, saved[4])", "pass"),
        ("        self._forget_since(begun)\n", ""),
        ("            del self._saved[saved:]\n", ""),
        ("            or torch.is_grad_enabled()\n", ""),
        ("        grads = implied(saved[4])\n", "        pass\n"),
        ("        error.passing(module)\n", "        pass\n"),
        ("MISUSE = (RuntimeError, IndexError,", "MISUSE = (RuntimeError,"),
        ("        if self._is_composite and self.saving:\n", "        if False:\n"),
    ),
    *planted(
        "contract/nest.py",
        f"{MODULE} tests/nn/container/test_parallel.py",
        ("return b if a is None else a", "return a"),
        ("(grad.shape, grad.dtype) == expected", "grad.shape == expected[0]"),
        ("(type(expected) is not list or len(grads) > len(entries))", "type(expected) is not list"),
        ("            return mismatch(grad, expected)\n", "            return None\n"),
    ),
    *planted("contract/arguments.py", MODULE, ("if name not in left]", "]")),
    *planted(
        "contract/fields.py",
        MODULE,
        ("[*field.keys(), *field.values()]", "[*field.keys()]"),
        ("and not (is_field or id(value) in reached)", "and False"),
        ("isinstance(value, Tensor) and value.requires_grad", "False"),
        ("any(child is each for each in (module, *above))", "child is module"),
    ),
    *planted(
        "contract/tree.py",
        MODULE,
        ("once.setdefault(id(field), (name, field))", "once[len(once)] = (name, field)"),
        ("module.training, module.saving = training, saving", "module.training = training"),
        ("if not (only_learned and p.frozen)", "if True"),
        (
            '        for module in self.modules():\n            vars(module)["_generator"] = generator\n',
            '        vars(self)["_generator"] = generator\n',
        ),
        ("                if module._generator is None:\n", "                if False:\n"),
        ("tensor = tensor.to(each)", "pass"),
    ),
    *planted(
        "contract/state.py",
        MODULE,
        ('problems += [f"unexpected {name!r}" for name in keys.unexpected_keys]', "pass"),
    ),
    *planted(
        "parameter.py",
        "tests/test_parameter.py tests/test_module.py tests/contract",
        ("            self.storage.abandoned = True\n", "            pass\n"),
        ("not storage.abandoned and storage.parameters == parameters", "not storage.abandoned"),
        ("            return torch.zeros_like(self._value)  #", "            return self._grad  #"),
        ("        self.frozen = not learned\n", "        self.frozen = learned\n"),
        ("            parameter.has_grad = parameter.has_grad and not set_to_none\n", "            pass\n"),
        ('fields | {"_grad": self._grad.clone()}', "fields"),
    ),
]
