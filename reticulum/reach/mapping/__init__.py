"""Asking the router in front of this node to pass its peer port on: PCP, NAT-PMP, UPnP."""
