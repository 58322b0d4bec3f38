"""Records the output of real tools that talk to a scripted model. Not part of the test run.

python -m tests.clients_python.recording --tools /tmp/tools/node_modules/.bin [SCENE …]
"""
