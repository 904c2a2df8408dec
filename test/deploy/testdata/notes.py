# deploy/gateway/python/server.py with nothing but Python's standard library: enough of Streamable HTTP
# for its two tools. It prints its address.
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

notes = {}  # by caller
schema = {"type": "object", "properties": {"text": {"type": "string"}}}


def call(who, name, arguments):
    if name == "add_note":
        notes.setdefault(who, []).append(arguments["text"])
        return "kept"
    return "\n".join([who, *notes.get(who, [])])


def answer(who, message):
    match message["method"]:
        case "initialize":
            return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "notes", "version": "1"}}
        case "tools/list":
            return {"tools": [{"name": n, "description": n, "inputSchema": schema} for n in ("add_note", "list_notes")]}
        case "tools/call":
            text = call(who, message["params"]["name"], message["params"].get("arguments", {}))
            return {"content": [{"type": "text", "text": text}]}
        case _:
            return {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] or not self.headers["X-Forwarded-User"]:
            return self.reply(500)
        if "id" not in message:
            return self.reply(202)
        if message["method"] == "server/discover":
            return self.reply(404, json.dumps({"jsonrpc": "2.0", "id": message["id"], "error": {"code": -32601, "message": "unknown"}}).encode())
        who = json.dumps([unquote(self.headers["X-Forwarded-Issuer"]), unquote(self.headers["X-Forwarded-User"])], separators=(",", ":"))
        self.reply(200, json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": answer(who, message)}).encode())

    def do_GET(self):
        self.reply(405)


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(f"http://127.0.0.1:{server.server_port}/mcp", flush=True)
server.serve_forever()
