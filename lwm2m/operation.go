package lwm2m

// An Op is an operation of the bootstrap interface (Core 1.1.1 §6.1.7).
type Op string

// The operations that a Bootstrap-Server performs on a Client.
const (
	OpDiscover Op = "discover"
	OpRead     Op = "read"
	OpWrite    Op = "write"
	OpDelete   Op = "delete"
	OpFinish   Op = "finish"
)

// OpPack is the answer to a Bootstrap-Pack-Request: everything in one payload, without
// a request of the Bootstrap-Server (Core 1.2.2 §6.1.7.7).
const OpPack Op = "pack"
