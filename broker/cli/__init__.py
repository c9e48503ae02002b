"""The command line: the same verbs as the Python API, for the shell."""
