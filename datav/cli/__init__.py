"""The command line: arguments in, calls, exit status out."""
