package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// What an LwM2M Server sends behind its answer, such as more of what it was told than its length says,
// is written nowhere. If the next request goes out before the client has seen it, it is taken for the
// answer to that, and that request fails.
func TestBytesBehindAnswerAreNotWritten(t *testing.T) {
	sh := newShell(t)
	closed := make(chan struct{}) // the first connection, of which the client has read all by then
	told := make(chan string, 1)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut {
			<-closed
			return
		}
		body, _ := io.ReadAll(r.Body)
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"+string(body))
		_, _ = c.Read(make([]byte, 1)) // the client closes the connection, or sends the next request
		c.Close()
		told <- string(body)
		close(closed)
	}))
	defer web.Close()
	sh.ok("lwm2m-server add dm --kind leshan --timeout 1m --address " + web.URL)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := exec.Command(exe, "--db", sh.path("x.db"), "lwm2m-server", "test", "dm")
	p.Env = append(os.Environ(), beLwbs+"=1")
	out, err := p.CombinedOutput()
	forgotten, failed := strings.HasPrefix(string(out), "LwM2M Server dm can be told"), strings.Contains(string(out), "it was told of the device lwbs-hand-over-test, and does not forget it")
	if forgotten != (err == nil) || failed != (err != nil) || strings.Count(string(out), "\n") != 1 {
		t.Errorf("%v\n%s", err, out)
	}
	key := regexp.MustCompile(`"key":"([0-9A-Fa-f]{8})`).FindStringSubmatch(<-told)
	if key == nil || strings.Contains(string(out), key[1]) {
		t.Errorf("the key begins with %q, and what is written is\n%s", key, out)
	}
}
