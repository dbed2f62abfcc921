"""Image files as rows of blocks, looked at without decoding a pixel; pure, and without Pillow."""
