package main

import (
	"path/filepath"
	"strings"
	"testing"

	"lwbs/lwm2m"
)

const testObjects = "../../testdata/objects"

func TestObjectCommands(t *testing.T) {
	sh := newShell(t)
	contains(t, "object list", sh.ok("object list"), "/0      LwM2M Security", "/24     MQTT Server")
	lacks(t, "object list", sh.ok("object list"), "33001")
	contains(t, "object list", sh.ok("--objects "+testObjects+" object list"), "/3      Device", "/33001  Valve")
	contains(t, "object get", sh.ok("--objects "+testObjects+" object get 33001"), "version 1.1", "Opening", "0 to 100", "Alarm Limits")
	lacks(t, "object get --version", sh.ok("--objects "+testObjects+" object get 33001 --version 1.0"), "Alarm Limits")
	contains(t, "object get by path", sh.ok("object get /5"), "/5 Firmware Update")
	contains(t, "object get --json", sh.ok("object get --json 5"), `"name": "Package URI"`, `"range": "0 to 255 bytes"`, `"since": "1.1"`)
	for line, want := range map[string]string{
		"object get 33001":                                    "no definition of Object 33001",
		"object get 5 --version 7.0":                          "no definition of Object 5 in version 7.0",
		"--objects $D/nowhere object list":                    "no such file",
		"--objects $D object list":                            "0 files *.xml",
		"--objects $D/nowhere device list":                    "no such file",
		"--objects $D/nowhere serve":                          "no such file",
		"--objects $D/nowhere profile check -f $D/meter.yaml": "no such file",
		"profile check":                                       "no FILE is named",
	} {
		if status, _, errs := sh.run(line); status == exitDone || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%s: status %d: %s, want %q", line, status, errs, want)
		}
	}
}

// valveYAML is a profile that names Resources of an Object that is not built in.
const valveYAML = `name: valve
accounts:
  - name: main
    uri: coaps://lwm2m.example.com:5684
    shortServerID: 101
objects:
  - path: /33001/0
    resources: {opening: 40, alarmLimits: [1.5, 2.5]}
`

// Values of an Object from a folder are checked when the profile is applied, and get to
// the device with their types.
func TestProfileWithMoreObjects(t *testing.T) {
	dir, err := filepath.Abs(testObjects)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("LWBS_OBJECTS", dir)
	sh := newShell(t)
	sh.serve()
	sh.write("valve.yaml", valveYAML)
	sh.ok("profile apply -f $D/valve.yaml")
	for old, want := range map[string][2]string{
		"opening: 40":              {"opening: 140", "valve.yaml:8: objects[0].resources.opening: Opening: 140 is not within 0 to 100"},
		"alarmLimits":              {"alarmLimit", `did you mean "alarmLimits"?`},
		"[1.5, 2.5]":               {"1.5", "Alarm Limits has instances: give a list"},
		"alarmLimits: [1.5, 2.5]}": {"alarmLimits: [1.5, 2.5]}\n    version: 1.0", `"alarmLimits" is neither a Resource ID nor the name of one`},
		"opening: 40, ":            {"opening: 40}\n    version: 7.0\n#", "Object 33001 has no version 7.0 that is known here"},
	} {
		sh.write("bad.yaml", strings.Replace(valveYAML, old, want[0], 1))
		if status, _, errs := sh.run("profile check -f $D/bad.yaml"); status != exitFailed || !strings.Contains(strings.ReplaceAll(errs, "bad.yaml", "valve.yaml"), want[1]) {
			t.Errorf("%s: status %d: %s, want %q", want[0], status, errs, want[1])
		}
	}

	sh.ok("device add dev-1 --profile valve --psk-key-format hex --psk-key-file $D/key.hex")
	if _, err := sh.bootstrap("dev-1", rightKey, lwm2m.ObjectSecurity, lwm2m.ObjectServer); err == nil {
		t.Error("a device without the Object took it")
	}
	sh.await("why dev-1", "PUT /33001/0 (Valve)")
	result, err := sh.bootstrap("dev-1", rightKey, lwm2m.ObjectSecurity, lwm2m.ObjectServer, lwm2m.ObjectDevice, 33001)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range result.Objects {
		if o.ID != 33001 {
			continue
		}
		if got := o.Instances[0].Resources; len(got) != 2 || len(got[0].Instances) != 2 {
			t.Errorf("the device has %+v", got)
		}
		return
	}
	t.Error("the device has no Object 33001")
}

// A server that knows less than the command that applies a profile says so.
func TestServerKnowsFewerObjects(t *testing.T) {
	sh := newShell(t)
	sh.serve()
	sh.write("valve.yaml", valveYAML)
	const unknown = "valve.yaml:7: objects[0]: Object 33001 is not known"
	_, _, errs := sh.run("--objects " + testObjects + " profile apply -f $D/valve.yaml")
	if !strings.HasPrefix(errs, "warning of the server: ") || !strings.Contains(errs, unknown) || strings.Count(errs, "\n") != 1 {
		t.Errorf("the server does not know the Object: %q", errs)
	}
	sh.write("valve.yaml", strings.Replace(valveYAML, "{opening: 40, alarmLimits: [1.5, 2.5]}", "{1: 40}", 1))
	_, _, errs = sh.run("profile apply -f $D/valve.yaml")
	if !strings.HasPrefix(errs, "warning: ") || !strings.Contains(errs, unknown) || strings.Count(errs, "\n") != 1 {
		t.Errorf("the Object is not known: %q", errs)
	}
}
