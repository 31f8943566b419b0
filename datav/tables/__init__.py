"""What is inside files: tables, their columns and rows.  Reads bytes it is handed, opens nothing."""
