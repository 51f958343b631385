/* A disk for LD_PRELOAD: slow syncs, and a record of what a power cut would leave.
 *
 * DISK_SYNC_MS  each fsync and fdatasync takes so many milliseconds longer
 * DISK_FOLDER   the folder whose state is recorded, as an absolute path without links
 * DISK_RECORD   the folder of that record; disk.py reads it:
 *
 *   files/KEY    the content of a file at its last sync
 *   folders/KEY  the names in a folder at its last sync, a line each: "f KEY NAME" or "d KEY NAME"
 *   root         the key of DISK_FOLDER
 *   syncs        the number of syncs so far, by all processes
 *   order        "before N" or "after N": the power is cut at the Nth sync
 *   cut          the moment of the cut, in ms since 1970; nothing is recorded after it
 *
 * A KEY is the inode and its time of birth, because inodes are used again. A lock lets syncs take
 * turns: an older copy would replace a newer one otherwise. The content is copied before the sync,
 * so it has all that was written before. Writes meanwhile may be in it, as on any disk.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef int sync_call(int);

static void fail(const char *what) {
    perror(what);
    abort();
}

static void path_of(char *path, const char *name) {
    snprintf(path, PATH_MAX, "%s/%s", getenv("DISK_RECORD"), name);
}

static int open_in_record(const char *name, int flags) {
    char path[PATH_MAX];
    path_of(path, name);
    int file = open(path, flags | O_CLOEXEC, 0600);
    if (file < 0 && errno != ENOENT)
        fail(path);
    return file;
}

static void write_whole(int file, const char *content, size_t size) {
    while (size > 0) {
        ssize_t written = write(file, content, size);
        if (written <= 0)
            fail("a record of the disk");
        content += written;
        size -= written;
    }
}

static void write_text(const char *name, const char *text) {
    int file = open_in_record(name, O_WRONLY | O_CREAT | O_TRUNC);
    write_whole(file, text, strlen(text));
    close(file);
}

/* Read a short text; it is empty if there is no such file. */
static void read_text(const char *name, char *text, size_t size) {
    ssize_t length = 0;
    int file = open_in_record(name, O_RDONLY);
    if (file >= 0) {
        length = read(file, text, size - 1);
        close(file);
    }
    text[length > 0 ? length : 0] = 0;
}

/* Write the key of a file or folder, and return its mode; 0 if it has gone. */
static unsigned key_of(int folder, const char *name, char *key) {
    struct statx found;
    int flags = AT_SYMLINK_NOFOLLOW | (*name ? 0 : AT_EMPTY_PATH);
    if (statx(folder, name, flags, STATX_BASIC_STATS | STATX_BTIME, &found))
        return 0;
    int has_birth = (found.stx_mask & STATX_BTIME) != 0;
    sprintf(key, "%llu.%lld.%u", (unsigned long long)found.stx_ino,
            has_birth ? (long long)found.stx_btime.tv_sec : 0, has_birth ? found.stx_btime.tv_nsec : 0);
    return found.stx_mode;
}

static void copy_file(int file, int copy) {
    static __thread char block[1 << 16];
    int reopened = -1;
    off_t offset = 0;
    ssize_t size;
    /* Closing any descriptor of a database would drop the locks that SQLite has on it. */
    while ((size = pread(file, block, sizeof block, offset)) != 0) {
        if (size > 0) {
            write_whole(copy, block, size);
            offset += size;
        } else if (errno == EBADF && reopened < 0) { /* open for writing only: not SQLite's */
            char path[40];
            sprintf(path, "/proc/self/fd/%d", file);
            file = reopened = open(path, O_RDONLY | O_CLOEXEC);
        } else {
            fail("a synced file");
        }
    }
    if (reopened >= 0)
        close(reopened);
}

static void copy_names(const char *path, int copy) {
    char key[64], line[NAME_MAX + 80];
    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (struct dirent *entry; (entry = readdir(folder));) {
        unsigned mode = key_of(dirfd(folder), entry->d_name, key);
        int is_folder = S_ISDIR(mode);
        if (!(is_folder || S_ISREG(mode)) || !strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        sprintf(line, "%c %s %s\n", is_folder ? 'd' : 'f', key, entry->d_name);
        write_whole(copy, line, strlen(line));
    }
    closedir(folder);
}

static void cut_power(void) {
    char text[32];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    sprintf(text, "%lld\n", now.tv_sec * 1000LL + now.tv_nsec / 1000000);
    write_text("cut", text);
    kill(0, SIGKILL); /* the server's process group */
    pause();
}

/* Count this sync; return True if the power is to be cut "before" or "after" it. */
static int is_last(const char *moment, int counts) {
    char text[32], ordered[8] = "";
    long number = 0, last = 0;
    read_text("syncs", text, sizeof text);
    number = atol(text) + counts;
    if (counts) {
        sprintf(text, "%ld\n", number);
        write_text("syncs", text);
    }
    read_text("order", text, sizeof text);
    return sscanf(text, "%7s %ld", ordered, &last) == 2 && !strcmp(ordered, moment) && number >= last;
}

static void delay(void) {
    const char *text = getenv("DISK_SYNC_MS");
    if (text) {
        long microseconds = (long)(atof(text) * 1000);
        struct timespec left = {microseconds / 1000000, microseconds % 1000000 * 1000};
        while (nanosleep(&left, &left) && errno == EINTR)
            ;
    }
}

static int sync_and_record(int file, const char *path, sync_call *sync_file) {
    char key[64], name[80], new_path[PATH_MAX], copy_path[PATH_MAX];
    int lock = open_in_record("lock", O_RDWR | O_CREAT);
    while (flock(lock, LOCK_EX))
        ;
    char cut[32];
    read_text("cut", cut, sizeof cut);
    if (*cut)
        pause();
    if (is_last("before", 1))
        cut_power();
    unsigned mode = key_of(file, "", key);
    sprintf(name, "%s/%s", S_ISDIR(mode) ? "folders" : "files", key);
    int copy = open_in_record("new", O_WRONLY | O_CREAT | O_TRUNC);
    if (S_ISDIR(mode))
        copy_names(path, copy);
    else
        copy_file(file, copy);
    close(copy);
    delay();
    int result = sync_file(file), error = errno;
    if (!result) {
        path_of(new_path, "new");
        path_of(copy_path, name);
        if (rename(new_path, copy_path))
            fail(copy_path);
        if (!strcmp(path, getenv("DISK_FOLDER")))
            write_text("root", key);
    }
    if (is_last("after", 0))
        cut_power();
    close(lock);
    errno = error;
    return result;
}

static int is_recorded(int file, char *path) {
    const char *folder = getenv("DISK_FOLDER");
    char link[40];
    if (!folder || !getenv("DISK_RECORD"))
        return 0;
    sprintf(link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length > 0 ? length : 0] = 0;
    size_t size = strlen(folder);
    return !strncmp(path, folder, size) && (path[size] == '/' || path[size] == 0);
}

static int sync_slowly(int file, sync_call *sync_file) {
    char path[PATH_MAX];
    if (is_recorded(file, path))
        return sync_and_record(file, path, sync_file);
    delay();
    return sync_file(file);
}

int fsync(int file) { return sync_slowly(file, (sync_call *)dlsym(RTLD_NEXT, "fsync")); }

int fdatasync(int file) { return sync_slowly(file, (sync_call *)dlsym(RTLD_NEXT, "fdatasync")); }
