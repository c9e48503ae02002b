"""The editions that ship, as data, with their reader and their lint."""
