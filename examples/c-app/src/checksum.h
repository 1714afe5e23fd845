#ifndef CHECKSUM_H
#define CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* One cyclic redundancy check: takes the sum so far and more bytes, gives the sum. */
typedef uint32_t checksum(uint32_t sum, const unsigned char *bytes, size_t size);

/* All of them; the first is the CRC-32 of zip and Ethernet. */
extern checksum *const checksums[];

#endif
