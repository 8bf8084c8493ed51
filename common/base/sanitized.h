// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SANITIZED is defined where the compiler adds its address sanitizer, gcc's or clang's way. Its
 * runtime needs memory and system calls that a jail would refuse.
 */
#ifndef VA_BASE_SANITIZED_H
#define VA_BASE_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#endif
