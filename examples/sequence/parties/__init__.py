"""The parties of the sequence. Each module with a `main` is a process of its own."""
