package account

import (
	"os"
	"os/exec"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"
)

// A host puts us in a job that lets nobody out: the login starts all the same, within it.
func TestAProcessIsStartedWithinAJobThatLetsNobodyOut(t *testing.T) {
	if os.Getenv("START_TEST") == "" { // in a process of its own, which cannot leave the job again
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "START_TEST=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{}
	if _, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits))); err != nil {
		t.Fatal(err)
	}
	if err := windows.AssignProcessToJobObject(job, windows.CurrentProcess()); err != nil {
		t.Fatal(err)
	}
	ways := detachments()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	if err := start(cmd, ways[:1]); err == nil {
		t.Fatal("the job lets it out")
	}
	if err := start(cmd, ways); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
