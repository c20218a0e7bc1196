package bolt_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/bolt"
	"lwbs/store/seal"
)

// What the child is told through its environment.
const (
	crashFile   = "LWBS_CRASH_FILE"
	crashRounds = "LWBS_CRASH_ROUNDS"
)

func TestMain(m *testing.M) {
	if file := os.Getenv(crashFile); file != "" {
		crashChild(file)
	}
	os.Exit(m.Run())
}

// crashChild edits until it is killed, and writes a line for each edit that was
// acknowledged: device, revision, note.
func crashChild(file string) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
	}
	k, err := seal.LoadKeyring(file + ".key")
	fail(err)
	db, err := bolt.Open(file, k, either(bolt.Options{SessionsPerDevice: 3, Sessions: 40}))
	fail(err)
	acknowledged := make(chan string, 64)
	for w := range 4 {
		go func() {
			for n := 0; ; n++ {
				fail(crashEdit(db, w, n, acknowledged))
			}
		}()
	}
	for line := range acknowledged {
		fmt.Println(line)
	}
}

// either has a file that was not closed in order read before it is served, or while it is.
func either(opts bolt.Options) bolt.Options {
	if rand.IntN(2) == 0 {
		return opts
	}
	return opts.ServedWhileRead()
}

// crashEdit makes one edit of a device that only this worker edits, so that the last
// line about it tells what must be there.
func crashEdit(db *bolt.DB, worker, n int, acknowledged chan<- string) error {
	ctx := context.Background()
	ep := lwm2m.EndpointName(fmt.Sprintf("w%d-d%d", worker, rand.IntN(8)))
	d, err := db.Device(ctx, ep)
	if err != nil {
		d = store.Device{Endpoint: ep, Profile: "p"}
	}
	d.Note = fmt.Sprintf("%d-%d", worker, n)
	d.Tags = []string{"t" + strconv.Itoa(n%5)}
	d.Credentials = []store.Credential{{Kind: store.CredentialPSK, Identity: fmt.Sprintf("%s-%d", ep, n%3), Key: lwm2m.NewSecret([]byte(d.Note))}}
	kept, err := db.PutDevice(ctx, d)
	if err != nil {
		return err
	}
	acknowledged <- fmt.Sprintf("%s %d %s", ep, kept.Revision, kept.Note)
	return db.AppendSession(ctx, store.Session{ID: fmt.Sprintf("%016x%d", time.Now().UnixNano(), worker), Endpoint: ep, Known: true, Cause: store.CauseDone})
}

func rounds(t *testing.T) int {
	text := os.Getenv(crashRounds)
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number from 1", crashRounds, text)
	}
	return n
}

// TestCrash kills a writing process at random moments and finds every edit that was
// acknowledged, and nothing half-written. LWBS_CRASH_ROUNDS sets how often.
func TestCrash(t *testing.T) {
	file := crashDatabase(t)
	last := make(map[string]acknowledgement)
	edits := 0
	for round := range rounds(t) {
		edits += crashRound(t, file, last)
		if problems := survivors(t, file, last); len(problems) > 0 {
			t.Fatalf("round %d: %s", round, strings.Join(problems, "\n"))
		}
	}
	if edits == 0 {
		t.Fatal("no edit was acknowledged: nothing was tested")
	}
	t.Logf("%d rounds, %d acknowledged edits, none lost", rounds(t), edits)
}

// TestCrashIsNoticed is the counter-check: an acknowledged edit that is lost is found.
func TestCrashIsNoticed(t *testing.T) {
	file := crashDatabase(t)
	last := make(map[string]acknowledgement)
	for crashRound(t, file, last) == 0 {
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if problems := survivors(t, file, last); len(problems) > 0 {
		t.Fatal(problems)
	}
	for crashRound(t, file, last) == 0 {
	}
	if err := os.WriteFile(file, before, 0o600); err != nil { // as if the second round had not been kept
		t.Fatal(err)
	}
	if problems := survivors(t, file, last); len(problems) == 0 {
		t.Error("edits were taken away, and it was not noticed")
	}
}

func crashDatabase(t *testing.T) string {
	t.Helper()
	file, k := filepath.Join(t.TempDir(), "x.db"), keyring(t)
	if err := k.Save(file + ".key"); err != nil {
		t.Fatal(err)
	}
	db := open(t, file, k, bolt.Options{})
	put(t, db, 0)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

type acknowledgement struct {
	revision uint64
	note     string
}

// crashRound lets a child write, kills it, and adds to last what it acknowledged.
func crashRound(t *testing.T, file string, last map[string]acknowledgement) (edits int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), crashFile+"="+file)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n') // then it is at work
	if err != nil {
		t.Fatalf("the child wrote nothing: %v %s", err, stderr.String())
	}
	kill := time.AfterFunc(rand.N(60*time.Millisecond), func() { _ = cmd.Process.Kill() })
	defer kill.Stop()
	rest, err := io.ReadAll(lines)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if stderr.Len() > 0 {
		t.Fatalf("the child failed: %s", stderr.String())
	}
	for line := range strings.Lines(first + string(rest)) {
		var ep string
		var a acknowledgement
		if _, err := fmt.Sscanf(line, "%s %d %s\n", &ep, &a.revision, &a.note); err != nil || !strings.HasSuffix(line, "\n") {
			continue // the line itself was cut by the kill
		}
		last[ep] = a
		edits++
	}
	return edits
}

// survivors opens the file and returns how it differs from what was acknowledged.
func survivors(t *testing.T, file string, last map[string]acknowledgement) (problems []string) {
	t.Helper()
	k, err := seal.LoadKeyring(file + ".key")
	if err != nil {
		t.Fatal(err)
	}
	db := open(t, file, k, either(bolt.Options{}))
	defer db.Close()
	if err := db.Check(t.Context()); err != nil {
		problems = append(problems, err.Error())
	}
	for ep, a := range last {
		d, err := db.Device(t.Context(), lwm2m.EndpointName(ep))
		switch {
		case err != nil:
			problems = append(problems, err.Error())
		case uint64(d.Revision) < a.revision:
			problems = append(problems, fmt.Sprintf("%s has revision %d, and %d was acknowledged", ep, d.Revision, a.revision))
		case uint64(d.Revision) == a.revision && d.Note != a.note:
			problems = append(problems, fmt.Sprintf("%s revision %d has note %q, not %q", ep, d.Revision, d.Note, a.note))
		case string(d.Credentials[0].Key.Reveal()) != d.Note:
			problems = append(problems, fmt.Sprintf("%s has the key of another edit", ep))
		}
	}
	return problems
}
