package sim

import (
	"time"

	"lwbs/lwm2m"
)

// A Stack is how the software of a client behaves where implementations differ. The
// zero Stack keeps to the specification; [Personalities] has those of real ones.
type Stack struct {
	// Objects are those that the client has. None stands for Security, Server, Access
	// Control, Device and, since LwM2M 1.1, OSCORE.
	Objects []lwm2m.ObjectID

	Asks     Asking
	Links    LinkForm
	Reads    Reading
	Writes   Writing
	Deletes  Deleting
	Finishes Finishing
	Returns  Returning
	Wire     Wire
}

// Asking is how a client puts its Bootstrap-Request.
type Asking struct {
	// Path and Queries are those of its Bootstrap-Server URI, which some clients keep
	// in front of their own.
	Path    []string
	Queries []string

	// AgainAs10 makes it ask once more after an error, as a client of LwM2M 1.0 does:
	// without pct.
	AgainAs10 bool
}

// Reading is how a client takes a Bootstrap-Read.
type Reading struct {
	// Nothing makes it read nothing at all.
	Nothing bool

	// Forbidden is the answer where nothing may be read. Default 4.05.
	Forbidden lwm2m.Code
}

// Writing is how a client takes a Bootstrap-Write. What is refused changes nothing.
type Writing struct {
	// Formats are those that it reads; none stands for all that there are. What comes
	// in another one is answered with WrongFormat, by default 4.15.
	Formats     []lwm2m.Format
	WrongFormat lwm2m.Code

	// CommonBase64 makes it refuse with 4.00 what is SenML JSON in the alphabet of Base64
	// that RFC 8428 §5 wants, where that is not the common one.
	CommonBase64 bool

	// Whole is the answer to a Write of more than one Resource; zero takes it.
	Whole lwm2m.Code

	// Accepted is the code for success. Default 2.04.
	Accepted lwm2m.Code

	// Unknown are the Resources that it does not know.
	Unknown []Unknown

	// MaxBytes is how long a Resource of Object 0 may be, and MaxInstances how many
	// Instances of Object 0, and of Object 1, there is room for; zero sets no limit.
	// What exceeds them is answered with 5.00.
	MaxBytes     map[lwm2m.ResourceID]int
	MaxInstances int

	// SecondBootstrapServer is the answer to a Security Instance that would be a second
	// Bootstrap-Server Account, and NoServerID that to a Server Instance whose Short
	// Server ID is 0; zero takes them.
	SecondBootstrapServer lwm2m.Code
	NoServerID            lwm2m.Code

	// Forgets makes it answer as if all were well, and keep nothing.
	Forgets bool
}

// Unknown are the Resources of Object beyond Last. They are answered with Code; zero
// drops them without a word.
type Unknown struct {
	Object lwm2m.ObjectID
	Last   lwm2m.ResourceID
	Code   lwm2m.Code
}

// Deleting is how a client takes a Bootstrap-Delete.
type Deleting struct {
	// WholeObject is the answer to that of a whole Object; zero deletes its Instances.
	WholeObject lwm2m.Code

	// Absent is the answer where there is nothing to delete, and Protected that where
	// there is something that must stay. Default 4.00.
	Absent    lwm2m.Code
	Protected lwm2m.Code

	// Unguarded makes it delete its Bootstrap-Server Account where that is named.
	Unguarded bool

	// Loses are the Resources of its Bootstrap-Server Account that are gone after a
	// Delete of the whole Object 0.
	Loses []lwm2m.ResourceID
}

// Finishing is how a client takes Bootstrap-Finish, and what it does until then.
type Finishing struct {
	// Unchecked makes it answer 2.04 whatever it holds, and EmptyIsFine where it was
	// given nothing.
	Unchecked   bool
	EmptyIsFine bool

	// Wants are the Resources without which an account is of no use to it; their values
	// may be empty.
	Wants map[lwm2m.ObjectID][]lwm2m.ResourceID

	// Rearms makes each request of the server start Config.SessionTimeout again.
	Rearms bool

	// Tick makes it take the answer to its request for the end, and look every Tick
	// whether it was given a server by now; where it was not, it asks again.
	Tick time.Duration

	// Stays is how long it leaves it to the server to end the association; then it
	// does. Default 200 ms.
	Stays time.Duration
}

// Returning is when a client that has no account asks again, if Config.Attempts permits
// it.
type Returning struct {
	// AfterRefusal, AfterFailure and AfterNothing make it come back where its request
	// was refused, where no Finish came, and where it has no account after Finish.
	AfterRefusal bool
	AfterFailure bool
	AfterNothing bool

	// Pause is how long it waits before its second attempt; zero stands for the Client
	// Hold Off Time of its Bootstrap-Server Account. Each pause is twice the one before,
	// up to MaxPause.
	Pause    time.Duration
	MaxPause time.Duration

	// LosesAt, where not zero, is the request of the server, counted from 1, at which
	// the client is gone without a word. It asks again, over a new association.
	LosesAt int
}
