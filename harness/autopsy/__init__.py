"""The autopsy: a worker is frozen at its limit, looked at from outside, and let go on."""
