"""The pages of chargers, for admins: all of them, one of them, its questions and its sheets."""
