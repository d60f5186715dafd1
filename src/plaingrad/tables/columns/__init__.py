"""What the columns of a table mean, and the numbers made of them."""
