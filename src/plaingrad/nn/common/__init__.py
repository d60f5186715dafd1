"""Helpers that layers of several families share."""
