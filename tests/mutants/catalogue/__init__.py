"""The catalogue of faults, by the wing of the package that they are planted in."""

from mutants.catalogue import (
    contract,
    inspection,
    layers,
    losses,
    missed,
    native,
    optimizers,
    outside,
    training,
)
from mutants.fault import Fault

FAULTS: list[Fault] = [
    *missed.FAULTS,
    *contract.FAULTS,
    *layers.FAULTS,
    *losses.FAULTS,
    *optimizers.FAULTS,
    *training.FAULTS,
    *inspection.FAULTS,
    *outside.FAULTS,
    *native.FAULTS,
]
