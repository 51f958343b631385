"""Records, sums and parties that statements read from the books."""
