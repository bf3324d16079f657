"""Records of runs: typed, named by their content, never changed (docs/design/0011-records.md)."""
