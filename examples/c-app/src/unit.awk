# Writes one checksum as C: a polynomial of its own, and no loop where bytes come in blocks of BLOCK.
function statement(byte, bit) {
  printf "        sum = (sum >> 1) ^ (0x%sU & (0U - (sum & 1U)));\n", polynomial
}

BEGIN {
  block = 256
  # The first is CRC-32; the others are any odd ones, as good as another to a compiler.
  if (unit == 0) polynomial = "EDB88320"
  else polynomial = sprintf("%04X%04X", 32768 + (unit * 7919) % 32768, ((unit * 104729) % 32768) * 2 + 1)

  print "#include \"checksum.h\"\n"
  print "uint32_t unit_" unit "(uint32_t sum, const unsigned char *bytes, size_t size);\n"
  print "uint32_t unit_" unit "(uint32_t sum, const unsigned char *bytes, size_t size)\n{"
  print "    sum = ~sum;"
  print "    for (; size >= " block "; size -= " block ", bytes += " block ") {"
  for (byte = 0; byte < block; byte++) {
    print "        sum ^= bytes[" byte "];"
    for (bit = 0; bit < 8; bit++) statement(byte, bit)
  }
  print "    }"
  print "    for (; size > 0; size--, bytes++) {"
  print "        sum ^= *bytes;"
  for (bit = 0; bit < 8; bit++) statement(0, bit)
  print "    }"
  print "    return ~sum;\n}"
}
