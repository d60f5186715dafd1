"""The parts that update rules share: declared options, groups, flat segments, states."""
