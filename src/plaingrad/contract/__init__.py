"""What `plaingrad.module.Module` is made of: its tree, the guard around its calls, the nests that it saves."""
