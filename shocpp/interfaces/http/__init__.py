"""HTTP without a framework: authentication, client addresses and refusals."""
