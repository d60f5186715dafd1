"""Faults that are planted in the package, one at a time, to see whether the tests nearest to them notice."""
