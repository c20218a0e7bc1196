package server

import (
	"encoding/json"
	"net/http"

	"lwbs/bootstrap/admin/wire"
)

// writeProblem answers with p.
func writeProblem(w http.ResponseWriter, p wire.Problem) {
	w.Header().Set("Content-Type", wire.ProblemMedia)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}
