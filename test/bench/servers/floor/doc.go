// Command floor is what gateways are measured with: without an argument a small MCP
// server to stand behind them, with its address httputil.ReverseProxy and nothing else.
package main
