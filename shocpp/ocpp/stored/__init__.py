"""The texts of Charge Points in the form in which they are stored."""
