"""Promises about data: expectations of one version, limits of a change, and what breaks them."""
