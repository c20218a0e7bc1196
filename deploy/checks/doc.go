// Package checks has the tests of what deploy/ ships: releases, packages, the image, the chart, the dashboard and the alerts.
// Those that need a tool or something built are called by make, with its place in the environment; without that they skip.
package checks
