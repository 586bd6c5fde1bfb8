"""The figures of this project, measured beside the floors they stand on: ``python -m benchmarks``."""
