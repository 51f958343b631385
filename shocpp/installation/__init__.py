"""The installed program: the files that it ships, and the home of its user's files."""
