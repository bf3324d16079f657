"""What users ask for: plans and workloads from options and texts."""
