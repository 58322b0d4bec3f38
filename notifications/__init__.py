"""Tells other systems what happens to agents: webhooks, which follow the log."""
