"""What layers of several families share."""
