"""Names in a data directory that the node and the command both have to know."""

CONTROL_NAME = "control.sock"
"""The unix socket of the running node, for its operator alone."""
