"""Full-text search over everything a user may see: names and labels of agents, and their retained output."""
