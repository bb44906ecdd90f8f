"""Where the journal and the state are kept; schema and named queries live here and nowhere else."""
