"""The `reticulum` command: one module a sub-command."""
