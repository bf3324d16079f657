"""The opened bundle: its files, its graphs, and whether they fit each other."""
