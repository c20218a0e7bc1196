// Package profilefile reads and writes profiles as people keep them: YAML, or JSON,
// which is YAML too; a profile as the admin API has it is read as well. Every mistake is reported with the line that it is on.
//
//	name: meter
//	accounts:
//	  - name: main
//	    uri: coaps://lwm2m.example.com:5684
//	    shortServerID: 101
//	    lifetime: 24h
//	    defaultMinimumPeriod: 10   # any Resource of Objects 0 and 1, by its name
//	objects:
//	  - path: /3/0
//	    resources: {14: "+02:00", timezone: Europe/Berlin}
package profilefile
