package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// fakeGo stands for the go command: it notes how it is called, and does as if. $CC is the
// compiler that it knows, and the report prints what "go test" does.
const fakeGo = `#!/bin/sh
echo "CGO_ENABLED=${CGO_ENABLED:-} $*" >>"$CALLS"
case "$*" in
"env CC") echo "$FAKE_CC" ;;
"list -race runtime/race") [ -z "$NO_RACE" ] || { echo "go: $NO_RACE" >&2; exit 2; } ;;
list*) for i in $(seq 60); do echo "p$i"; done ;;
"build -v"*) for i in $(seq 51); do echo "p$i" >&2; done; echo "# p52" >&2 ;;
build*) printf '#!/bin/sh\ncat\n' >"$(echo "$*" | sed 's/.*-o \([^ ]*\) .*/\1/')" && chmod +x "$(echo "$*" | sed 's/.*-o \([^ ]*\) .*/\1/')" ;;
test*) echo "tested"; exit "${TEST_STATUS:-0}" ;;
esac
`

// goodCC and badCC stand for a C compiler and for one without its headers.
const (
	goodCC = "#!/bin/sh\ncat >/dev/null\n"
	badCC  = "#!/bin/sh\ncat >/dev/null; exit 1\n"
)

// The tests run with the race detector where there is what it needs, and say so where there
// is not, or fail if it is required.
func TestScript(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no sh")
	}
	tests := []struct {
		name, cc string
		env      []string
		tested   string // how go test was called; empty: not at all
		says     []string
		fails    bool
	}{
		{"a compiler", goodCC, nil, "CGO_ENABLED= test -json -race -vet=off -ldflags=-w -timeout 25m -count=1 ./cmd/lwbs ./store/bolt ./... ./.ci/testreport",
			[]string{"test: compiling, which takes minutes the first time\n", "test: compiled 25 of 60 packages\n", "test: compiled 50 of 60 packages\n", "tested\n"}, false},
		{"required", goodCC, []string{"RACE=require"}, "CGO_ENABLED= test -json -race", []string{"tested"}, false},
		{"none", "", nil, "CGO_ENABLED=0 test -json", []string{"test: without the race detector: it needs a C compiler with the headers of the C library, and '", "tested"}, false},
		{"without headers", badCC, nil, "CGO_ENABLED=0 test -json", []string{"it needs a C compiler"}, false},
		{"none, and required", "", []string{"RACE=require"}, "", []string{"test: the race detector is required: it needs a C compiler"}, true},
		{"switched off", goodCC, []string{"RACE=off"}, "CGO_ENABLED=0 test -json", []string{"without the race detector: RACE is off"}, false},
		{"no C", goodCC, []string{"CGO_ENABLED=0"}, "CGO_ENABLED=0 test -json", []string{"without the race detector: CGO_ENABLED is 0"}, false},
		{"a machine without", goodCC, []string{"NO_RACE=-race is not supported on plan9/arm"}, "CGO_ENABLED=0 test -json", []string{"without the race detector: -race is not supported on plan9/arm\n"}, false},
		{"a failure that no event tells", goodCC, []string{"TEST_STATUS=2"}, "CGO_ENABLED= test", []string{"test: go test ended with status 2\n"}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) string {
				file := filepath.Join(dir, name)
				if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
					t.Fatal(err)
				}
				return file
			}
			calls, cc := filepath.Join(dir, "calls"), filepath.Join(dir, "missing")
			if tt.cc != "" {
				cc = write("cc", tt.cc)
			}
			cmd := exec.Command("../test", "-count=1")
			cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir, "GO=" + write("go", fakeGo), "CALLS=" + calls, "FAKE_CC=" + cc}, tt.env...)
			out, err := cmd.CombinedOutput()
			if failed := err != nil; failed != tt.fails {
				t.Errorf("ended with %v", err)
			}
			for _, want := range tt.says {
				if !strings.Contains(string(out), want) {
					t.Errorf("printed\n%s, want %q", out, want)
				}
			}
			if strings.Contains(string(out), "# p52") {
				t.Errorf("printed a mistake that go test tells of, too:\n%s", out)
			}
			called, err := os.ReadFile(calls)
			if tested := strings.Contains(string(called), " test -json "); err != nil || tested != (tt.tested != "") || !strings.Contains(string(called), tt.tested) {
				t.Errorf("called\n%s, want %q", called, tt.tested)
			}
		})
	}
}
