"""One file per subcommand: its options, its output, nothing else."""
