package explain_test

import (
	"os"
	"regexp"
	"testing"

	"lwbs/bootstrap/explain"
	"lwbs/lwm2m"
	"lwbs/store"
)

// causes are all that the store knows, read from its source so that none is forgotten.
func causes(t *testing.T) (out []store.Cause) {
	t.Helper()
	source, err := os.ReadFile("../../store/cause.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`Cause\w+ +Cause = "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1) {
		out = append(out, store.Cause(m[1]))
	}
	if len(out) < 20 {
		t.Fatalf("found %d causes only", len(out))
	}
	return out
}

func TestEveryCauseIsExplained(t *testing.T) {
	seen := make(map[string]store.Cause)
	for _, cause := range causes(t) {
		e := explain.Session(store.Session{Cause: cause, Stage: store.StageWrite, Detail: "the detail", Operations: []store.Operation{
			{Op: lwm2m.OpWrite, Path: lwm2m.InstancePath(0, 1), Code: lwm2m.CodeBadRequest},
		}})
		if e.Stage == "" || e.Happened == "" || e.Remedy == "" {
			t.Errorf("%s: %+v lacks something", cause, e)
		}
		if other, ok := seen[e.Happened+e.Remedy]; ok {
			t.Errorf("%s and %s are explained alike", cause, other)
		}
		seen[e.Happened+e.Remedy] = cause
	}
}
