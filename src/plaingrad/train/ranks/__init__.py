"""One network on several processes: what they exchange, their rounds, and the gradients that they share."""
