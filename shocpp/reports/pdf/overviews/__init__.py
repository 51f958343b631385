"""The PDF files for the treasurer: the accounts of a month, and a year."""
