/* The settings of all programs together: a REDRESS_ variable of none of them is a mistake. */
#ifndef UTIL_SETTING_NAMES_H
#define UTIL_SETTING_NAMES_H

extern const char
    *const setting_names[]; /* NULL-ended; tests/integration compares it with --help */

#endif
