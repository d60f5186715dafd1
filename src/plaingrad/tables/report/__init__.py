"""What the commands about tables share: data in parts, the network for them, scores and reports."""
