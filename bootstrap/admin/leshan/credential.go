package leshan

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"

	"lwbs/bootstrap/admin"
	"lwbs/store"
	"lwbs/store/importer"
)

// settings are those of a device record.
type settings struct{ admin.DeviceSettings }

// authenticate makes c the one credential of the device.
func (set *settings) authenticate(c store.Credential) {
	set.Certificates, set.CertificateNames = new([]string{}), new([]string{})
	if c.Kind == store.CredentialPSK {
		set.PSK = &admin.PSK{Identity: store.IdentityText([]byte(c.Identity)), Key: c.Key.Reveal()}
		return
	}
	set.NoPSK = true
	set.CertificateNames = &[]string{c.Identity}
}

// putCredential is PUT /api/security/clients/. A device without configuration is kept disabled until that
// comes.
func (s *Server) putCredential(r request) (answer, error) {
	if len(r.names) > 0 {
		return answer{}, refuse(http.StatusBadRequest, "the endpoint name belongs into the body, not into the URL")
	}
	body, err := r.body()
	if err != nil {
		return answer{}, err
	}
	next, notes, err := importer.LeshanCredential(body)
	if err != nil {
		return answer{}, refuse(http.StatusBadRequest, "Invalid request body: %v", err)
	}
	s.editing.Lock()
	defer s.editing.Unlock()
	if err := s.keepUnconfigured(r.Context()); err != nil {
		return answer{}, err
	}
	err = s.edit(r.Context(), next.Endpoint, func(old store.Device) (edit, error) {
		var set settings
		if old.Revision == 0 {
			set.Profile, set.Disabled, set.Note, set.AddTags = new(Unconfigured), new(true), new(waiting), []string{Tag}
		}
		set.NoSec = new(false)
		set.authenticate(next.Credentials[0])
		return edit{set: set.DeviceSettings}, nil
	})
	if errors.Is(err, store.ErrIdentityTaken) {
		return answer{}, refuse(http.StatusBadRequest, "PSK Identity %s is already used", store.IdentityText([]byte(next.Credentials[0].Identity)))
	}
	return answer{notes: notes}, err
}

// notFound is what Leshan 2.0 answers to DELETE of what is not there, with status 200.
const notFound = `{"message":"not_found"}`

// deleteCredential is DELETE /api/security/clients/{endpoint}. A device without configuration goes with it.
func (s *Server) deleteCredential(r request) (answer, error) {
	ep, err := r.endpoint()
	if err != nil {
		return answer{}, err
	}
	s.editing.Lock()
	defer s.editing.Unlock()
	found := true
	err = s.edit(r.Context(), ep, func(old store.Device) (edit, error) {
		switch {
		case len(old.Credentials) == 0:
			found = false
			return edit{}, errNothing
		case !configured(old):
			return edit{remove: true}, nil
		}
		var set settings
		set.NoPSK, set.Certificates, set.CertificateNames, set.NoSec = true, new([]string{}), new([]string{}), new(s.NoSec)
		return edit{set: set.DeviceSettings}, nil
	})
	if !found {
		return answer{body: notFound}, nil
	}
	return answer{}, err
}

// errNothing ends an edit that is not needed.
var errNothing = errors.New("nothing to do")

// A securityInfo is how a device authenticates, as Leshan 2.0 shows it.
type securityInfo struct {
	Endpoint string  `json:"endpoint"`
	TLS      tlsInfo `json:"tls"`
}

type tlsInfo struct {
	Mode    string   `json:"mode"` // psk or x509
	Details *pskInfo `json:"details,omitempty"`
}

type pskInfo struct {
	Identity string `json:"identity"`
	Key      string `json:"key"` // hexadecimal; empty where it is not shown
}

// infoOf is how d authenticates: with the credential that it has now, not with one that is to replace it. Ok is
// false where it has none.
func infoOf(d store.Device, reveal bool) (info securityInfo, ok bool) {
	info = securityInfo{Endpoint: string(d.Endpoint), TLS: tlsInfo{Mode: "x509"}}
	i := slices.IndexFunc(d.Credentials, func(c store.Credential) bool { return c.Kind == store.CredentialPSK && !c.Pending })
	if i < 0 {
		return info, len(d.Credentials) > 0
	}
	c := d.Credentials[i]
	info.TLS = tlsInfo{Mode: "psk", Details: &pskInfo{Identity: store.IdentityText([]byte(c.Identity))}}
	if reveal {
		info.TLS.Details.Key = hex.EncodeToString(c.Key.Reveal())
	}
	return info, true
}

// credentials is GET /api/security/clients, and beyond Leshan that of one endpoint.
func (s *Server) credentials(r request) (answer, error) {
	if len(r.names) == 0 {
		return answer{write: func(w io.Writer) error { return s.writeCredentials(r, w) }}, nil
	}
	ep, err := r.endpoint()
	if err != nil {
		return answer{}, err
	}
	d, err := s.own(r.Context(), ep)
	if err != nil {
		return answer{}, err
	}
	info, ok := infoOf(d, r.reveal)
	if !ok {
		return answer{}, refuse(http.StatusNotFound, "no security info for %s", ep)
	}
	text, err := json.Marshal(info)
	return answer{body: string(text)}, err
}

// writeCredentials writes a list of the devices that have credentials.
func (s *Server) writeCredentials(r request, w io.Writer) error {
	between := "["
	for d, err := range s.devices(r.Context()) {
		if err != nil {
			return err
		}
		info, ok := infoOf(d, r.reveal)
		if !ok {
			continue
		}
		text, err := json.Marshal(info)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, between+string(text)); err != nil {
			return err
		}
		between = ","
	}
	if between == "[" {
		_, err := io.WriteString(w, "[]")
		return err
	}
	_, err := io.WriteString(w, "]")
	return err
}
