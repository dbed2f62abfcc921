"""How a node is dialled. Empty until nodes dial each other."""
