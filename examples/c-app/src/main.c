/* checksums [COUNT] <FILE: prints the first COUNT checksums of standard input, one a line; all without COUNT. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "checksum.h"

int main(int count, char **arguments)
{
    static unsigned char bytes[1 << 16];
    static uint32_t sums[UNITS];
    long wanted = count > 1 ? strtol(arguments[1], NULL, 10) : UNITS;
    size_t size;

    if (count > 2 || wanted < 1 || wanted > UNITS) {
        fprintf(stderr, "usage: checksums [COUNT] <FILE, with a COUNT from 1 to %d\n", UNITS);
        return 2;
    }
    while ((size = fread(bytes, 1, sizeof bytes, stdin)) > 0)
        for (long unit = 0; unit < wanted; unit++)
            sums[unit] = checksums[unit](sums[unit], bytes, size);
    if (ferror(stdin)) {
        perror("checksums: standard input");
        return 1;
    }
    for (long unit = 0; unit < wanted; unit++)
        printf("%08x\n", (unsigned)sums[unit]);
    return 0;
}
