"""Local clouds: four faces over one model of a cloud, spoken to by the unmodified SDKs."""
