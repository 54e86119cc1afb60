// SPDX-License-Identifier: LGPL-2.1-or-later
// Looks for a key in the session keyring it was started with, and prints what it holds.
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char** words)
{
    char text[64] = "";
    if (count < 2) return 2;
    const long key = syscall(SYS_request_key, "user", words[1], NULL, 0);
    if (key < 0 || syscall(SYS_keyctl, 11 /* KEYCTL_READ */, key, text, sizeof text - 1) < 0) return 1;
    puts(text);
    return 0;
}
