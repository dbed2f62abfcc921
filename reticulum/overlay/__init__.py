"""Who this node is in the grid, and later how it finds the others."""
