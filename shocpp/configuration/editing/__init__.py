"""Changes of the files of conf/, for commands and pages: one module for each file."""
