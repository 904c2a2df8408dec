package hints

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// talk is this test binary as the client of a bridge: it asks for initialize, and then,
// all at once, for what the lines of the variable ASK ask for. It prints the answers
// that are errors, and fails if there is one.
func talk(words []string) int {
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		fmt.Println(err)
		return 1
	}
	answers := bufio.NewReader(out)
	fmt.Fprintln(in, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
	failed := await(answers, 1)
	if lines := strings.Fields(os.Getenv("ASK")); failed == 0 && len(lines) > 0 {
		fmt.Fprintln(in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		go func() { _, _ = io.WriteString(in, strings.Join(lines, "\n")+"\n") }()
		failed = await(answers, len(lines))
	}
	_ = in.Close()
	_, _ = io.Copy(io.Discard, answers)
	_ = cmd.Wait()
	return min(failed, 1)
}

// await reads the answers to so many requests, and returns how many are errors or did
// not come.
func await(answers *bufio.Reader, wanted int) (failed int) {
	for wanted > 0 {
		line, err := answers.ReadBytes('\n')
		if err != nil {
			return failed + wanted
		}
		var answer struct {
			ID    json.RawMessage
			Error *struct {
				Message string
				Data    struct{ Hint string }
			}
		}
		if json.Unmarshal(line, &answer) != nil || answer.ID == nil {
			continue
		}
		wanted--
		if answer.Error != nil {
			failed++
			fmt.Println(answer.Error.Message)
			fmt.Println("hint:", answer.Error.Data.Hint)
		}
	}
	return failed
}
