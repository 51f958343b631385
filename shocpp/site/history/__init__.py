"""The history of a site: what the leader stores of it, and a day of it for pages."""
