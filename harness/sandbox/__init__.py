"""Where a case runs under a memory limit: Docker, a bare cgroup, or a watched process."""
