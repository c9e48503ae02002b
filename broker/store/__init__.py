"""Where jobs, offers, machines and facts are kept."""
