//go:build windows

package command

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// start starts cmd without a window, in a job: end, or the end of this process, ends
// it with all that it has started.
func start(cmd *exec.Cmd) (end func(), err error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, os.NewSyscallError("CreateJobObject", err)
	}
	end = sync.OnceFunc(func() {
		_ = windows.TerminateJobObject(job, 1)
		_ = windows.CloseHandle(job)
	})
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info))) //nolint:gosec // as the call wants it
	if err != nil {
		end()
		return nil, os.NewSyscallError("SetInformationJobObject", err)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW}
	cmd.Cancel = func() error { end(); return cmd.Process.Kill() }
	if err = cmd.Start(); err != nil {
		end()
		return nil, err
	}
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(cmd.Process.Pid)) //nolint:gosec // process ids are of 32 bits
	if err == nil {                                                                                                          // else it has ended already
		_ = windows.AssignProcessToJobObject(job, process)
		_ = windows.CloseHandle(process)
	}
	return end, nil
}

// runnable reports whether a file is a program itself: .cmd and .bat files are run by
// cmd.exe, which takes their arguments apart once more, by rules that nobody can quote
// for.
func runnable(path string) bool {
	kind := strings.ToLower(filepath.Ext(path))
	return kind == ".exe" || kind == ".com"
}

var errScript = errors.New("it is a script for cmd.exe, which would take the arguments apart once more")

const scriptHint = `let PowerShell run it: powershell -NoProfile -NonInteractive -Command "gcloud auth print-access-token"`
