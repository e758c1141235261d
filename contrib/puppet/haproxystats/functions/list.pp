# @summary Joins the elements of a list; of none makes nothing.
#
# @param value
#   The list, or the text for it.
# @param separator
#   What comes between two elements.
# @return
#   The text for the configuration.
function haproxystats::list(Variant[String, Array[String]] $value, String $separator) >> Optional[String] {
  $value ? {
    []      => undef,
    Array   => $value.join($separator),
    default => $value,
  }
}
