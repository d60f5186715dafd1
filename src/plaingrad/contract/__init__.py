"""What `plaingrad.module.Module` is made of: its tree, the guard around calls, the nests it saves."""
