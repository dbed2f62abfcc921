"""How nodes of one grid find each other on a local network, without an address."""
