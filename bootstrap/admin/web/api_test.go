package web_test

import (
	"net/http"
	"strings"
	"testing"

	"lwbs/bootstrap/admin/access"
)

// The page of the API has each operation of the document with the role that it needs, and leads to no place that is not
// there.
func TestAPIPage(t *testing.T) {
	r := newRig(t)
	a := r.get(access.Viewer, "/api")
	a.want(t, http.StatusOK, `<code>PUT /v1/profiles/{name}</code>`, "· admin</span>", "· viewer</span>", "RFC 9457", `href="/v1/openapi.yaml"`)
	if n, want := strings.Count(a.body, "<h3>Answers</h3>"), strings.Count(string(document(t)), "operationId:"); n != want {
		t.Errorf("%d operations, want %d", n, want)
	}
	for _, part := range strings.Split(a.body, `href="#`)[1:] {
		to, _, _ := strings.Cut(part, `"`)
		if to != "main" && to != "more" && !strings.Contains(a.body, `id="`+to+`"`) {
			t.Errorf("#%s leads nowhere", to)
		}
	}
}
