// Loops over samples that the compiler turns into vector code. The Makefile gives the files that use this -O3.
#pragma once

// One copy of the function for each kind of CPU; which one runs is decided when the program is loaded. (Sanitizers come
// too late for that.)
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
        !defined(__SANITIZE_THREAD__)
#define FOR_EACH_CPU __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define FOR_EACH_CPU
#endif
