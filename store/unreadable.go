package store

import (
	"fmt"
	"strings"
)

// Kinds of records that a Bucket of an [UnreadableError] can name.
const (
	KindDevice        = "device"
	KindProfile       = "profile"
	KindGroup         = "group"
	KindLwM2MServer   = "lwm2m_server"
	KindSession       = "session"
	KindAssociation   = "association"
	KindPendingDevice = "pending_device"
	KindFormerProfile = "former_profile"
	KindCampaign      = "campaign"
	KindMessage       = "outbox"
	KindUser          = "user"
	KindToken         = "token"
	KindWebSession    = "web_session"
	KindAuditEntry    = "audit"
)

// An UnreadableError names a part of a store that cannot be read, as far as it is known.
type UnreadableError struct {
	Bucket string // the kind of records, such as KindDevice; empty where unknown or several
	Key    string // of the record; empty where unknown or several
	Page   uint64 // of the file; zero where it is not one page

	// Err wraps ErrCorrupt or ErrNewer; one line, without secrets.
	Err error
}

// What names the part.
func (e *UnreadableError) What() string {
	what := "database"
	switch {
	case e.Key != "":
		what = fmt.Sprintf("%s %q", strings.ReplaceAll(e.Bucket, "_", " "), e.Key)
	case e.Bucket != "":
		what = "bucket " + e.Bucket
	}
	if e.Page == 0 {
		return what
	}
	return fmt.Sprintf("page %d of %s", e.Page, what)
}

// Error does not repeat the name of a record, as its caller asked for that record by name.
func (e *UnreadableError) Error() string {
	if e.Page == 0 && e.Key != "" {
		return e.Err.Error()
	}
	return e.What() + ": " + e.Err.Error()
}

// Unwrap returns Err.
func (e *UnreadableError) Unwrap() error { return e.Err }
