/* SPDX-License-Identifier: MIT */
/*
 * GDB reads a list of ELF files in memory, one for each kernel, when it stops at a function that is called after each
 * change; the names of both are GDB's. The files have no code, only the name of a function and where it is. The list is
 * the process's, as GDB wants it.
 */
#include "jit/observe.h"

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jit/lock.h"

/* ---------------------------------------------------------------------------------------------------------- GDB -- */

typedef struct jit_code_entry {
    struct jit_code_entry *next_entry, *prev_entry;
    const void *symfile_addr;
    uint64_t symfile_size;
} jit_code_entry;

typedef struct jit_descriptor {
    uint32_t version, action_flag;
    jit_code_entry *relevant_entry, *first_entry;
} jit_descriptor;

enum { NO_ACTION, REGISTER, UNREGISTER };

extern jit_descriptor __jit_debug_descriptor;
jit_descriptor __jit_debug_descriptor = {.version = 1};

void __jit_debug_register_code(void);
__attribute__((noinline, used)) void __jit_debug_register_code(void) {
    __asm__ volatile("" ::: "memory");
}

enum { TEXT = 1, SYMBOLS, NAMES, SECTIONS };

/* What GDB reads. */
typedef struct symbol_file {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    Elf64_Shdr sections[SECTIONS];
    Elf64_Sym symbols[2];
    char names[64];
} symbol_file;

struct nx_observed {
    jit_code_entry entry;
    uint32_t generation;
    symbol_file file;
};

/* Of the list; a fork while it was changed leaves a list behind that nobody touches any more. */
static nx_lock list_lock;
static uint32_t generation;

static void lock_list(void) {
    if (nx_lock_take(&list_lock) != NX_LOCK_BROKEN) return;
    __jit_debug_descriptor.first_entry = NULL;
    generation++;
}

static void tell(jit_code_entry *entry, uint32_t action) {
    __jit_debug_descriptor.relevant_entry = entry;
    __jit_debug_descriptor.action_flag = action;
    __jit_debug_register_code();
    __jit_debug_descriptor.action_flag = NO_ACTION;
}

/* The names of the sections, and then that of the function. */
static const char section_names[] = "\0.text\0.symtab\0.strtab";
enum { TEXT_NAME = 1, SYMBOLS_NAME = 7, NAMES_NAME = 15, FUNCTION_NAME = sizeof section_names };

static void write_file(symbol_file *f, uint64_t hash, uint64_t address, uint64_t bytes) {
    memset(f, 0, sizeof *f);
    memcpy(f->names, section_names, sizeof section_names);
    snprintf(f->names + FUNCTION_NAME, sizeof f->names - FUNCTION_NAME, "nexpr_%016llx", (unsigned long long)hash);
    f->header = (Elf64_Ehdr){.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                             .e_type = ET_EXEC, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
                             .e_phoff = offsetof(symbol_file, segment), .e_shoff = offsetof(symbol_file, sections),
                             .e_ehsize = sizeof f->header, .e_phentsize = sizeof f->segment, .e_phnum = 1,
                             .e_shentsize = sizeof *f->sections, .e_shnum = SECTIONS, .e_shstrndx = NAMES};
    f->segment = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_X, .p_vaddr = address, .p_paddr = address, .p_memsz = bytes};
    f->sections[TEXT] = (Elf64_Shdr){.sh_name = TEXT_NAME, .sh_type = SHT_NOBITS, .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
                                     .sh_addr = address, .sh_size = bytes, .sh_addralign = 16};
    f->sections[SYMBOLS] = (Elf64_Shdr){.sh_name = SYMBOLS_NAME, .sh_type = SHT_SYMTAB, .sh_size = sizeof f->symbols,
                                        .sh_offset = offsetof(symbol_file, symbols), .sh_link = NAMES, .sh_info = 1,
                                        .sh_addralign = 8, .sh_entsize = sizeof *f->symbols};
    f->sections[NAMES] = (Elf64_Shdr){.sh_name = NAMES_NAME, .sh_type = SHT_STRTAB, .sh_size = sizeof f->names,
                                      .sh_offset = offsetof(symbol_file, names), .sh_addralign = 1};
    f->symbols[1] = (Elf64_Sym){.st_name = FUNCTION_NAME, .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = TEXT,
                                .st_value = address, .st_size = bytes};
}

nx_observed *nx_observe(const nexpr_allocator *allocator, uint64_t hash, const void *code, size_t bytes) {
    nx_observed *o = nx_allocate(allocator, 1, sizeof *o);
    if (!o) return NULL;
    write_file(&o->file, hash, (uintptr_t)code, bytes);
    lock_list();
    jit_code_entry *first = __jit_debug_descriptor.first_entry;
    o->entry = (jit_code_entry){first, NULL, &o->file, sizeof o->file};
    o->generation = generation;
    if (first) first->prev_entry = &o->entry;
    __jit_debug_descriptor.first_entry = &o->entry;
    tell(&o->entry, REGISTER);
    nx_lock_drop(&list_lock);
    return o;
}

void nx_unobserve(const nexpr_allocator *allocator, nx_observed *o) {
    if (!o) return;
    lock_list();
    if (o->generation == generation) {
        jit_code_entry *next = o->entry.next_entry, *before = o->entry.prev_entry;
        if (next) next->prev_entry = before;
        if (before) before->next_entry = next;
        else __jit_debug_descriptor.first_entry = next;
        tell(&o->entry, UNREGISTER);
    }
    nx_lock_drop(&list_lock);
    nx_release(allocator, o, 1, sizeof *o);
}

/* --------------------------------------------------------------------------------------------------------- perf -- */

void nx_perf_map_add(uint64_t hash, const void *code, size_t bytes) {
    char path[64], line[96];
    struct stat info;
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0) return;
    int n = snprintf(line, sizeof line, "%llx %zx nexpr_%016llx\n", (unsigned long long)(uintptr_t)code, bytes,
                     (unsigned long long)hash);
    ssize_t written = 0;
    if (!fstat(fd, &info) && S_ISREG(info.st_mode) && info.st_uid == geteuid()) written = write(fd, line, (size_t)n);
    (void)written;
    close(fd);
}
