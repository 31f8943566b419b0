"""How two profiles differ: measures, what chance makes of them, and what they mean."""
