"""What the columns of a table hold: sketches that merge, profiles made of them, how two of them differ."""
