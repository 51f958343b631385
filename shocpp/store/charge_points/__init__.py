"""What is known of each Charge Point: identity, connection, frames, state."""
