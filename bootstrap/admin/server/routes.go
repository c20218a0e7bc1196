package server

import (
	"net/http"

	"lwbs/bootstrap/admin"
	"lwbs/bootstrap/admin/access"
)

// A route is one method of one path. The OpenAPI document lists them all.
type route struct {
	pattern string      // as http.ServeMux has it
	role    access.Role // the least that may; zero lets everybody in, and reveal=true needs access.Admin
	query   []string    // the parameters it takes
	maxBody int64       // bytes; zero where it takes no body
	serve   func(s *Server, r request) (reply, error)

	// handle answers in place of serve.
	handle func(s *Server, w http.ResponseWriter, r *http.Request)
}

// routes are all routes, with who may use them: what is not here is not served.
var routes = []route{
	{pattern: "GET /v1/status", role: access.Viewer, serve: (*Server).status},
	{pattern: "GET /v1/devices", role: access.Viewer, query: append([]string{"after", "limit"}, filterParameters...), serve: (*Server).devices},
	{pattern: "GET /v1/fleet", role: access.Viewer, query: filterParameters, serve: (*Server).fleet},
	{pattern: "POST /v1/devices/{endpoint}", role: access.Engineer, maxBody: maxBody, serve: devices.post},
	{pattern: "PATCH /v1/devices/{endpoint}", role: access.Engineer, maxBody: maxBody, serve: devices.patch},
	{pattern: "GET /v1/devices/{endpoint}", role: access.Viewer, query: []string{"reveal"}, serve: devices.read},
	{pattern: "DELETE /v1/devices/{endpoint}", role: access.Engineer, serve: devices.delete},
	{pattern: "POST /v1/devices/{endpoint}/preview", role: access.Viewer, maxBody: maxBody, serve: (*Server).preview},
	{pattern: "POST /v1/devices/{endpoint}/rename", role: access.Engineer, maxBody: maxBody, serve: (*Server).renameDevice},
	{pattern: "POST /v1/bulk", role: access.Engineer, maxBody: maxBody, serve: (*Server).beginBulk},
	{pattern: "POST /v1/bulk/{id}/end", role: access.Engineer, serve: (*Server).endBulk},
	{pattern: "GET /v1/profiles", role: access.Viewer, query: []string{"after", "limit"}, serve: (*Server).profiles},
	{pattern: "POST /v1/profiles", role: access.Admin, maxBody: maxProfiles, serve: (*Server).applyProfiles},
	{pattern: "GET /v1/profiles/{name}", role: access.Viewer, serve: (*Server).profile},
	{pattern: "GET /v1/profiles/{name}/revisions", role: access.Viewer, serve: (*Server).profileRevisions},
	{pattern: "PUT /v1/profiles/{name}", role: access.Admin, query: []string{"allowFailing", "dryRun", "examine", "replaceKeys"}, maxBody: maxBody, serve: (*Server).applyProfile},
	{pattern: "DELETE /v1/profiles/{name}", role: access.Admin, serve: (*Server).deleteProfile},
	{pattern: "GET /v1/groups", role: access.Viewer, serve: (*Server).groups},
	{pattern: "POST /v1/groups/{name}", role: access.Admin, maxBody: maxBody, serve: groups.post},
	{pattern: "PATCH /v1/groups/{name}", role: access.Admin, maxBody: maxBody, serve: groups.patch},
	{pattern: "GET /v1/groups/{name}", role: access.Viewer, query: []string{"reveal"}, serve: groups.read},
	{pattern: "DELETE /v1/groups/{name}", role: access.Admin, serve: groups.delete},
	{pattern: "GET /v1/pending", role: access.Viewer, serve: (*Server).pendingDevices},
	{pattern: "POST /v1/pending/{id}/approve", role: access.Engineer, maxBody: maxBody, serve: (*Server).approvePending},
	{pattern: "POST /v1/pending/{id}/reject", role: access.Engineer, serve: (*Server).rejectPending},
	{pattern: "GET /v1/lwm2m-servers", role: access.Viewer, serve: (*Server).lwm2mServers},
	{pattern: "POST /v1/lwm2m-servers/{name}", role: access.Admin, maxBody: maxBody, serve: lwm2mServers.post},
	{pattern: "PATCH /v1/lwm2m-servers/{name}", role: access.Admin, maxBody: maxBody, serve: lwm2mServers.patch},
	{pattern: "GET /v1/lwm2m-servers/{name}", role: access.Viewer, query: []string{"reveal"}, serve: lwm2mServers.read},
	{pattern: "DELETE /v1/lwm2m-servers/{name}", role: access.Admin, serve: lwm2mServers.delete},
	{pattern: "POST /v1/lwm2m-servers/{name}/test", role: access.Admin, serve: (*Server).testLwM2MServer},
	{pattern: "GET /v1/campaigns", role: access.Viewer, serve: (*Server).campaigns},
	{pattern: "POST /v1/campaigns", role: access.Engineer, maxBody: maxBody, serve: (*Server).rebootstrap},
	{pattern: "GET /v1/campaigns/{id}", role: access.Viewer, serve: (*Server).campaign},
	{pattern: "GET /v1/campaigns/{id}/devices", role: access.Viewer, query: []string{"after", "limit", "open"}, serve: (*Server).campaignDevices},
	{pattern: "POST /v1/campaigns/{id}/pause", role: access.Engineer, serve: setCampaign(admin.PauseCampaign)},
	{pattern: "POST /v1/campaigns/{id}/resume", role: access.Engineer, serve: setCampaign(admin.ResumeCampaign)},
	{pattern: "POST /v1/campaigns/{id}/cancel", role: access.Engineer, serve: setCampaign(admin.CancelCampaign)},
	{pattern: "GET /v1/outbox", role: access.Viewer, serve: (*Server).outboxReceivers},
	{pattern: "GET /v1/outbox/messages", role: access.Viewer, query: []string{"receiver", "endpoint", "dead", "after", "limit"}, serve: (*Server).messages},
	{pattern: "GET /v1/outbox/messages/{id}", role: access.Admin, serve: (*Server).message},
	{pattern: "POST /v1/outbox/retry", role: access.Admin, maxBody: maxBody, serve: (*Server).retryMessages},
	{pattern: "POST /v1/outbox/drop", role: access.Admin, maxBody: maxBody, serve: (*Server).dropMessages},
	{pattern: "GET /v1/sessions", role: access.Viewer, query: []string{"before", "endpoint", "failed", "identity", "limit", "own", "unknown"}, serve: (*Server).sessions},
	{pattern: "GET /v1/sessions/running", role: access.Viewer, serve: (*Server).runningSessions},
	{pattern: "GET /v1/sessions/{id}", role: access.Viewer, serve: (*Server).session},
	{pattern: "GET /v1/sessions/{id}/explanation", role: access.Viewer, serve: (*Server).explanation},
	{pattern: "GET /v1/failures", role: access.Viewer, query: []string{"examples"}, serve: (*Server).failures},
	{pattern: "GET /v1/why/{name}", role: access.Viewer, query: []string{"limit"}, serve: (*Server).why},
	{pattern: "GET /v1/unreadable", role: access.Viewer, serve: (*Server).unreadable},
	{pattern: "POST /v1/check", role: access.Admin, serve: (*Server).check},
	{pattern: "POST /v1/backup", role: access.Admin, maxBody: maxBody, serve: (*Server).backup},
	{pattern: "GET /v1/users", role: access.Admin, serve: (*Server).users},
	{pattern: "POST /v1/users/{name}", role: access.Admin, maxBody: maxBody, serve: users.post},
	{pattern: "PATCH /v1/users/{name}", role: access.Admin, maxBody: maxBody, serve: users.patch},
	{pattern: "GET /v1/users/{name}", role: access.Admin, serve: users.read},
	{pattern: "DELETE /v1/users/{name}", role: access.Admin, serve: users.delete},
	{pattern: "GET /v1/tokens", role: access.Admin, serve: (*Server).tokens},
	{pattern: "POST /v1/tokens/{name}", role: access.Admin, maxBody: maxBody, serve: (*Server).createToken},
	{pattern: "DELETE /v1/tokens/{name}", role: access.Admin, serve: (*Server).revokeToken},
	{pattern: "GET /v1/audit", role: access.Admin, query: []string{"action", "before", "limit", "name", "since", "target", "until"}, serve: (*Server).audit},
	{pattern: "GET /v1/principal", role: access.Viewer, serve: (*Server).principal},
	{pattern: "POST /v1/principal/password", role: access.Viewer, maxBody: maxBody, serve: (*Server).changePassword},

	// Those that write their answers themselves.
	{pattern: "POST /v1/devices", role: access.Engineer, handle: (*Server).putDevices},
	{pattern: "GET /v1/events", role: access.Viewer, handle: (*Server).events},
	{pattern: "POST /v1/trace", role: access.Engineer, handle: (*Server).trace},
	{pattern: "POST /v1/backup/content", role: access.Admin, handle: (*Server).backupContent},
	{pattern: "GET /v1/openapi.yaml", handle: (*Server).openapi},
	{pattern: "GET /healthz", handle: (*Server).alive},
	{pattern: "GET /readyz", handle: (*Server).ready},
	{pattern: "GET /debug/pprof/profile", role: access.Admin, handle: (*Server).profileProcess},
	{pattern: "GET /debug/pprof/{name}", role: access.Admin, handle: (*Server).profileIndex},
	{pattern: "GET /metrics", role: access.Viewer, handle: (*Server).serveMetrics},
}
