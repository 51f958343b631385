"""HTTP without a framework: who asks, from where, and how refusals are answered."""
