"""The commands that show and change the files of conf/, one file each."""
