"""The readers of the files in conf/, and the writers of those that commands change."""
