"""The changes of the files of conf/ that depend on the books."""
