package access

import (
	"fmt"
	"testing"
	"time"
)

// Many sources that try an account are slowed down together, and do not lock its user out: who logged in from a
// source before still does.
func TestNoUserIsLockedOut(t *testing.T) {
	tries, now := newTries(), time.Now()
	giveBack, wait := tries.take("ada", "192.0.2.1", now)
	if wait != 0 {
		t.Fatal(wait)
	}
	giveBack(true)
	n := 0
	for ; n < 300 && wait == 0; n++ {
		_, wait = tries.take("ada", fmt.Sprintf("198.51.%d.%d", n/250, n%250), now)
	}
	if n != 101 || wait > 10*time.Second {
		t.Errorf("%d tries from as many sources, then a wait of %v", n, wait)
	}
	if _, wait := tries.take("ada", "203.0.113.1", now); wait == 0 {
		t.Error("a source that is not known may try")
	}
	if _, wait := tries.take("ada", "192.0.2.1", now); wait != 0 {
		t.Errorf("the user at the usual place waits %v", wait)
	}
	if _, wait := tries.take("bob", "203.0.113.2", now); wait != 0 {
		t.Errorf("another user waits %v", wait)
	}
	if _, wait := tries.take("ada", "192.0.2.1", now.Add(knownFor+time.Second)); wait != 0 {
		t.Errorf("later there are tries again: %v", wait)
	}
}

// A try that was not made, as the server was busy, does not make its source one that the account is known to come from.
func TestBusyMakesNoSourceKnown(t *testing.T) {
	tries, now := newTries(), time.Now()
	giveBack, _ := tries.take("ada", "203.0.113.1", now)
	giveBack(false)
	wait := time.Duration(0)
	for n := 0; n < 300 && wait == 0; n++ {
		_, wait = tries.take("ada", fmt.Sprintf("198.51.%d.%d", n/250, n%250), now)
	}
	if _, wait := tries.take("ada", "203.0.113.1", now); wait == 0 {
		t.Error("a source without a log-in may try when the tries of the account are used up")
	}
}

// A try that is refused costs nothing: who waits as long as told gets in, however many tries others make.
func TestRefusedTriesCostNothing(t *testing.T) {
	tries, now := newTries(), time.Now()
	for range 1000 {
		tries.take("ada", "192.0.2.1", now)
	}
	_, wait := tries.take("ada", "192.0.2.1", now)
	if wait != triesOfPair.every {
		t.Errorf("the wait is %v", wait)
	}
	if _, again := tries.take("ada", "192.0.2.1", now.Add(wait)); again != 0 {
		t.Errorf("after it: %v", again)
	}
}

// What is remembered of sources is bounded, however many come.
func TestTriesAreBounded(t *testing.T) {
	tries, now := newTries(), time.Now()
	for i := range 3 * maxBuckets {
		giveBack, wait := tries.take(fmt.Sprint("user", i), fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), now)
		if wait == 0 {
			giveBack(true)
		}
	}
	for what, n := range map[string]int{"pairs": len(tries.pair.at), "sources": len(tries.source.at), "accounts": len(tries.account.at), "known": len(tries.known.at)} {
		if n != maxBuckets {
			t.Errorf("%d %s are remembered", n, what)
		}
	}
}

// One source cannot try one password at many accounts. Addresses of one IPv6 network are one source.
func TestTriesAtManyAccounts(t *testing.T) {
	for what, source := range map[string]string{"IPv4": "192.0.2.1", "IPv6": "2001:db8::%x", "IPv4 in IPv6": "::ffff:192.0.2.1"} {
		tries, now, n := newTries(), time.Now(), 0
		for wait := time.Duration(0); n < 100 && wait == 0; n++ {
			from := source
			if what == "IPv6" {
				from = fmt.Sprintf(source, n)
			}
			_, wait = tries.take(fmt.Sprint("user", n), from, now)
		}
		if n != 21 {
			t.Errorf("%s: %d tries", what, n)
		}
	}
}
