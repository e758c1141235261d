package systemd

// supervised asks systemd what it has read in the units, beyond what shows in the
// processes, or would only after a minute or a gigabyte.
func (f fleet) supervised() {
	f.start(units...)
	for _, unit := range units {
		for property, want := range map[string]string{
			"Type": "notify", "WatchdogUSec": "1min", "KillMode": "mixed", "TimeoutStopUSec": "10s", "Restart": "always",
			"User": "haproxystats", "Group": "haproxystats", "StateDirectory": "haproxystats", "UMask": "0027",
			"LimitNOFILE": "16384", "MemoryMax": "1073741824", "OOMScoreAdjust": "500",
			"ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "PrivateDevices": "yes",
		} {
			if got := f.Show(unit, property); got != want {
				f.t.Errorf("%s: %s=%s, want %s", unit, property, got, want)
			}
		}
	}
	// Whether addresses are filtered depends on the kernel.
	if f.Show(units[0], "IPAddressDeny") == "" {
		f.t.Errorf("%s may send to all addresses", units[0])
	}
	f.dropIn(units[0] + ".d/tcp.conf")
	f.Run("systemctl", "daemon-reload")
	if got := f.Show(units[0], "IPAddressDeny"); got != "" {
		f.t.Errorf("%s may not send to %q, with tcp.conf", units[0], got)
	}
}
