# @summary Numbers the last CPUs of the node, or all if there are fewer.
#
# @param wanted
#   How many of them.
# @return
#   The numbers, separated by blanks.
function haproxystats::last_cpus(Integer[1] $wanted) >> String[1] {
  $cpus = $facts['processors']['count']
  Integer[max(0, $cpus - $wanted), $cpus - 1].map |$cpu| { $cpu }.join(' ')
}
