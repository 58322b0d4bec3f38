"""Removes secrets from what a producer publishes, before anything leaves the machine.

The formats of tokens, and the idea of judging generic values by entropy and stop words, are those that gitleaks and
detect-secrets document.
"""

from agentstream.redaction.redactor import Redactor
from agentstream.redaction.stream import RedactedStream

__all__ = ["RedactedStream", "Redactor"]
