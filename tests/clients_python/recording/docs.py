"""A server of tools, as the Model Context Protocol has it, for a tool to call: one search that mostly finds nothing."""

import json
import sys
from typing import Any

SEARCH = {
    "name": "search",
    "description": "Search the documentation",
    "inputSchema": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
}


def result(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        server = {"name": "docs", "version": "1"}
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": server}
    if method == "tools/list":
        return {"tools": [SEARCH]}
    if method == "tools/call":
        known = params["arguments"].get("query") == "decimal"
        text = "Decimal is exact." if known else "There is no such page."
        return {"content": [{"type": "text", "text": text}], "isError": not known}
    return {}


def main() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            answer = {"jsonrpc": "2.0", "id": request["id"], "result": result(request["method"], request["params"])}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
