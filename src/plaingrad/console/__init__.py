"""The terminal: what commands and progress say, and the values of options."""
