"""Relays: nodes that pass bytes on to nodes which nobody can dial, and how these are used."""
