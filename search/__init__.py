"""Full-text search over what somebody may see: names and labels of agents, and their retained output."""
