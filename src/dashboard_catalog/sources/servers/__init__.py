"""What asks a BI tool over HTTP, and the credentials for it. Knows neither tools nor items."""
