"""The adaptation benchmark: source-only, CC-SSL and oracle networks on pairs of real and rendered animals, as one table."""
