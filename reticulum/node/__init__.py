"""What a node does, one verb a file, and the order in which it starts and stops."""
