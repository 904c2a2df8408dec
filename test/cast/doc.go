// Command cast makes the recording in README: it runs the demo in a pseudo-terminal and
// draws what was printed, as an SVG in which the lines appear one after the other.
//
//  1. The demo is built, and run in a window of 80 columns (window_linux.go).
//  2. What it writes is read as a terminal reads it: colours, lines that are drawn
//     again (screen.go).
//  3. Ports are replaced by fixed ones, and pauses are all the same, so that two recordings
//     differ only in identifiers and times, or where the demo says something else (svg.go).
//  4. A picture has 30 lines at once; more scroll. Where nothing is animated, the last ones
//     are seen.
//
// A test compares the file with what the demo prints today.
//
//	go run ./test/cast                    # writes docs/images/demo.svg
//	go run ./test/cast -out x.svg -- mcp-login status
package main
