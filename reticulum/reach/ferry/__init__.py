"""Ferries: datagrams over a TCP connection, by way of another node, where UDP does not pass."""
