"""Pictures: the grammar of specs, the geometry of results, and Pillow in killable workers."""
