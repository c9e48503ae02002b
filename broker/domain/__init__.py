"""What is decided: pure values and functions, with neither world nor clock."""
