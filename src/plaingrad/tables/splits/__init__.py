"""Rows held out at random, by group or by time."""
