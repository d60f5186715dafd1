"""Tables of more rows than memory holds: encoded once, into files that are mapped."""
