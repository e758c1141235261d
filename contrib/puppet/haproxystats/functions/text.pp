# @summary Writes a value as the configuration has it.
#
# @param section
#   The section of the option. In a section of groups dollar signs are doubled: the values are plain regular expressions.
# @param option
#   The name of the option. Elements of a list of metrics are separated by blanks, those of other lists by commas.
# @param value
#   The value.
# @return
#   What stands behind the equals sign.
function haproxystats::text(
  String[1] $section,
  String[1] $option,
  Variant[String, Numeric, Boolean, Array[String]] $value,
) >> Variant[String, Numeric, Boolean] {
  if $value =~ Array {
    $separator = $option ? {
      /-metrics\z/ => ' ',
      default      => ', ',
    }
    $value.join($separator)
  } elsif $section =~ /\A(frontend|backend|server)-groups\z/ {
    regsubst($value, '\$', '$$', 'G')
  } else {
    $value
  }
}
