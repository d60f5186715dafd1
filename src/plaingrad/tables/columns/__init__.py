"""The columns of a table: their meaning, and their encoding as numbers."""
