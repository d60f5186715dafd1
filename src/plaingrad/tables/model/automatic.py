"""Sizes that follow from the size of a table, where no option says them."""

from __future__ import annotations

FEWEST_LEVELS, MOST_LEVELS, ROWS_PER_LEVEL = 40, 1000, 10
BINS, FEWEST_BINS = 16, 2
MODELS = 4
MOST_CELLS = 1 << 24  # numbers of encoded rows that memory and time are spent on without being asked to


def automatic_batch_size(rows: int) -> int:
    """A power of two, about a hundredth of the rows: 32 for small tables, 1024 for large ones."""
    size = 32
    while size < min(1024, rows / 100):
        size *= 2
    return min(size, rows)


def automatic_max_levels(rows: int) -> int:
    """As many as have ten rows each, but at least 40, and no more than fit into memory for so many rows."""
    return max(FEWEST_LEVELS, min(rows // ROWS_PER_LEVEL, MOST_LEVELS, MOST_CELLS // max(1, rows)))


def automatic_models(rows: int, features: int) -> int:
    """Several for tables of which one is trained soon, or else one."""
    return MODELS if rows * features <= MOST_CELLS // 4 else 1


def automatic_bins(rows: int, columns: int) -> int:
    """Several intervals of a number, or as many as fit into memory for so many rows; 0 if that is too few."""
    bins = min(BINS, 2 * MOST_CELLS // max(1, rows * columns))
    return bins if bins >= FEWEST_BINS else 0
