"""The doors: each translates one technology and nothing else."""
