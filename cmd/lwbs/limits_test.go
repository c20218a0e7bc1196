package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// A limit says of a row of the tables of limits in docs/operations.md where the code has its defaults, and
// which tests measure them: that so much is taken, and no more.
type limit struct {
	// defaults are constants of packages, fields of a configuration, what is computed of such, or options
	// of serve; "-" is for what is no number in the code.
	defaults []string

	// measured are tests. Where a test cannot afford the default, it measures the limit with another value.
	measured []string
}

// limits are those of the rows, by what a row is about.
var limits = map[string]limit{
	"new peers of one network (/24, /64) that have not authenticated, or validated their address": {
		[]string{"bootstrap/coap/admission.defaultNetRate", "bootstrap/coap/admission.defaultNetBurst"},
		[]string{"bootstrap/coap/admission.TestRateOfOneNetwork"},
	},
	"the same, of all networks that no device came from yet": {
		[]string{"bootstrap/coap/admission.defaultGlobalRate", "bootstrap/coap/admission.defaultGlobalBurst"},
		[]string{"bootstrap/coap/admission.TestRateOfAllNetworks"},
	},
	"networks that are remembered for it: those that a device came from; others": {
		[]string{"bootstrap/coap/admission.maxNets"},
		[]string{"bootstrap/coap/admission.TestSourceLimiterIsBounded"},
	},
	"RST to unknown peers": {
		[]string{"bootstrap/coap/admission.resetRate"},
		[]string{"bootstrap/coap/admission.TestRateOfResets"},
	},
	"bytes to a peer of plain CoAP that has not answered yet, for each byte from it": {
		[]string{"bootstrap/coap/exchange.amplification"},
		[]string{"bootstrap/coap/exchange.TestAmplification", "bootstrap/coap/exchange.TestAmplificationOfManyRequests"},
	},
	"message": {
		[]string{"bootstrap/coap/message.MaxDatagram"},
		[]string{"bootstrap/coap.TestOversizeDatagrams"},
	},
	"datagram of DTLS; options of a message": {
		[]string{"bootstrap/coap/dtls/record.MaxDatagram", "bootstrap/coap/message.maxOptions"},
		[]string{"bootstrap/coap/dtls.TestLengthOfADatagram", "bootstrap/coap/message.TestOptionsOfAMessage"},
	},
	"request of a device, in all its blocks": {
		[]string{"bootstrap/coap/exchange.defaultMaxPayload"},
		[]string{"bootstrap/coap/exchange.TestAssemblyIsBounded"},
	},
	"requests in blocks that are not whole yet: their bytes in all; of one /24 or /48 network": {
		[]string{"bootstrap/coap/exchange.maxUploadBytes", "bootstrap/coap/exchange.maxUploadBytesPerNet"},
		[]string{"bootstrap/coap/exchange.TestUploadsAreBounded"},
	},
	"ClientHello that brings a cookie": {
		[]string{"bootstrap/coap/dtls/hello.MaxHello"},
		[]string{"bootstrap/coap/dtls.TestLengthOfAClientHello"},
	},
	"active associations": {
		[]string{"bootstrap/coap/admission.DefaultMaxPeers"},
		[]string{"bootstrap/coap/dtls.TestAssociationsByDefault", "bootstrap/coap/plain.TestAssociationsByDefault"},
	},
	"DTLS associations that hibernate": {
		[]string{"bootstrap/coap/dtls.defaultMaxHibernated"},
		[]string{"bootstrap/coap/dtls.TestAssociationsByDefault", "bootstrap/coap/dtls.TestHibernatedSize"},
	},
	"active ones of one PSK identity or certificate": {
		[]string{"bootstrap/coap/dtls.maxPerPeer"},
		[]string{"bootstrap/coap/dtls.TestAssociationsOfOnePeerByDefault"},
	},
	"those of one PSK identity or certificate that hibernate": {
		[]string{"bootstrap/coap/dtls.maxSiblings"},
		[]string{"bootstrap/coap/dtls.TestHibernationLimits"},
	},
	"DTLS associations in the database; one of them": {
		[]string{"store/bolt.Associations", "bootstrap/coap/dtls/kept.MaxSize"},
		[]string{"store/bolt.TestAssociationSuite", "bootstrap/coap/dtls.TestSizeOfAKeptAssociation"},
	},
	"end of the server, for what is left to be kept": {
		[]string{"bootstrap/coap/dtls.stopPatience"},
		[]string{"bootstrap/coap/dtls.TestEndWithoutAnswerOfTheDisk"},
	},
	"associations over plain CoAP with one address": {
		[]string{"-"},
		[]string{"bootstrap/coap/plain.TestAssociationsByDefault", "bootstrap/coap.TestPeersPerAddress"},
	},
	"records of a handshake with a pre-shared key that overtook others": {
		[]string{"bootstrap/coap/dtls/pskhandshake.maxKept"},
		[]string{"bootstrap/coap/dtls/pskhandshake.TestWhatOvertakesTheFinished"},
	},
	"datagrams that wait for one association: as they came; decrypted; bytes of the latter for all": {
		[]string{"bootstrap/coap/dtls/pion.maxQueue", "bootstrap/coap/exchange.maxInbox", "bootstrap/coap/exchange.maxInboxBytes"},
		[]string{"bootstrap/coap/dtls/pion.TestPipe", "bootstrap/coap/exchange.TestInboxIsBounded", "bootstrap/coap/exchange.TestBytesOfAllInboxes"},
	},
	"requests of one device under way; over plain CoAP before it has answered": {
		[]string{"bootstrap/coap/exchange.maxHandling", "bootstrap/coap/exchange.maxUnvalidated"},
		[]string{"bootstrap/coap/exchange.TestHungHandler", "bootstrap/coap/exchange.TestRequestsBeforeTheFirstAnswer"},
	},
	"association over plain CoAP whose peer has not answered, where all are taken": {
		[]string{"bootstrap/coap/admission.AnswerPatience"},
		[]string{"bootstrap/coap/plain.TestUnansweredPeersAreEvicted"},
	},
	"idle association: without a request of its device, or business": {
		[]string{"bootstrap/coap/exchange.defaultIdleTimeout"},
		[]string{"bootstrap/coap/exchange.TestIdle", "bootstrap/coap/dtls.TestIdleAssociationsHibernate"},
	},
	"peers over plain CoAP of which the last requests are remembered after their association has ended": {
		[]string{"bootstrap/coap/plain.maxMemories"},
		[]string{"bootstrap/coap/plain.TestMemoriesAreLimited", "bootstrap/coap/plain.TestMemoriesAge"},
	},
	"association that asks for nothing": {
		[]string{"bootstrap/coap/dtls.defaultRequestTimeout"},
		[]string{"bootstrap/coap/dtls.TestRequestTimeoutByDefault"},
	},
	"datagrams of one handshake; their bytes": {
		[]string{"bootstrap/coap/dtls.maxPlain", "bootstrap/coap/dtls.maxPlainBytes"},
		[]string{"bootstrap/coap/dtls.TestDatagramsOfAHandshake"},
	},
	"handshakes under way": {
		[]string{"bootstrap/coap/dtls.defaultMaxHandshakes"},
		[]string{"bootstrap/coap/dtls.TestHandshakesByDefault"},
	},
	"ClientHellos in fragments that are put together; their bytes": {
		[]string{"bootstrap/coap/dtls/hello.maxValidatedPartials", "bootstrap/coap/dtls/hello.MaxValidatedBytes"},
		[]string{"bootstrap/coap/dtls/hello.TestReassembleLimits"},
	},
	"the same while the cookie is missing, as fragments overtook each other; their bytes": {
		[]string{"bootstrap/coap/dtls/hello.maxUnvalidatedPartials", "bootstrap/coap/dtls/hello.MaxUnvalidatedBytes"},
		[]string{"bootstrap/coap/dtls/hello.TestReassembleForgedParts"},
	},
	"devices that wait for a handshake; of one /24 or /48 network; bytes of their ClientHellos, in all and of one network": {
		[]string{"bootstrap/coap/admission.MaxPending", "bootstrap/coap/admission.maxPendingPerNet", "bootstrap/coap/admission.MaxPendingBytes", "bootstrap/coap/admission.maxPendingBytesPerNet"},
		[]string{"bootstrap/coap/admission.TestHandshakeQueueLimits", "bootstrap/coap/admission.TestHandshakeQueueBytes"},
	},
	"silence after which one that waits is taken for gone": {
		[]string{"bootstrap/coap/admission.pendingLifetime"},
		[]string{"bootstrap/coap/admission.TestHandshakeQueueGone"},
	},
	"handshakes under way of one network (/24, /48)": {
		[]string{"bootstrap/coap/dtls.defaultMaxHandshakesPerNet"},
		[]string{"bootstrap/coap/dtls.TestHandshakesByDefault"},
	},
	"handshakes and requests over DTLS under way while the work is slow": {
		[]string{"bootstrap/coap/admission.MinSessions"},
		[]string{"bootstrap/coap/dtls.TestMuxOverload"},
	},
	"association whose device has everything; while the work is slow": {
		[]string{"bootstrap/coap/exchange.ReleaseDelay", "-"},
		[]string{"bootstrap/coap/exchange.TestLinger"},
	},
	"handshake, from the proof of the address to that of the key": {
		[]string{"bootstrap/coap/dtls.defaultHandshakeTimeout"},
		[]string{"bootstrap/coap/dtls.TestHandshakeTimeoutByDefault"},
	},
	"the same once the device has sent everything, and its key does not fit": {
		[]string{"bootstrap/coap/dtls.verdictTime"},
		[]string{"bootstrap/coap/dtls.TestWrongKeyIsToldSoon"},
	},
	"silence of a handshake after which it makes room, where all are taken": {
		[]string{"bootstrap/coap/admission.EvictableAfter"},
		[]string{"bootstrap/coap/admission.TestHandshakeLimiterEvictsSilent"},
	},
	"PSK identity in a handshake": {
		[]string{"bootstrap/coap/dtls/pskhandshake.MaxIdentity"},
		[]string{"bootstrap/coap/dtls.TestKeyFinder", "bootstrap/coap/dtls/pskhandshake.TestIdentity"},
	},
	"certificates that a device sends; names in one that are looked at": {
		[]string{"bootstrap/coap/dtls/certificate.maxChain", "bootstrap/auth.maxNames"},
		[]string{"bootstrap/coap/dtls/certificate.TestLengthOfAChain", "bootstrap/auth.TestNamesAreBounded"},
	},
	"sessions at a time": {
		[]string{"bootstrap.MaxSessions"},
		[]string{"bootstrap.TestSessionsByDefault"},
	},
	"unknown devices on the list of pending devices, those that wait included; of one network (/24, /48) or enrolment group; over plain CoAP; of these, of one network": {
		[]string{"bootstrap/pending.DefaultDevices", "-", "-", "-"},
		[]string{"bootstrap/pending.TestShares", "bootstrap.TestParkedAreBounded"},
	},
	"the same with one certificate and changing names": {
		[]string{"bootstrap/pending.defaultCredential"},
		[]string{"bootstrap/pending.TestShares"},
	},
	"new ones over plain CoAP in a minute; of one network": {
		[]string{"bootstrap/pending.defaultPlainRate", "-"},
		[]string{"bootstrap/pending.TestShares"},
	},
	"time that an unknown device waits for approval": {
		[]string{"bootstrap.DefaultPatience"},
		[]string{"bootstrap.TestPatienceEnds"},
	},
	"interval of the Discover that keeps it waiting": {
		[]string{"bootstrap.DefaultKeepAlive"},
		[]string{"bootstrap.TestKeepAliveAnswers"},
	},
	"requests over plain CoAP whose address is not validated": {
		[]string{"bootstrap.MaxUnvalidated"},
		[]string{"bootstrap.TestUnvalidatedRequestsByDefault"},
	},
	"requests over plain CoAP under way while the work is slow": {
		[]string{"bootstrap/coap/admission.minRequests"},
		[]string{"bootstrap/coap/admission.TestRequestQueueWaits"},
	},
	"devices that wait for their turn": {
		[]string{"bootstrap.MaxHeld"},
		[]string{"bootstrap.TestHeldAreBounded", "bootstrap.TestMemoryOfHeldSessions"},
	},
	"places that are kept of devices that left their queue, or were told to come again; for how long": {
		[]string{"bootstrap/ratequeue.maxMemory", "bootstrap/ratequeue.Memory"},
		[]string{"bootstrap/ratequeue.TestMemoryOfPlaces", "bootstrap/ratequeue.TestPlaceIsKept"},
	},
	"duration of a session, from the Bootstrap-Request": {
		[]string{"bootstrap.SessionTimeout"},
		[]string{"bootstrap.TestDurationOfASessionByDefault"},
	},
	"repetitions of an unanswered request": {
		[]string{"bootstrap/coap/message.MaxRetransmit"},
		[]string{"bootstrap/coap/exchange.TestRetransmission"},
	},
	"sessions of one device; within": {
		[]string{"bootstrap.LoopLimit", "bootstrap.LoopWindow"},
		[]string{"bootstrap.TestSessionsOfOneDeviceByDefault"},
	},
	"devices that are remembered for it": {
		[]string{"bootstrap/loopguard.maxEntries"},
		[]string{"bootstrap/loopguard.TestDevicesAreForgotten"},
	},
	"answer of a device, in all its blocks": {
		[]string{"bootstrap.maxAnswer"},
		[]string{"bootstrap.TestAnswerOfADeviceIsBounded", "bootstrap/coap/exchange.TestDownloadIsBounded"},
	},
	"Deletes of a session": {
		[]string{"bootstrap/plan.MaxDeletions"},
		[]string{"bootstrap.TestDeletesOfASessionAreBounded"},
	},
	"devices, credentials and profiles in the cache, of the younger and the older half each": {
		[]string{"store/bolt/memory.maxCached"},
		[]string{"store/bolt/memory.TestCacheIsBounded"},
	},
	"end of the server, for running sessions": {
		[]string{"--drain"},
		[]string{"cmd/lwbs.TestDrain"},
	},
	"history of one device: with its credential; over plain CoAP, answered; of peers that proved nothing": {
		[]string{"store/bolt.SessionsPerDevice", "store/bolt.SessionsPerDevice", "store/bolt.UnprovedPerDevice"},
		[]string{"store/bolt.TestHistoryOfOneDeviceByDefault"},
	},
	"history of all devices, for each of these; of unknown devices": {
		[]string{"store/bolt.Sessions", "store/bolt.Sessions", "store/bolt.UnprovedSessions", "store/bolt.UnknownSessions"},
		[]string{"store/bolt.TestSuite"},
	},
	"records a minute of peers that proved nothing: under the name of a device; of unknown devices": {
		[]string{"bootstrap.UnauthenticatedRecords", "bootstrap.UnknownDeviceRecords"},
		[]string{"bootstrap.TestRecordsOfUnauthenticatedPeersByDefault", "bootstrap/history.TestHistoryOfFloods"},
	},
	"records a minute that are about networks": {
		[]string{"bootstrap/history.networkRecords"},
		[]string{"bootstrap/history.TestHistoryOfFloods"},
	},
	"the same failure of the same device": {
		[]string{"bootstrap.RepeatWindow"},
		[]string{"bootstrap/history.TestHistoryOfRefusals"},
	},
	"such failures of one device that are open at a time": {
		[]string{"bootstrap/history.maxCoalescedOfOne"},
		[]string{"bootstrap/history.TestManyNamesOfOneDevice"},
	},
	"such failures that are open at a time": {
		[]string{"bootstrap/history.maxCoalesced"},
		[]string{"bootstrap/history.TestCoalescedFailuresAreBounded"},
	},
	"records of other protocols in 10 minutes; of their networks": {
		[]string{"bootstrap/history.otherRecords", "bootstrap/history.otherNetworkRecords"},
		[]string{"bootstrap/history.TestRecordsOfOtherProtocols"},
	},
	"addresses with other protocols that are told of in a second; of one network (/24, /48)": {
		[]string{"bootstrap/coap/otherprotocol.maxSources", "bootstrap/coap/otherprotocol.maxSourcesPerNet"},
		[]string{"bootstrap/coap/otherprotocol.TestOthersAreBounded"},
	},
	"records a minute of associations that the server does not have": {
		[]string{"bootstrap/history.lostRecords"},
		[]string{"bootstrap/history.TestUnknownAssociationsHaveAShare"},
	},
	"addresses of devices that are remembered for this; sessions that are read for it at the start": {
		[]string{"bootstrap/history.maxAddresses", "bootstrap/history.maxRead"},
		[]string{"bootstrap/history.TestLastAddressSize", "bootstrap/history.TestLastAddressesReadSoMuch"},
	},
	"such addresses that are watched at a time, until they are silent for a minute; of one network (/24, /48)": {
		[]string{"bootstrap/coap/dtls/unknown.MaxWatched", "bootstrap/coap/dtls/unknown.MaxWatchedPerNet"},
		[]string{"bootstrap/coap/dtls.TestUnknownAssociationsAreBounded"},
	},
	"records that wait for the disk": {
		[]string{"bootstrap/history.maxWaiting"},
		[]string{"bootstrap/history.TestRecordsThatWaitForTheDisk"},
	},
	"edit of the database": {
		[]string{"bootstrap/provision.Timeout"},
		[]string{"bootstrap.TestEditOfTheDatabaseIsBounded"},
	},
	"credentials of a device; accounts; variables; tags; secrets of other Objects": {
		[]string{"store.MaxCredentials", "store.MaxAccounts", "store.MaxVars", "store.MaxTags", "store.MaxSecrets"},
		[]string{"store.TestDeviceValidate"},
	},
	"value of a variable; note; a key; all texts, keys and certificates of a device together": {
		[]string{"store.MaxValue", "store.MaxNote", "store.MaxSecret", "store.MaxTexts"},
		[]string{"store.TestDeviceValidate", "store.TestBytesOfADevice"},
	},
	"accounts of a profile; other Object Instances; entries of access control; paths to delete": {
		[]string{"store.MaxAccounts", "store.MaxObjects", "store.MaxAccessControl", "store.MaxDelete"},
		[]string{"store.TestProfileLimits"},
	},
	"campaigns that are kept; devices of one that failed, are silent or were not asked, by name": {
		[]string{"store.MaxCampaigns", "store.MaxCampaignListed"},
		[]string{"store/bolt.TestSuite", "bootstrap/campaign.TestListedDevicesAreBounded"},
	},
	"devices that are asked at a time, over all campaigns": {
		[]string{"bootstrap/campaign.maxInFlight"},
		[]string{"bootstrap/campaign.TestDevicesThatAreAskedAtATime"},
	},
	"events of sessions that wait for the campaigns": {
		[]string{"bootstrap/campaign.maxEvents"},
		[]string{"bootstrap/campaign.TestEventsThatAreLost"},
	},
	"former revisions of a profile that are kept": {
		[]string{"store.MaxFormerProfiles"},
		[]string{"store/bolt.TestSuite"},
	},
	"profile, in JSON": {
		[]string{"store.MaxProfile"},
		[]string{"store.TestProfileLimits"},
	},
	"profiles that are applied at once": {
		[]string{"bootstrap/admin.MaxApplied"},
		[]string{"bootstrap/admin/server.TestHugeRecordsAreRefusedAtOnce"},
	},
	"devices, and keys, that a key is compared with": {
		[]string{"bootstrap/admin/keyindex.maxCompared", "bootstrap/admin/keyindex.maxRemembered"},
		[]string{"bootstrap/admin.TestKeysAreComparedWithinBounds"},
	},
	"page of a list of the admin API": {
		[]string{"bootstrap/admin/server.maxPage"},
		[]string{"bootstrap/admin/server.TestEntriesOfAPage"},
	},
	"request to the admin API; with several profiles; values within each other": {
		[]string{"bootstrap/admin/server.maxBody", "bootstrap/admin/server.maxProfiles", "bootstrap/admin/wire.maxDepth"},
		[]string{"bootstrap/admin/server.TestBytesOfARequest", "bootstrap/admin/wire.TestDepthOfABody"},
	},
	"profile file": {
		[]string{"store/yamltree.MaxSize"},
		[]string{"store/profilefile.TestBytesOfAProfileFile"},
	},
	"key file; file of certificates; list of revoked certificates": {
		[]string{"cmd/lwbs/internal/input.MaxKey", "cmd/lwbs/internal/input.maxCertificates", "cmd/lwbs/serve.maxList"},
		[]string{"cmd/lwbs/internal/input.TestBytesOfKeysAndCertificates", "cmd/lwbs/serve.TestBytesOfARevocationList"},
	},
	"files of Objects in a folder; each of them": {
		[]string{"lwm2m/object/ddf.maxFiles", "lwm2m/object/ddf.maxSize"},
		[]string{"lwm2m/object/ddf.TestFilesOfAFolder", "lwm2m/object/ddf.TestBytesOfAFile"},
	},
	"sessions that `session list --failed` gathers": {
		[]string{"cmd/lwbs/session.maxGrouped"},
		[]string{"cmd/lwbs/session.TestFailuresThatAreGathered"},
	},
	"row of an imported table, line of JSON; what is gone over of a longer one": {
		[]string{"store/importer/sheet.maxRow", "store/importer/sheet.maxSkipped"},
		[]string{"store/importer/sheet.TestBytesOfARow"},
	},
	"entry of an imported file of Leshan; line of one of Wakaama; such a file from a pipe, or in UTF-16": {
		[]string{"store/importer.maxEntry", "store/importer.maxLine", "cmd/lwbs/internal/input.MaxStream"},
		[]string{"store/importer.TestBytesOfAnEntry", "store/importer.TestBytesOfALine", "cmd/lwbs/internal/input.TestBytesOfAPipe"},
	},
	"users; tokens; web sessions; of one user": {
		[]string{"store.MaxUsers", "store.MaxTokens", "store.MaxWebSessions", "store.MaxWebSessionsOfOne"},
		[]string{"store/bolt.TestSuite", "store/bolt.TestMostUsersAndTokens"},
	},
	"tries to log in: one account from one source; all accounts from one source; one account from all sources": {
		[]string{"bootstrap/admin/access.burstOfPair", "bootstrap/admin/access.burstOfSource", "bootstrap/admin/access.burstOfAccount"},
		[]string{"bootstrap/admin/access.TestTriesOfOneSource", "bootstrap/admin/access.TestTriesAtManyAccounts", "bootstrap/admin/access.TestNoUserIsLockedOut"},
	},
	"web session without a request; in all": {
		[]string{"bootstrap/admin/access.DefaultIdle", "bootstrap/admin/access.DefaultLimit"},
		[]string{"bootstrap/admin/access.TestSessionsExpire"},
	},
	"log-in at an issuer of OpenID Connect, until the way back; ways back at a time; states that are remembered as used": {
		[]string{"bootstrap/admin/openid.flowTime", "bootstrap/admin/openid.maxWorking", "bootstrap/admin/openid.maxUsed"},
		[]string{"bootstrap/admin/openid.TestLogInsExpire", "bootstrap/admin/openid.TestLogInsAtATime", "bootstrap/admin/openid.TestUsedStatesAreBounded"},
	},
	"answer of such an issuer; an ID token": {
		[]string{"bootstrap/admin/openid.maxAnswer", "bootstrap/admin/openid.maxToken"},
		[]string{"bootstrap/admin/openid.TestIssuersThatCannotBeUsed", "bootstrap/admin/openid.TestWrongTokens"},
	},
	"hashes of passwords at a time; log-ins that wait for one": {
		[]string{"bootstrap/admin/access.hashesAtOnce", "bootstrap/admin/access.maxHashQueue"},
		[]string{"bootstrap/admin/access.TestHashesAreFewAtATime"},
	},
	"entries of the audit": {
		[]string{"store/bolt.AuditEntries"},
		[]string{"store/bolt.TestSuite"},
	},
	"edits of many devices that are under way in the audit; without an edit": {
		[]string{"bootstrap/admin/audit.maxBulks", "bootstrap/admin/audit.bulkIdle"},
		[]string{"bootstrap/admin/audit.TestEditsOfManyAreBounded"},
	},
	"connections to the address of `--web`; of one IP address": {
		[]string{"bootstrap/admin/site.MaxConns", "bootstrap/admin/site.MaxConnsOfOne"},
		[]string{"bootstrap/admin/site.TestConnectionsAreShared"},
	},
	"standstill of a body to the address of `--web`, or of an answer": {
		[]string{"bootstrap/admin/site.defaultStep"},
		[]string{"bootstrap/admin/site.TestSlowBodies"},
	},
	"requests at a time over one connection of HTTP/2": {
		[]string{"bootstrap/admin/server.MaxStreams"},
		[]string{"bootstrap/admin/server.TestRequestsOfOneConnection"},
	},
	"pages in a browser that are kept up to date; of one person": {
		[]string{"bootstrap/admin/web/stream.MaxPages", "bootstrap/admin/web/stream.MaxPagesOfOne"},
		[]string{"bootstrap/admin/web/stream.TestTooManyPagesOfAStream", "bootstrap/admin/web/stream.TestPagesOfOnePerson"},
	},
	"events that are kept for such a page; their bytes; that are in one write to it": {
		[]string{"bootstrap/admin/web/stream.kept", "bootstrap/admin/web/stream.keptBytes", "bootstrap/admin/web/stream.maxBatch"},
		[]string{"bootstrap/admin/web/stream.TestPageComesBackToAStream", "bootstrap/admin/replay.TestBytesOfARing"},
	},
	"events that are kept for readers of `/v1/events` who come back, or are slow; their bytes": {
		[]string{"bootstrap/admin.maxEvents", "bootstrap/admin.maxEventBytes"},
		[]string{"bootstrap/admin/server.TestEventsAreReplayed", "bootstrap/admin/replay.TestBytesOfARing"},
	},
	"readers of `/v1/events`; of one user or token": {
		[]string{"bootstrap/admin/server.MaxReaders", "bootstrap/admin/server.MaxReadersOfOne"},
		[]string{"bootstrap/admin/server.TestReadersOfEventsAreLimited"},
	},
	"searches of the pages through all devices, at a time": {
		[]string{"bootstrap/admin/web.maxSearches"},
		[]string{"bootstrap/admin/web.TestSearchesAtATime"},
	},
	"devices that a page edits at once": {
		[]string{"bootstrap/admin/web.maxBulk"},
		[]string{"bootstrap/admin/web.TestTooManyDevicesToEdit"},
	},
	"file that a page imports; files that were tried and wait; for how long": {
		[]string{"bootstrap/admin/web.maxTable", "bootstrap/admin/web.maxStaged", "bootstrap/admin/web.stagedFor"},
		[]string{"bootstrap/admin/web.TestHugeForms", "bootstrap/admin/web.TestFilesThatWait"},
	},
	"connections to the address of `--metrics`; an answer there": {
		[]string{"cmd/lwbs/serve.maxMonitors", "cmd/lwbs/serve.monitorTime"},
		[]string{"cmd/lwbs/serve.TestConnectionsOfTheMonitor", "cmd/lwbs/serve.TestTimeOfAMonitorAnswer"},
	},
	"request to the API of Leshan; its tokens; connections to it": {
		[]string{"bootstrap/admin/leshan.maxBody", "bootstrap/admin/leshan.maxTokens", "cmd/lwbs/serve.maxMonitors"},
		[]string{"bootstrap/admin/leshan.TestRefused", "bootstrap/admin/leshan.TestTokenFiles", "cmd/lwbs.TestMonitorWhileConnectionsAreHeld"},
	},
	"log records that wait to be written": {
		[]string{"cmd/lwbs/internal/logqueue.maxWaiting"},
		[]string{"cmd/lwbs/internal/logqueue.TestWhileNothingIsRead"},
	},
	"end of a command after a signal; of the server, behind `--drain`": {
		[]string{"cmd/lwbs/internal/lastresort.EndTime", "cmd/lwbs/internal/lastresort.ClosingTime"},
		[]string{"cmd/lwbs/internal/lastresort.TestLastResort"},
	},
	"scrapes at a time; duration of one, with its wait for others": {
		[]string{"bootstrap/metrics.maxScrapes", "bootstrap/metrics.scrapeTimeout"},
		[]string{"bootstrap/metrics.TestScrapesAreBounded"},
	},
	"records a minute that enrolment groups make": {
		[]string{"bootstrap.Enrolments"},
		[]string{"bootstrap.TestEnrolmentsAreLimited"},
	},
	"enrolment groups; patterns of one; keys; CAs; lists of revoked certificates; denied names": {
		[]string{"store.MaxGroups", "store.MaxPatterns", "store.MaxGroupKeys", "store.MaxGroupCAs", "store.MaxGroupLists", "store.MaxDenied"},
		[]string{"store/bolt.TestGroupsByDefault", "store.TestLimitsOfAGroup"},
	},
	"messages of the outbox; half of them events; bytes of all, in the database": {
		[]string{"store/bolt.Messages", "store/bolt.MessageBytes"},
		[]string{"store/bolt.TestSuite", "store/bolt.TestBytesOfTheOutbox"},
	},
	"events of the outbox for one receiver; dead letters of one receiver": {
		[]string{"store/bolt.EventsOfReceiver", "store/bolt.DeadLetters"},
		[]string{"store/bolt.TestSuite"},
	},
	"message of the outbox": {
		[]string{"store.MaxMessage"},
		[]string{"store/bolt.TestBytesOfTheOutbox"},
	},
	"messages on their way to one receiver; to all": {
		[]string{"bootstrap/outbox.MaxOfReceiver", "bootstrap/outbox.MaxAtOnce"},
		[]string{"bootstrap/outbox.TestAtOnce"},
	},
	"pause before a message or a receiver is tried again: the first; the longest": {
		[]string{"bootstrap/outbox.FirstPause", "bootstrap/outbox.MaxPause"},
		[]string{"bootstrap/outbox.TestReceiverAway"},
	},
	"refusals of a message; its age when it fails": {
		[]string{"bootstrap/outbox.MaxRefusals", "bootstrap/outbox.MaxAge"},
		[]string{"bootstrap/outbox.TestRefused", "bootstrap/outbox.TestTooOld"},
	},
	"events of failures of one device with one cause": {
		[]string{"store.FailedAgain"},
		[]string{"store.TestFailuresAreCoalesced"},
	},
	"enrolment group, in JSON": {
		[]string{"store.MaxGroup"},
		[]string{"store.TestLimitsOfAGroup"},
	},
	"identities with two keys whose last handshake is remembered, of the younger and the older half each": {
		[]string{"bootstrap/coap/dtls.maxOtherKeys"},
		[]string{"bootstrap/coap/dtls.TestOtherKeys"},
	},
	"certificates of devices, with those they bring, that a CA is known to vouch for, of the younger and the older half each; for how long": {
		[]string{"bootstrap/auth.maxVouched", "bootstrap/auth.vouchedFor"},
		[]string{"bootstrap/auth.TestVouchedLimits", "bootstrap/auth.TestVouchedIsRemembered"},
	},
}

// A row of a table of limits.
type row struct{ limit, setWith, byDefault, why, atLimit, seenIn string }

func limitRows(t *testing.T) []row {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## Limits\n")
	if !ok {
		t.Fatal("docs/operations.md has no section Limits")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	var rows []row
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 8 || strings.HasPrefix(cells[1], "---") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if r := (row{cells[1], cells[2], cells[3], cells[4], cells[5], cells[6]}); r.limit != "Limit" {
			rows = append(rows, r)
		}
	}
	return rows
}

// The tables of limits tell the defaults that the code has, and options that there are.
func TestLimitsOfTheGuide(t *testing.T) {
	options := make(map[string]cli.Flag)
	for _, f := range slices.Concat(commandAt(t, "serve").Flags, commandAt(t, "device", "list").Flags) {
		options["--"+f.Names()[0]] = f
	}
	code := make(map[string]source)
	seen := make(map[string]bool)
	for _, r := range limitRows(t) {
		limit, ok := limits[r.limit]
		if !ok || seen[r.limit] {
			t.Errorf("%q: it is not known where its default is, or it is there twice", r.limit)
			continue
		}
		seen[r.limit] = true
		if r.atLimit == "" {
			t.Errorf("%q: what happens at the limit?", r.limit)
		}
		for _, option := range regexp.MustCompile("`(--[a-z-]+)").FindAllStringSubmatch(r.setWith, -1) {
			if options[option[1]] == nil {
				t.Errorf("%q: there is no option %s", r.limit, option[1])
			}
		}
		for i, told := range strings.Split(r.byDefault, "; ") {
			if i >= len(limit.defaults) || limit.defaults[i] == "-" {
				continue
			}
			want := defaultAt(t, limit.defaults[i], code, options)
			if got, err := quantity(told); err != nil || got != want {
				t.Errorf("%q: the default is told as %q (%d, %v), and is %d in %s", r.limit, told, got, err, want, limit.defaults[i])
			}
		}
	}
	for name := range limits {
		if !seen[name] {
			t.Errorf("docs/operations.md has no limit %q", name)
		}
	}
}

// Every limit is measured by a test that exists.
func TestLimitsAreMeasured(t *testing.T) {
	sources := make(map[string]string)
	for _, r := range limitRows(t) {
		measured := limits[r.limit].measured
		if len(measured) == 0 {
			t.Errorf("%q: no test measures it", r.limit)
		}
		for _, test := range measured {
			if checkReferences(t, 0, "`"+test+"`", sources) != 1 {
				t.Errorf("%q: %q is no test", r.limit, test)
			}
		}
	}
}

// commandAt returns the command of a name, or of a name in a group.
func commandAt(t *testing.T, path ...string) (c *cli.Command) {
	t.Helper()
	commands := newApp(nil, nil, nil).Commands
	for _, name := range path {
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.Name == name })
		if i < 0 {
			t.Fatalf("there is no command %s", strings.Join(path, " "))
		}
		c, commands = commands[i], commands[i].Subcommands
	}
	return c
}
