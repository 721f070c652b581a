/*
 * For functions that are mostly arithmetic on arrays: runs on any x86-64, and uses what the
 * processor has beyond. The same operations in the same order, so the results are the same to the
 * bit.
 */
#ifndef CLASSIFICATION_NUMERIC_PROCESSOR_H
#define CLASSIFICATION_NUMERIC_PROCESSOR_H

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) &&                             \
    !defined(__SANITIZE_ADDRESS__)
#define ANY_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define ANY_PROCESSOR
#endif

#endif
