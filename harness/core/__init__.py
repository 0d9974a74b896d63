"""Values and decisions: what a case is, what a run showed, what the budgets say. No I/O."""
