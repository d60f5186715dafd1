"""Timings of plaingrad beside its peers, all in one run: ``make bench``."""
