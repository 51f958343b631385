"""The rows of what is kept of closed months beside their links."""
