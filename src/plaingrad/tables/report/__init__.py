"""Scores and reports of networks for tables."""
