package hints

// owed are hints that no test runs yet. None may be added.
var owed = []string{
	"answer or cancel some of them",
	"let PowerShell run it: powershell -NoProfile -NonInteractive -Command \"gcloud auth print-access-token\"",
}
