"""How a node is dialled, and how it lets others in."""
