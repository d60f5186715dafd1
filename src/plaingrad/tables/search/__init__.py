"""The search for good settings of a table's network, by any number of workers."""
