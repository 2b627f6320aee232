/* Keeps a copy of each file under POWER_CUT_FOLDER as it is when it is flushed: what a power cut leaves of it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void keep(int descriptor) {
    const char *folder = getenv("POWER_CUT_FOLDER"), *kept = getenv("POWER_CUT_KEPT");
    char link[64], path[PATH_MAX], copy[2 * PATH_MAX], finished[2 * PATH_MAX], block[1 << 16];
    struct stat status;
    if (!folder || !kept || fstat(descriptor, &status) || !S_ISREG(status.st_mode)) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return;
    path[length] = 0;
    if (strncmp(path, folder, strlen(folder))) return;
    snprintf(copy, sizeof copy, "%s/%d-%d", kept, (int)gettid(), descriptor);
    snprintf(finished, sizeof finished, "%s/%s", kept, strrchr(path, '/') + 1);
    int out = open(copy, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (out < 0) abort();
    off_t at = 0;
    ssize_t read_now;
    while ((read_now = pread(descriptor, block, sizeof block, at)) > 0) {
        if (write(out, block, read_now) != read_now) abort();
        at += read_now;
    }
    close(out);
    if (rename(copy, finished)) abort();
}

int fsync(int descriptor) {
    keep(descriptor);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(descriptor);
}

int fdatasync(int descriptor) {
    keep(descriptor);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(descriptor);
}
