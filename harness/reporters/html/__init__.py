"""`report.html`: the report that people open, as one file that needs nothing else."""
