//go:build interop

package interop_test

import "testing"

// checkOverKill kills the server of a device that has bootstrapped once over DTLS, has it
// bootstrap again, and looks whether that was on the same association: foreign stacks take the
// numbers that its records leave out after that.
func checkOverKill(t *testing.T, lwbs operator, d device, nat *nat, again func()) {
	t.Helper()
	lwbs.awaitHibernated(t, 1)
	lwbs.await(t, "lwbs_association_writes_pending", 0)
	lwbs = lwbs.killed(t)
	lwbs.await(t, "lwbs_associations_restored_total", 1)
	again()
	checkCameBack(t, lwbs, d, nat, 1, 1, 1)
}

// Current Wakaama on tinydtls bootstraps on the association that it has, though the server
// was killed in between.
func TestKeptByWakaamaOverKill(t *testing.T) {
	t.Parallel()
	lwbs, sink, d, nat := comesBack(t, wakaamaDTLS, "coaps")
	p := wakaamaDTLS.start(t, d)
	checkRegistration(t, sink.registered(t), wakaamaDTLS, "coaps")
	checkOverKill(t, lwbs, d, nat, func() {
		bootstrapAgain(t, p)
		checkRegistration(t, sink.registered(t), wakaamaDTLS, "coaps")
	})
}

// So do programs of other DTLS libraries.
func TestKeptByDTLSClientsOverKill(t *testing.T) {
	for _, c := range dtlsClients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lwbs, d, nat, bare := bareBehindNAT(t, c)
			bare.bootstrap()
			checkOverKill(t, lwbs, d, nat, func() { bare.bootstrap() })
		})
	}
}
