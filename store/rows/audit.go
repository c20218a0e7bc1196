package rows

import "lwbs/store"

// EncodeAuditEntry returns the stored bytes of an entry of the audit.
func EncodeAuditEntry(e store.AuditEntry) ([]byte, error) { return encodeRow(e) }

// DecodeAuditEntry reads what EncodeAuditEntry wrote. Its error wraps ErrCorrupt or ErrNewer.
func DecodeAuditEntry(b []byte) (e store.AuditEntry, err error) {
	_, err = decodeRow(b, &e)
	return e, err
}
