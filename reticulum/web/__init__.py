"""HTTP in: people, and the operator's own socket. The only importer of klein."""
