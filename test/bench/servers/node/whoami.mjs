// What both variants share: a tool that returns the caller's claims, and a
// stateless endpoint with a server and a transport of its own for each request,
// as the SDK wants it.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';

function whoami() {
  const server = new McpServer({ name: 'whoami', version: '1.0.0' });
  server.registerTool(
    'whoami',
    { description: 'Tells who the caller is', inputSchema: {} },
    (_args, { authInfo }) => ({ content: [{ type: 'text', text: JSON.stringify(authInfo.claims) }] }),
  );
  return server;
}

export function serve(app) {
  app.post('/', async (req, res) => {
    const server = whoami();
    const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
    res.on('close', () => {
      transport.close();
      server.close();
    });
    await server.connect(transport);
    await transport.handleRequest(req, res, req.body);
  });
  const listener = app.listen(0, '127.0.0.1', (error) => {
    if (error) throw error;
    console.error(`listening on 127.0.0.1:${listener.address().port}`);
  });
}
