# @summary A drop-in of a unit. It is removed if it has no lines.
#
# Its title is the unit without `.service`, a slash and the name of the file.
#
# @param directives
#   Lines of its section [Service].
#
# @api private
define haproxystats::dropin (
  Array[String[1]] $directives,
) {
  [$unit, $file] = $title.split('/')

  $ensure = $directives ? {
    []      => absent,
    default => file,
  }

  file { "/etc/systemd/system/${unit}.service.d/${file}":
    ensure  => $ensure,
    owner   => 'root',
    group   => 'root',
    mode    => '0644',
    content => epp('haproxystats/dropin.epp', { 'directives' => $directives }),
  }
}
