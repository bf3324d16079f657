"""Pictures as files, for runtimes in any language."""
