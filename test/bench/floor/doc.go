// Command floor is the least that carries MCP from a line stream to Streamable
// HTTP: net/http, the session headers, one line out for each message in. It
// checks nothing, signs nothing, and gives up when a line breaks. Package bench
// measures it to know what remains when everything is left out; nobody should
// use it.
package main
