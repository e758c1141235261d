# @summary The package, and the user that both programs run as.
#
# The user comes first, because changing its home would not work once programs
# run as it.
#
# @api private
class haproxystats::install {
  group { 'haproxystats':
    ensure => present,
    system => true,
  }

  user { 'haproxystats':
    ensure     => present,
    system     => true,
    gid        => 'haproxystats',
    groups     => $haproxystats::groups,
    membership => minimum,
    home       => '/var/lib/haproxystats',
    shell      => '/usr/sbin/nologin',
  }

  if $haproxystats::manage_package {
    $provider = $haproxystats::package_source ? {
      undef   => undef,
      default => $facts['os']['family'] ? {
        'Debian' => 'dpkg',
        'RedHat' => 'rpm',
        default  => undef,
      },
    }

    package { $haproxystats::package_name:
      ensure   => $haproxystats::version,
      source   => $haproxystats::package_source,
      provider => $provider,
      require  => User['haproxystats'],
    }
  }
}
