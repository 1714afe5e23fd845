#ifndef DISTANCE_H
#define DISTANCE_H

#include <stddef.h>

/* The longest text that distance() takes, in bytes. */
#define DISTANCE_LONGEST 255

/* How many bytes must be put in, taken out or replaced to make one text of the other. */
unsigned distance(const char *from, size_t from_size, const char *to, size_t to_size);

#endif
