"""A whole grid in one process on virtual time: one seed, one run."""
