package wire

import (
	"lwbs/bootstrap/admin"
	"lwbs/lwm2m"
	"lwbs/store"
)

// A BackupRequest is the body of POST /v1/backup.
type BackupRequest struct {
	File string `json:"file"` // absolute
}

// A RenameRequest is the body of POST /v1/devices/{endpoint}/rename.
type RenameRequest struct {
	To lwm2m.EndpointName `json:"to"`
}

// An ApplyRequest is the body of POST /v1/profiles.
type ApplyRequest struct {
	Profiles []store.Profile `json:"profiles"`
	admin.ApplyOptions
}

// An ApplyAnswer is the answer to it.
type ApplyAnswer struct {
	Applied []admin.Applied `json:"applied"`
}

// BulkHeader names the edit of many devices that a request belongs to.
const BulkHeader = "Lwbs-Bulk"

// A Bulk answers that an edit of many devices has begun.
type Bulk struct {
	ID store.AuditID `json:"id"`
}
