package kernel

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// Tells says whether this system tells of processor time and memory.
const Tells = true

// tree returns a process and all below it.
func tree(pid int) []int {
	list := []int{pid}
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		for _, child := range strings.Fields(string(children)) {
			if n, err := strconv.Atoi(child); err == nil {
				list = append(list, tree(n)...)
			}
		}
	}
	return list
}

// CPUTime returns the processor time of a process and those below it so far.
func CPUTime(pid int) time.Duration {
	var sum time.Duration
	for _, p := range tree(pid) {
		// The processor clock of another process; see clock_getcpuclockid(3).
		const scheduled = 2
		clock := int32(^p<<3 | scheduled)
		var at syscall.Timespec
		if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&at)), 0); errno == 0 {
			sum += time.Duration(at.Nano())
		}
	}
	return sum
}

// Memory is in bytes: resident now, resident at most (VmHWM), and now with what
// is shared divided by those who share it (PSS).
type Memory struct{ Now, Peak, Proportional int64 }

// MemoryOf sums it over a process and those below it.
func MemoryOf(pid int) Memory {
	var m Memory
	for _, p := range tree(pid) {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
		m.Now += kilobytes(status, "VmRSS:")
		m.Peak += kilobytes(status, "VmHWM:")
		rollup, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p))
		m.Proportional += kilobytes(rollup, "Pss:")
	}
	return m
}

// ForgetPeak makes the peak start anew.
func ForgetPeak(pid int) {
	for _, p := range tree(pid) {
		_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", p), []byte("5"), 0o600)
	}
}

func kilobytes(text []byte, name string) int64 {
	_, rest, ok := bytes.Cut(text, []byte("\n"+name))
	if !ok {
		return 0
	}
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	n, _ := strconv.ParseInt(string(fields[0]), 10, 64)
	return n << 10
}

// Alone gives a program a process group of its own, so that it can be ended with
// all it started.
func Alone(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// Kill ends a program started after Alone with all it started.
func Kill(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// Machine says where the figures come from.
func Machine() string {
	model := runtime.GOARCH
	info, _ := os.ReadFile("/proc/cpuinfo")
	if _, rest, ok := bytes.Cut(info, []byte("model name")); ok {
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		model = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(string(line)), ":"))
	}
	meminfo, _ := os.ReadFile("/proc/meminfo")
	total := kilobytes(append([]byte("\n"), meminfo...), "MemTotal:")
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	version, _, _ := strings.Cut(strings.TrimSpace(string(kernel)), "-")
	return fmt.Sprintf("%d × %s, %d GiB, Linux %s, %s", runtime.NumCPU(), model, total>>30, version, runtime.Version())
}

// Load returns how many processes wanted to run during the last minute.
func Load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
