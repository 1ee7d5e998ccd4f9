// SPDX-License-Identifier: Apache-2.0
//
// The same as `shell` beside it, as an operator would write it in Go.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

const sysSetns = 308 // of amd64; package syscall has none

type state struct {
	Pid         int               `json:"pid"`
	Bundle      string            `json:"bundle"`
	Annotations map[string]string `json:"annotations"`
}

type spec struct {
	Root struct {
		Path string `json:"path"`
	} `json:"root"`
}

func (s *state) asked(key string) string {
	return strings.TrimSuffix(s.Annotations["io.bulkhead."+key], "i")
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func put(file, value string) { check(os.WriteFile(file, []byte(value), 0)) }

func limit(s *state) {
	lines, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", s.Pid))
	check(err)
	for _, line := range strings.Split(strings.TrimSpace(string(lines)), "\n") {
		part := strings.SplitN(line, ":", 3)
		switch part[1] {
		case "":
			v2 := "/sys/fs/cgroup" + part[2]
			if _, err := os.Stat(v2 + "/memory.max"); err == nil {
				put(v2+"/memory.max", s.asked("memory-max"))
				put(v2+"/pids.max", s.asked("pids-max"))
			}
		case "memory":
			put("/sys/fs/cgroup/memory"+part[2]+"/memory.limit_in_bytes", s.asked("memory-max"))
		case "pids":
			put("/sys/fs/cgroup/pids"+part[2]+"/pids.max", s.asked("pids-max"))
		}
	}
}

func resize(s *state, root string) {
	runtime.LockOSThread()
	check(syscall.Unshare(syscall.CLONE_FS)) // else the kernel lets no thread into another mount namespace
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", s.Pid))
	check(err)
	if _, _, e := syscall.RawSyscall(sysSetns, namespace.Fd(), syscall.CLONE_NEWNS, 0); e != 0 {
		check(e)
	}
	flags := uintptr(syscall.MS_REMOUNT | syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_NOEXEC)
	check(syscall.Mount("", root+"/dev/shm", "", flags, "size="+s.asked("shm-size")))
}

func main() {
	input, err := io.ReadAll(os.Stdin)
	check(err)
	var s state
	check(json.Unmarshal(input, &s))
	text, err := os.ReadFile(s.Bundle + "/config.json")
	check(err)
	var config spec
	check(json.Unmarshal(text, &config))
	root := config.Root.Path
	if !filepath.IsAbs(root) {
		root = filepath.Join(s.Bundle, root)
	}
	limit(&s)
	resize(&s, root)
}
