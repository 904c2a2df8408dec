package hints

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// talk is this test binary as the client of a bridge: it asks for initialize, and then
// for what the lines of the variable ASK ask for, TIMES times and all at once. It prints
// the first answer that is an error, and fails if there is one.
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
	ok := await(answers, 1)
	if lines := strings.Fields(os.Getenv("ASK")); ok && len(lines) > 0 {
		times, _ := strconv.Atoi(cmp.Or(os.Getenv("TIMES"), "1"))
		lines = slices.Repeat(lines, times)
		fmt.Fprintln(in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		go func() {
			for i, line := range lines {
				fmt.Fprintf(in, `{"jsonrpc":"2.0","id":%d,%s}`+"\n", i+2, line)
			}
		}()
		ok = await(answers, len(lines))
	}
	_ = in.Close()
	_, _ = io.Copy(io.Discard, answers)
	_ = cmd.Wait()
	if ok {
		return 0
	}
	return 1
}

// await reads the answers to so many requests, until one is an error or does not come.
func await(answers *bufio.Reader, wanted int) (ok bool) {
	for wanted > 0 {
		line, err := answers.ReadBytes('\n')
		if err != nil {
			return false
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
			fmt.Println(answer.Error.Message)
			fmt.Println("hint:", answer.Error.Data.Hint)
			return false
		}
	}
	return true
}
