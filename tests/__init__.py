"""Stories, laws, contracts and journeys; nothing here ships."""
