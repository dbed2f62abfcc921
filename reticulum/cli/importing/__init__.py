"""Bringing folders in: recognised, walked, checked against their ids, sent, and noted as done."""
