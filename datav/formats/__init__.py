"""Bytes to frozen values and back.  Pure: no file, clock, lock, environment or process."""
