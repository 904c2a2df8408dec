package terminal

import (
	"os"

	"golang.org/x/sys/windows"
)

// columnsOf returns the width of a terminal's window, 0 if it is not known.
func columnsOf(f *os.File) int {
	var info windows.ConsoleScreenBufferInfo
	if windows.GetConsoleScreenBufferInfo(windows.Handle(f.Fd()), &info) != nil {
		return 0
	}
	return int(info.Window.Right-info.Window.Left) + 1
}
