package lwm2m

import (
	"fmt"
	"strconv"
	"strings"
)

// A Code is a CoAP response code, class in the upper three bits (RFC 7252 §5.9, RFC
// 7959 §2.9). The zero Code is "no answer". Its text form is "4.04".
type Code uint8

// The codes that occur on the bootstrap interface.
const (
	CodeCreated             Code = 2<<5 | 1
	CodeDeleted             Code = 2<<5 | 2
	CodeChanged             Code = 2<<5 | 4
	CodeContent             Code = 2<<5 | 5
	CodeContinue            Code = 2<<5 | 31
	CodeBadRequest          Code = 4 << 5
	CodeUnauthorized        Code = 4<<5 | 1
	CodeBadOption           Code = 4<<5 | 2
	CodeForbidden           Code = 4<<5 | 3
	CodeNotFound            Code = 4<<5 | 4
	CodeMethodNotAllowed    Code = 4<<5 | 5
	CodeNotAcceptable       Code = 4<<5 | 6
	CodeRequestIncomplete   Code = 4<<5 | 8
	CodePreconditionFailed  Code = 4<<5 | 12
	CodeRequestTooLarge     Code = 4<<5 | 13
	CodeUnsupportedFormat   Code = 4<<5 | 15
	CodeInternalServerError Code = 5 << 5
	CodeNotImplemented      Code = 5<<5 | 1
	CodeServiceUnavailable  Code = 5<<5 | 3
)

var codeNames = map[Code]string{
	CodeCreated:             "Created",
	CodeDeleted:             "Deleted",
	CodeChanged:             "Changed",
	CodeContent:             "Content",
	CodeContinue:            "Continue",
	CodeBadRequest:          "Bad Request",
	CodeUnauthorized:        "Unauthorized",
	CodeBadOption:           "Bad Option",
	CodeForbidden:           "Forbidden",
	CodeNotFound:            "Not Found",
	CodeMethodNotAllowed:    "Method Not Allowed",
	CodeNotAcceptable:       "Not Acceptable",
	CodeRequestIncomplete:   "Request Entity Incomplete",
	CodePreconditionFailed:  "Precondition Failed",
	CodeRequestTooLarge:     "Request Entity Too Large",
	CodeUnsupportedFormat:   "Unsupported Content-Format",
	CodeInternalServerError: "Internal Server Error",
	CodeNotImplemented:      "Not Implemented",
	CodeServiceUnavailable:  "Service Unavailable",
}

// Class is 2 for success, 4 for an error of the requester, 5 for one of the
// responder.
func (c Code) Class() int { return int(c >> 5) }

// Success reports whether the class is 2.
func (c Code) Success() bool { return c.Class() == 2 }

// Dotted is the bare form "4.04", empty for the zero Code.
func (c Code) Dotted() string {
	if c == 0 {
		return ""
	}
	return fmt.Sprintf("%d.%02d", c>>5, c&31)
}

// String is the code with its name, such as "4.04 Not Found".
func (c Code) String() string {
	if c == 0 {
		return "no answer"
	}
	return strings.TrimSpace(c.Dotted() + " " + codeNames[c])
}

// MarshalText writes [Code.Dotted].
func (c Code) MarshalText() ([]byte, error) { return []byte(c.Dotted()), nil }

// UnmarshalText reads what MarshalText writes.
func (c *Code) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*c = 0
		return nil
	}
	class, detail, ok := strings.Cut(string(b), ".")
	hi, err1 := strconv.ParseUint(class, 10, 3)
	lo, err2 := strconv.ParseUint(detail, 10, 5)
	if !ok || err1 != nil || err2 != nil {
		return fmt.Errorf("%q is not a CoAP code", b)
	}
	*c = Code(hi<<5 | lo)
	return nil
}
