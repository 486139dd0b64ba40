"""What the parts find, and the page docs/benchmarks.md."""
