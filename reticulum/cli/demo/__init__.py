"""`reticulum demo`: a whole grid on this machine, to look at, and to kill nodes of."""
