// Package leshan serves the REST API of the Bootstrap-Server demo of Eclipse Leshan over the records of lwbs, so
// that scripts and test suites written for that demo configure lwbs:
//
//	GET    /api/bootstrap                     the configurations of all devices
//	POST   /api/bootstrap/{endpoint}          that of one device, which it replaces
//	DELETE /api/bootstrap/{endpoint}
//	GET    /api/security/clients              how devices authenticate
//	PUT    /api/security/clients/             how one does, which it replaces
//	DELETE /api/security/clients/{endpoint}
//
// Paths, bodies, statuses and texts are those of BootstrapServlet and SecurityServlet of Leshan 2.0.0-M18; bodies of
// 1.5.0 are taken, too. Beyond Leshan, GET of one endpoint is answered, and each request needs a token.
//
// A configuration becomes a profile, named after its content, so that equal ones share it, and the keys in it
// become those of the device record. The adapter edits only devices that have the tag [Tag], which it gives to
// those that it makes. See docs/decisions.
package leshan
