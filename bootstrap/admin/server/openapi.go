package server

import (
	"bytes"
	_ "embed"
	"net/http"
)

// openapi is the OpenAPI document of the server's routes.
//
//go:embed openapi.yaml
var openapi []byte

// Document is the OpenAPI document of all routes.
func Document() []byte { return bytes.Clone(openapi) }

// openapi answers with the document.
func (s *Server) openapi(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(openapi)
}
