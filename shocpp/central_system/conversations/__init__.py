"""The conversation with one Charge Point: its answers, its turns and its share of the disk."""
