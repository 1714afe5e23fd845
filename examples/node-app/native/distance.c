#include "distance.h"

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned smaller = a < b ? a : b;
    return smaller < c ? smaller : c;
}

/* One row of the table of all prefixes' distances is enough, as each row needs only the one above it. */
unsigned distance(const char *from, size_t from_size, const char *to, size_t to_size)
{
    unsigned row[DISTANCE_LONGEST + 1];

    for (size_t column = 0; column <= to_size; column++)
        row[column] = (unsigned)column;
    for (size_t line = 1; line <= from_size; line++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)line;
        for (size_t column = 1; column <= to_size; column++) {
            unsigned above = row[column];
            unsigned replaced = diagonal + (from[line - 1] != to[column - 1]);
            row[column] = least(above + 1, row[column - 1] + 1, replaced);
            diagonal = above;
        }
    }
    return row[to_size];
}
