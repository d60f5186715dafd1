"""The parts of `plaingrad.module.Module`: the tree of modules, the guard around calls, nests of tensors."""
