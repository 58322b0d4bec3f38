"""Connects the coding agents of this machine once, so that each one shows up however it is started."""
