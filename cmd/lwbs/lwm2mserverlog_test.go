package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What an LwM2M Server sends behind its answer, such as more of what it was told than its length says,
// is written nowhere.
func TestBytesBehindAnswerAreNotWritten(t *testing.T) {
	sh := newShell(t)
	closed := make(chan struct{}) // the first connection, by the client, which has read all of it by then
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
		_, _ = io.Copy(io.Discard, c)
		c.Close()
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
	if err != nil || !strings.HasPrefix(string(out), "LwM2M Server dm can be told") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("%v\n%s", err, out)
	}
}
