"""What statements read from the books: records, sums, and whose energy is at a meter."""
