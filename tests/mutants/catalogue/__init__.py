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

WINGS: dict[str, list[Fault]] = {
    "missed": missed.FAULTS,
    "contract": contract.FAULTS,
    "layers": layers.FAULTS,
    "losses": losses.FAULTS,
    "optimizers": optimizers.FAULTS,
    "training": training.FAULTS,
    "inspection": inspection.FAULTS,
    "outside": outside.FAULTS,
    "native": native.FAULTS,
}

FAULTS: list[Fault] = [fault for faults in WINGS.values() for fault in faults]
