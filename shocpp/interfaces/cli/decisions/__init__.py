"""The command `review`, and the previews of decisions that it shows before it asks."""
