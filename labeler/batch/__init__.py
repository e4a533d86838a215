"""Many files: finding them, naming their outputs, doing the work in parallel, going on later."""
