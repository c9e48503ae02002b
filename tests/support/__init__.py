"""What tests stand on: servers, worlds and stand-ins."""
