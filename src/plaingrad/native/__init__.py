"""The native engine: a network, its loss and its update rule as one compiled loop."""
