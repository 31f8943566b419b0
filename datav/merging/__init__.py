"""Three versions of a table or a directory, merged into one."""
