package leshan

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"

	"lwbs/bootstrap/profile"
	"lwbs/lwm2m"
	"lwbs/store"
	"lwbs/store/importer"
)

// putConfiguration is POST /api/bootstrap/{endpoint}. It keeps the profile before the device that has it: where it
// is cut off between them, a profile is left that nothing uses.
func (s *Server) putConfiguration(r request) (answer, error) {
	ep, err := r.endpoint()
	if err != nil {
		return answer{}, err
	}
	body, err := r.body()
	if err != nil {
		return answer{}, err
	}
	p, next, notes, err := importer.LeshanConfiguration(ep, body)
	if err != nil {
		return answer{}, refuse(http.StatusBadRequest, "%v", err)
	}
	p.SecretsOverNoSec = s.NoSec
	s.editing.Lock()
	defer s.editing.Unlock()
	if _, err := s.own(r.Context(), ep); err != nil { // before a profile is made for it
		return answer{}, err
	}
	name, err := s.keepProfile(r.Context(), p)
	if err != nil {
		return answer{}, err
	}
	idle := false
	err = s.edit(r.Context(), ep, func(old store.Device) (edit, error) {
		idle = len(old.Credentials)+len(next.Credentials) == 0 && !s.NoSec
		return s.configure(old, next, name)
	})
	if err != nil {
		s.dropProfile(context.WithoutCancel(r.Context()), name)
		return answer{}, err
	}
	if idle {
		notes = append(notes, "the device has no credential, and cannot bootstrap: PUT /api/security/clients/ gives it one; over plain CoAP it may come where serve has --leshan-api-no-sec")
	}
	return answer{notes: notes}, nil
}

// configure is the edit by which a device with the record old gets the profile and the keys of next.
func (s *Server) configure(old, next store.Device, profile string) (edit, error) {
	set := given(old, next)
	set.Profile, set.AddTags = &profile, []string{Tag}
	if old.Profile == Unconfigured {
		set.Disabled, set.Note = new(false), new("")
	}
	switch {
	case len(next.Credentials) == 0 || len(old.Credentials) > 0 && has(old, next.Credentials[0]):
	case len(old.Credentials) > 0:
		return edit{}, refuse(http.StatusBadRequest, "security: publicKeyOrId or secretKey of its Bootstrap-Server Account is not what /api/security/clients has for %q: lwbs does not replace that account here; make them equal, or DELETE /api/security/clients/ of it first", next.Endpoint)
	default:
		set.authenticate(next.Credentials[0])
	}
	set.NoSec = new(len(old.Credentials)+len(next.Credentials) == 0 && s.NoSec)
	return edit{set: set.DeviceSettings}, nil
}

// has reports whether d authenticates with c.
func has(d store.Device, c store.Credential) bool {
	return slices.ContainsFunc(d.Credentials, func(own store.Credential) bool {
		return own.Kind == c.Kind && own.Identity == c.Identity && own.Key.Equal(c.Key)
	})
}

// deleteConfiguration is DELETE /api/bootstrap/{endpoint}. A device whose credential is known stays, disabled.
func (s *Server) deleteConfiguration(r request) (answer, error) {
	ep, err := r.endpoint()
	if err != nil {
		return answer{}, err
	}
	s.editing.Lock()
	defer s.editing.Unlock()
	if err := s.keepUnconfigured(r.Context()); err != nil {
		return answer{}, err
	}
	err = s.edit(r.Context(), ep, func(old store.Device) (edit, error) {
		switch {
		case !configured(old):
			return edit{}, noConfiguration(ep)
		case len(old.Credentials) == 0:
			return edit{remove: true}, nil
		}
		set := given(old, store.Device{})
		set.Profile, set.Disabled, set.Note = new(Unconfigured), new(true), new(waiting)
		return edit{set: set.DeviceSettings}, nil
	})
	return answer{status: http.StatusNoContent}, err
}

func noConfiguration(ep lwm2m.EndpointName) error {
	return refuse(http.StatusNotFound, "no config for %s", ep)
}

// configurations is GET /api/bootstrap, and beyond Leshan that of one endpoint.
func (s *Server) configurations(r request) (answer, error) {
	if len(r.names) == 0 {
		return answer{write: func(w io.Writer) error { return s.writeConfigurations(r, w) }}, nil
	}
	ep, err := r.endpoint()
	if err != nil {
		return answer{}, err
	}
	d, err := s.own(r.Context(), ep)
	if err != nil {
		return answer{}, err
	}
	if !configured(d) {
		return answer{}, noConfiguration(ep)
	}
	text, err := s.configuration(r.Context(), d, r.reveal)
	if err != nil {
		return answer{}, refuse(http.StatusBadRequest, "%q cannot be shown in the form of Leshan: %v", ep, err)
	}
	return answer{body: text}, nil
}

// writeConfigurations writes an object with a member for each device, a page of devices in memory at a time. What
// cannot be shown is left out, and logged.
func (s *Server) writeConfigurations(r request, w io.Writer) error {
	between := "{"
	for d, err := range s.devices(r.Context()) {
		if err != nil {
			return err
		}
		if !configured(d) {
			continue
		}
		text, err := s.configuration(r.Context(), d, r.reveal)
		if err != nil {
			s.Log.LogAttrs(r.Context(), slog.LevelWarn, "a device is left out, as the form of Leshan cannot show it", slog.String("endpoint", string(d.Endpoint)), slog.Any("error", err))
			continue
		}
		name, err := json.Marshal(string(d.Endpoint))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "%s\n  %s : %s", between, name, text); err != nil {
			return err
		}
		between = ","
	}
	if between == "{" {
		_, err := io.WriteString(w, "{ }")
		return err
	}
	_, err := io.WriteString(w, "\n}")
	return err
}

// configuration is what d is given, as Leshan shows it.
func (s *Server) configuration(ctx context.Context, d store.Device, secrets bool) (string, error) {
	p, err := s.Records.Profile(ctx, d.Profile)
	if err != nil {
		return "", err
	}
	p, err = profile.Assign(p, d.Endpoint, func(name string) (store.LwM2MServer, error) { return s.Records.LwM2MServer(ctx, name) })
	if err != nil {
		return "", err
	}
	info, findings := profile.Resolve(p, d, s.Objects)
	for _, f := range findings {
		if !f.Warning {
			return "", fmt.Errorf("%v", f)
		}
	}
	text, err := json.MarshalIndent(importer.WriteLeshan(p, info, secrets), "  ", "  ")
	return string(text), err
}
