"""Reports the interactive agents of this machine, however they were started.

Tools such as Claude Code record their sessions in files, keep a file about each running process, and call hooks. The
collector follows all three and publishes what they say.
"""
