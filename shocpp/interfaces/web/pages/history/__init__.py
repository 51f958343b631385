"""The pages of past days, and their files."""
