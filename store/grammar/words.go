package grammar

// The words of profiles that other packages compare with: those that differ from a default, and the
// security modes. The tables of the sections have all words.
const (
	SecurityPSK         = "psk"         // security of an account
	SecurityRPK         = "rpk"         // the same
	SecurityCertificate = "certificate" // the same
	SecurityNoSec       = "nosec"       // the same

	FormatAuto   = "auto"   // format: the one that the client prefers
	PackAllow    = "allow"  // pack
	DiscoverFail = "fail"   // discoverFailed
	VerifyRecord = "record" // verify
	VerifyFail   = "fail"   // verify

	EmptyOmit        = "omit"         // device.emptyResources
	WritesObject     = "object"       // device.writes
	WritesResource   = "resource"     // device.writes
	OrderServerFirst = "server-first" // device.order
)
