package handover_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
)

// A leshanStandIn answers as the server demo of Leshan does, as far as security information goes:
// leshan-server-demo, ClientServlet and SecurityServlet of 2.0.0-M15, and of 1.5.0 where old is set.
type leshanStandIn struct {
	old bool

	mu      sync.Mutex
	clients map[string]json.RawMessage // by endpoint
	keys    map[string]string          // hex, by the identity
}

func (l *leshanStandIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	const path = "/api/security/clients/"
	name, found := strings.CutPrefix(r.URL.Path, path)
	switch {
	case !found:
		http.NotFound(w, r)
	case r.Method == "GET" && name == "":
		all := []json.RawMessage{}
		for _, info := range l.clients {
			all = append(all, info)
		}
		_ = json.NewEncoder(w).Encode(all)
	case r.Method == "PUT" && name == "":
		body, _ := io.ReadAll(r.Body)
		if err := l.put(body); err != "" {
			http.Error(w, err, http.StatusBadRequest)
		}
	case r.Method == "DELETE" && name != "":
		delete(l.clients, name)
	default:
		http.Error(w, "no", http.StatusMethodNotAllowed)
	}
}

func (l *leshanStandIn) put(body []byte) (refused string) {
	var info struct {
		Endpoint string
		TLS      *struct {
			Mode    string
			Details *struct{ Identity, Key string }
		}
		OSCORE *struct{ SID, RID, MSec string }
		PSK    *struct{ Identity, Key string }
		RPK    *struct{ Key string }
		X509   bool
	}
	if err := json.Unmarshal(body, &info); err != nil || info.Endpoint == "" {
		return "Invalid security info"
	}
	identity, key := "", ""
	switch {
	case l.old && info.PSK != nil:
		identity, key = info.PSK.Identity, info.PSK.Key
	case l.old && (info.RPK != nil || info.X509):
	case l.old:
		return "Invalid security info: psk, rpk or x509 is needed"
	case info.TLS == nil && info.OSCORE == nil:
		return "Invalid security info: tls or oscore is needed"
	case info.TLS != nil && info.TLS.Mode == "psk" && info.TLS.Details != nil:
		identity, key = info.TLS.Details.Identity, info.TLS.Details.Key
	}
	if _, err := hex.DecodeString(key); err != nil {
		return "key must be a hex string"
	}
	for other, has := range l.clients {
		if identity != "" && other != info.Endpoint && strings.Contains(string(has), fmt.Sprintf("%q", identity)) {
			return "PSK Identity " + identity + " is already used, with the key " + key // as no server should
		}
	}
	if l.clients == nil {
		l.clients, l.keys = make(map[string]json.RawMessage), make(map[string]string)
	}
	l.clients[info.Endpoint], l.keys[identity] = body, key
	return ""
}

// A thingsBoardStandIn answers as ThingsBoard does, whose controllers are AuthController,
// DeviceController and, for what it refuses, LwM2M's DeviceCredentialsService.
type thingsBoardStandIn struct {
	user, password string
	conflicts      int // how many of the next writes someone else is faster than

	mu     sync.Mutex
	tokens int
	stored map[string]any // the credentials of "meter", whose id is the-id
}

var thingsBoardKey = regexp.MustCompile(`^([0-9a-f]{32}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$`)

func (t *thingsBoardStandIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var body map[string]any
	_ = json.NewDecoder(r.Body).Decode(&body)
	answer := func(status int, v any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	if r.URL.Path == "/api/auth/login" {
		if r.Method != "POST" || body["username"] != t.user || body["password"] != t.password {
			answer(401, map[string]any{"message": "Authentication failed for " + fmt.Sprint(body["password"])})
			return
		}
		t.tokens++
		answer(200, map[string]any{"token": fmt.Sprintf("jwt-%d", t.tokens)})
		return
	}
	if r.Header.Get("X-Authorization") != fmt.Sprintf("Bearer jwt-%d", t.tokens) && r.Header.Get("X-Authorization") != "ApiKey tb_key" {
		answer(401, map[string]any{"message": "Token has expired"})
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /api/tenant/devices":
		if r.URL.Query().Get("deviceName") != "meter" {
			answer(404, map[string]any{"message": "Device not found"})
			return
		}
		answer(200, map[string]any{"id": map[string]any{"entityType": "DEVICE", "id": "the-id"}, "name": "meter"})
	case "GET /api/device/the-id/credentials":
		if t.stored == nil {
			t.stored = map[string]any{"id": map[string]any{"id": "c1"}, "deviceId": map[string]any{"id": "the-id"}, "credentialsType": "ACCESS_TOKEN", "version": 1.0}
		}
		answer(200, t.stored)
	case "POST /api/device/credentials":
		switch {
		case t.conflicts > 0:
			t.conflicts--
			answer(409, map[string]any{"message": "Entity already changed by someone else!"})
		case body["version"] != t.stored["version"] || body["id"] == nil || body["deviceId"] == nil:
			answer(400, map[string]any{"message": "not the object that was read"})
		case !acceptable(body):
			answer(400, map[string]any{"message": "Invalid credentials body for LwM2M credentials!"})
		default:
			body["version"] = t.stored["version"].(float64) + 1
			t.stored = body
			answer(200, body)
		}
	default:
		answer(404, nil)
	}
}

// acceptable reports whether credentials are what ThingsBoard takes for those of an LwM2M client.
func acceptable(body map[string]any) bool {
	value, isText := body["credentialsValue"].(string)
	var document struct {
		Client    map[string]string
		Bootstrap map[string]map[string]string
	}
	if !isText || body["credentialsType"] != "LWM2M_CREDENTIALS" || json.Unmarshal([]byte(value), &document) != nil {
		return false
	}
	client := document.Client
	complete := document.Bootstrap["bootstrapServer"]["securityMode"] != "" && document.Bootstrap["lwm2mServer"]["securityMode"] != ""
	return complete && client["endpoint"] == "meter" &&
		(client["securityConfigClientMode"] == "NO_SEC" || client["securityConfigClientMode"] == "PSK" && client["identity"] != "" && thingsBoardKey.MatchString(client["key"]))
}
