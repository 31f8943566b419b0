"""Use cases, one module a verb; the only place where git, the store, the workspace and tables meet."""
