"""The audit scope: everything that can change a verdict, and nothing else."""
