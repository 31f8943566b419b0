"""Crash tests: every storage call of a command fails, is killed, or is the last before the power goes.

docs/development/crash-tests.md tells what is simulated, what is checked, and how to run all of it.
"""
