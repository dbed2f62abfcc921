"""How the grid keeps copies. Empty until images are copied between nodes."""
