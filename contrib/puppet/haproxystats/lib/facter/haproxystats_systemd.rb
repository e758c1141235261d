# Whether systemd is what starts the services of this node, as sd_booted(3) has
# it. It is not in a container, nor while an image is built.
Facter.add(:haproxystats_systemd) do
  confine kernel: 'Linux'
  setcode { File.directory?('/run/systemd/system') }
end
