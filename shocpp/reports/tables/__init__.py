"""The records of a statement as tables: their columns, and CSV and JSON made of them."""
