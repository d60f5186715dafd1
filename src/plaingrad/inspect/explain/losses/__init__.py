"""The numbers of losses of pairs, triplets, rows and sequences."""
