"""A simulated site: a house, cars, chargers and a meter, on a simulated clock or with sockets."""
