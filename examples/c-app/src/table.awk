# Writes the table of all checksums as C.
BEGIN {
  print "#include \"checksum.h\"\n"
  for (unit = 0; unit < units; unit++) print "checksum unit_" unit ";"
  print "\nchecksum *const checksums[] = {"
  for (unit = 0; unit < units; unit++) print "    unit_" unit ","
  print "};"
}
