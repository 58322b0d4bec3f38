"""The program that the Playground workspace shows on first start. It does a little real work.

It takes stock of Python's standard library and prints a line for every module it has read.
"""

import ast
import sys
import sysconfig
import time
from pathlib import Path

PAUSE = 0.6  # seconds between modules, so that a person can follow


def main() -> None:
    library = Path(sysconfig.get_paths()["stdlib"])
    modules = sorted(path for path in library.glob("*.py") if not path.name.startswith("_"))
    print(f"Taking stock of {len(modules)} modules in {library}")
    lines = functions = 0
    for number, path in enumerate(modules, 1):
        time.sleep(PAUSE)
        source = path.read_text(encoding="utf-8", errors="replace")
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            print(f"{path.name}: line {error.lineno} is not Python", file=sys.stderr)
            continue
        found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        lines += len(source.splitlines())
        functions += len(found)
        longest = max(found, key=lambda node: (node.end_lineno or 0) - node.lineno, default=None)
        note = f", longest {longest.name}()" if longest else ""
        size = f"{len(source.splitlines()):>5} lines, {len(found):>3} functions"
        print(f"{number:4}/{len(modules)}  {path.stem:<20} {size}{note}")
    print(f"Done: {lines:,} lines and {functions:,} functions")


if __name__ == "__main__":
    main()
