"""Against real servers and local clouds."""
