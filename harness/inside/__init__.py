"""What runs in the sandbox beside a worker: standard library only, Python 3.9 and later."""
