"""Runs an interactive program in this program's own terminal as if it had been started there directly."""
