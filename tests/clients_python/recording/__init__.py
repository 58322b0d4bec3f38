"""Records what real tools print, talking to a model that says what a scene wants. Not part of the tests' run.

python -m tests.clients_python.recording --tools /tmp/tools/node_modules/.bin [SCENE …]
"""
