# An MCP server of the Python SDK that keeps a list for each caller. Clients reach it through
# whoami-server alone, which tells it who calls.
import json
import os
from urllib.parse import unquote

from mcp.server.fastmcp import Context, FastMCP

mcp = FastMCP("notes", host=os.environ.get("HOST", "127.0.0.1"), port=8000, stateless_http=True)
notes: dict[str, list[str]] = {}  # by caller


def caller(ctx: Context) -> str:
    # A subject is unique only with its issuer. A KeyError refuses a request without one.
    headers = ctx.request_context.request.headers
    return json.dumps([unquote(headers["x-forwarded-issuer"]), unquote(headers["x-forwarded-user"])])


@mcp.tool()
def add_note(text: str, ctx: Context) -> str:
    """Keeps a note"""
    notes.setdefault(caller(ctx), []).append(text)
    return "kept"


@mcp.tool()
def list_notes(ctx: Context) -> str:
    """Your notes"""
    who = caller(ctx)
    return "\n".join([who, *notes.get(who, [])])


if __name__ == "__main__":
    mcp.run(transport="streamable-http")
