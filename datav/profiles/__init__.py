"""What the columns of a table hold: sketches that merge, and profiles made of them."""
