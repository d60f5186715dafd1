"""Networks with all that it takes to predict from a table."""
